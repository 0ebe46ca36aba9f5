/* A program that has limited itself by setrlimit(2).
 *   limits size N     files may not grow beyond N bytes
 *   limits kept       the same, after the file was opened
 *   limits files N    descriptors below N only */
#include "probe.h"
#include <sys/resource.h>

static void bound(int resource, unsigned long value) {
    struct rlimit limit = {value, value};
    if (setrlimit(resource, &limit)) perror("setrlimit"), exit(1);
}

static void open_and_read(const char *label) {
    int fd = open("/proc/meminfo", O_RDONLY);
    printf("%s: %d %s", label, fd, fd < 0 ? error_name(errno) : "");
    if (fd >= 0) slurp(fd), printf("%s", whose());
    putchar('\n');
}

int main(int argc, char **argv) {
    if (argc > 2 && !strcmp(argv[1], "size")) {
        bound(RLIMIT_FSIZE, strtoul(argv[2], NULL, 10));
        open_and_read("open");
    } else if (argc > 2) {
        bound(RLIMIT_NOFILE, strtoul(argv[2], NULL, 10));
        int fd = open("/proc/meminfo", O_RDONLY);
        slurp(fd);
        printf("first: %d %d\n", fd, strcmp(whose(), "broken") != 0);
        for (int i = 0; i < 8; i++) {
            int more = open("/proc/meminfo", O_RDONLY);
            printf("more: %d %s\n", more, more < 0 ? error_name(errno) : "");
        }
        off_t at = lseek(fd, 0, SEEK_SET); /* no descriptor is left for refreshing */
        slurp(fd);
        printf("again: %ld %d\n", (long)at, strcmp(whose(), "broken") != 0);
    } else {
        int fd = open("/proc/meminfo", O_RDONLY);
        slurp(fd);
        bound(RLIMIT_FSIZE, 0);
        off_t at = lseek(fd, 0, SEEK_SET);
        slurp(fd);
        printf("kept: %ld %d\n", (long)at, strcmp(whose(), "broken") != 0);
        printf("pread: %d\n", pread(fd, text, 9, 0) == 9 && !strncmp(text, "MemTotal:", 9));
    }
    return 0;
}
