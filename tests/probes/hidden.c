/* A program whose /proc/self belongs to root, so that it cannot read its own environment there.
 *   hidden         because nobody may read its file
 *   hidden drops   because it gives up root's rights */
#include "probe.h"
#include <grp.h>

enum { NOBODY = 65534 };

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "drops") && (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))) return 1;
    int fd = raw_open("/proc/self/environ", O_RDONLY);
    printf("environ: %s\n", error_name(fd < 0 ? -fd : 0));
    errno = UNTOUCHED;
    fd = open("/proc/meminfo", O_RDONLY);
    printf("open: %s\n", error_name(errno == UNTOUCHED ? 0 : errno));
    slurp(fd);
    printf("meminfo: %s\n", whose());
    printf("sysconf: %s\n", side(sysconf(_SC_PHYS_PAGES)));
    return 0;
}
