/* Numbers that calls and a file show, before and after what they come from changes, in loops as programs ask for them.
 *   tick     CGPROC_BOARD is a board that this writes */
#include "board.h"
#include <sys/sysinfo.h>

static unsigned running;

static void load(uint64_t *slot) {
    slot[7] = KNOWS_LOAD;
    slot[8] = running * 2048ull | running * 2048ull << 32;
    slot[9] = running * 2048ull;
    slot[10] = 9ull << 32;
}

static void limit(const char *bytes) {
    int fd = raw_open("/sys/fs/cgroup/memory/memory.limit_in_bytes", O_WRONLY);
    if (fd < 0) fd = raw_open("/sys/fs/cgroup/memory.max", O_WRONLY);
    if (raw(SYS_write, fd, (long)bytes, strlen(bytes), 0, 0, 0) < 0) printf("limit: not set\n");
    raw_close(fd);
}

static void say(const char *when) {
    struct sysinfo info;
    double average[1] = {-1};
    /* The same figures at each door: a second look is at what the first remembered. */
    for (int look = 0; look < 2; look++) {
        int fd = open("/proc/meminfo", O_RDONLY);
        if (sysinfo(&info) || getloadavg(average, 1) != 1 || slurp(fd) <= 0) printf("%s: refused\n", when);
        raw_close(fd);
        long all = info.totalram * info.mem_unit / 4096;
        /* The machine has more free than the container has. */
        int is_less = sysconf(_SC_AVPHYS_PAGES) < all && get_avphys_pages() < all;
        printf("%s: %ld %ld %ld %ld pages, load %.0f %lu, %s free\n", when, sysconf(_SC_PHYS_PAGES), (long)get_phys_pages(),
               all, figure("MemTotal:") / 4, average[0], info.loads[0] >> 16, is_less ? "less" : "more");
    }
}

int main(void) {
    running = 3, publish(getenv("CGPROC_BOARD"), load);
    say("before");
    running = 5, publish(getenv("CGPROC_BOARD"), load);
    limit("134217728");
    next_tick();
    say("after");
    limit("268435456");
    next_tick();
    say("again");
    unlink(getenv("CGPROC_BOARD"));
    return 0;
}
