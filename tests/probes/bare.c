/* A program without standard descriptors: files that it opens get their numbers, and only the exit status can tell. */
#include "probe.h"

int main(void) {
    raw_close(0), raw_close(1), raw_close(2);
    for (int want = 0; want < 3; want++) {
        int fd = open("/proc/meminfo", O_RDONLY);
        if (fd != want) return 10 + want;
        if (slurp(fd) < 100 || !strcmp(whose(), "broken")) return 20 + want;
        if (lseek(fd, 0, SEEK_SET) || slurp(fd) < 100 || !strcmp(whose(), "broken")) return 30 + want;
    }
    FILE *stream = fopen("/proc/stat", "r");
    if (!stream || fileno(stream) != 3) return 40;
    raw_close(0);
    if (sysconf(_SC_NPROCESSORS_ONLN) < 1) return 50;
    return open("/proc/uptime", O_RDONLY) == 0 ? !strcmp(side(figure("MemTotal:") / 4), "container") ? 3 : 4 : 60;
}
