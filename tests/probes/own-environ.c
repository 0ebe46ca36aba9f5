/* A program that has `environ` in its own memory, to where the loader copied it from libc (R_X86_64_COPY): it is built
 * for a fixed address. libc's symbol then leads to a variable that nobody writes any more.
 *   own-environ            asks
 *   own-environ replaced   puts an environment in place that turns the object off, then asks */
#include "probe.h"

extern char **environ;

int main(int argc, char **argv) {
    static char off[] = "CGPROC=off", limit[64], *another[] = {off, limit, NULL};
    snprintf(limit, sizeof limit, "PROBE_LIMIT_PAGES=%s", getenv("PROBE_LIMIT_PAGES"));
    if (argc > 1 && !strcmp(argv[1], "replaced")) environ = another;
    int fd = open("/proc/meminfo", O_RDONLY);
    slurp(fd);
    printf("meminfo: %s\n", whose());
    printf("sysconf: %s\n", side(sysconf(_SC_PHYS_PAGES)));
    return 0;
}
