/* A board that a probe writes for its own cgroup, laid out as in docs/board.md. */
#include "probe.h"

enum { WORDS = 32, UNIFIED = 1, CPUACCT = 4, KNOWS_LOAD = 1, KNOWS_DISK = 8 };

/* The words of one publication: its number first, the checksum of all others last. */
static void seal(uint64_t *words) {
    uint64_t sum = 0xcbf29ce484222325;
    words[0] = 2;
    for (int i = 0; i < WORDS - 1; i++) sum = ((sum << 29 | sum >> 35) ^ words[i]) * 0x9e3779b97f4a7c15;
    words[WORDS - 1] = sum;
}

/* Publishes one slot, which `fill` fills with figures. */
static void publish(const char *board, void (*fill)(uint64_t *slot)) {
    struct stat own = {0};
    struct timespec now = {0};
    uint64_t blocks[2][WORDS] = {{0}};
    int is_v1 = raw(SYS_newfstatat, AT_FDCWD, (long)"/sys/fs/cgroup/cpuacct", (long)&own, 0, 0, 0) == 0;
    if (!is_v1) raw(SYS_newfstatat, AT_FDCWD, (long)"/sys/fs/cgroup", (long)&own, 0, 0, 0);
    raw(SYS_clock_gettime, CLOCK_REALTIME, (long)&now, 0, 0, 0, 0);
    uint64_t usec = now.tv_sec * 1000000ull + now.tv_nsec / 1000;
    for (const char *letter = "cgprocbd"; *letter; letter++) blocks[0][1] = blocks[0][1] << 8 | (unsigned char)*letter;
    blocks[0][2] = 1; /* the version */
    blocks[0][7] = 1; /* slots */
    blocks[1][1] = is_v1 ? CPUACCT : UNIFIED;
    blocks[1][2] = own.st_ino;
    for (int block = 0; block < 2; block++) {
        blocks[block][3] = usec;
        blocks[block][6] = usec + 60000000;
    }
    fill(blocks[1]);
    seal(blocks[0]), seal(blocks[1]);
    int fd = raw_open(board, O_RDWR | O_CREAT | O_TRUNC);
    raw(SYS_pwrite64, fd, (long)blocks, sizeof blocks, 0, 0, 0);
    raw_close(fd);
}
