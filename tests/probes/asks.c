/* A library that asks when it is told to. */
#include "probe.h"
#include <dirent.h>

/* Whose memory it sees. */
const char *ask(void) {
    int fd = open("/proc/meminfo", O_RDONLY);
    if (fd < 0) return error_name(errno);
    slurp(fd);
    close(fd);
    return whose();
}

/* How many entries there are where CPUs are; libc allocates them, and the library frees them. */
int list(void) {
    struct dirent **entries;
    int count = scandir(CPUS, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) free(entries[i]);
    if (count >= 0) free(entries);
    return count;
}
