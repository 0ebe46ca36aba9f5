/* A program that confines itself to a directory before it asks anything.
 *   rooted DIRECTORY */
#include "probe.h"
#include <sys/sysinfo.h>

int main(int argc, char **argv) {
    struct sysinfo info;
    if (argc < 2 || chroot(argv[1]) || chdir("/")) return perror("chroot"), 1;
    int fd = open("/proc/meminfo", O_RDONLY);
    printf("meminfo: %d %s\n", fd, fd < 0 ? error_name(errno) : "");
    if (fd >= 0) slurp(fd), fputs(text, stdout);
    fd = open(CPUS "/online", O_RDONLY);
    printf("online: %d %s\n", fd, fd < 0 ? error_name(errno) : "");
    printf("sysconf: %ld %ld\n", sysconf(_SC_NPROCESSORS_ONLN), sysconf(_SC_PHYS_PAGES));
    int result = sysinfo(&info);
    printf("sysinfo: %d %s\n", result, side(info.totalram * info.mem_unit / 4096));
    return 0;
}
