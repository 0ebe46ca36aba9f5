/* Where a step too far kills the program.
 *   edges paths     the shortest paths, each with its NUL in the last byte before memory that nobody may read
 *   edges counter   after the processor's counter was forbidden (PR_SET_TSC)
 *   edges earliest  before libc's own constructor: glibc calls .preinit_array first; musl does not know it */
#include "probe.h"
#include <sys/prctl.h>
#include <sys/sysinfo.h>

static char earliest[64] = "earliest: not called\n";

/* libc may not be used yet, but for what only asks the kernel. */
static void ask(void) {
    struct sysinfo info = {0};
    if (sysconf(_SC_NPROCESSORS_ONLN) > 0 && !sysinfo(&info)) strcpy(earliest, "earliest: asked\n");
}
__attribute__((section(".preinit_array"), used)) static void (*const before_all)(void) = ask;

static void paths(void) {
    static const char *const shortest[] = {"", "/", ".", "a", "io", "/io", "/s", "/."};
    for (size_t i = 0; i < sizeof shortest / sizeof *shortest; i++) {
        size_t size = strlen(shortest[i]) + 1;
        char *path = edge_of_page() - size;
        struct stat st;
        memcpy(path, shortest[i], size);
        printf("%s: %d", shortest[i], fstatat(AT_FDCWD, path, &st, AT_EMPTY_PATH));
        int fd = open(path, O_RDONLY);
        printf(" %d %d\n", fd < 0 ? -errno : 0, access(path, F_OK));
        if (fd >= 0) raw_close(fd);
    }
}

static void counter(void) {
#ifdef __x86_64__
    /* A user-mode kernel cannot forbid it; the machine's own can. */
    if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) && errno != EINVAL) exit(1);
#endif
    static const char *const files[] = {"/proc/uptime", "/proc/stat", "/proc/loadavg", "/proc/cpuinfo", "/proc/vmstat"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int fd = raw_open("/dev/null", O_RDONLY);
        raw_close(fd);
        int file = open(files[i], O_RDONLY);
        char line[64];
        int length = snprintf(line, sizeof line, "%s: %s\n", files[i], slurp(file) > 0 && file == fd ? "read" : "failed");
        raw(SYS_write, 1, (long)line, length, 0, 0, 0);
        raw_close(file);
    }
    struct sysinfo info = {0};
    int fd = open("/proc/meminfo", O_RDONLY);
    slurp(fd);
    printf("meminfo: %s\n", whose());
    printf("sysinfo: %s\n", sysinfo(&info) ? "failed" : side(info.totalram * info.mem_unit / 4096));
}

int main(int argc, char **argv) {
    const char *which = argc > 1 ? argv[1] : "";
    if (!strcmp(which, "paths")) paths();
    if (!strcmp(which, "counter")) counter();
    if (!strcmp(which, "earliest")) fputs(earliest, stdout);
    return 0;
}
