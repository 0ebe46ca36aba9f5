/* getloadavg(3), beside a board that this probe writes for its own cgroup, as docs/board.md draws it. */
#include "probe.h"

enum { WORDS = 32, UNIFIED = 1, CPUACCT = 4, KNOWS_LOAD = 1 };
#define LOAD "2.50 1.25 0.50"

/* The words of one publication: its number first, the sum of all before last. */
static void seal(uint64_t *words) {
    uint64_t sum = 0xcbf29ce484222325;
    words[0] = 2;
    for (int i = 0; i < WORDS - 1; i++) sum = ((sum << 29 | sum >> 35) ^ words[i]) * 0x9e3779b97f4a7c15;
    words[WORDS - 1] = sum;
}

static void publish(const char *board) {
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
    blocks[1][7] = KNOWS_LOAD;
    blocks[1][8] = 5120 | 2560ull << 32;
    blocks[1][9] = 1024 | 3ull << 32;
    blocks[1][10] = 9ull << 32;
    seal(blocks[0]), seal(blocks[1]);
    int fd = raw_open(board, O_RDWR | O_CREAT | O_TRUNC);
    raw(SYS_pwrite64, fd, (long)blocks, sizeof blocks, 0, 0, 0);
    raw_close(fd);
}

static const char *shown(int count, char *room, size_t size) {
    double load[4] = {-1, -1, -1, -1};
    int result = WATCHED(((int (*)(double *, int))symbol)(load, count));
    printf("result=%d\nerrno=%s\nbeyond=%g\n", result, error_name(errno), load[3]);
    snprintf(room, size, "%.2f %.2f %.2f", load[0], load[1], load[2]);
    if (strcmp(room, LOAD) == 0) return "container";
    int fd = raw_open("/proc/loadavg", O_RDONLY);
    slurp(fd), raw_close(fd);
    return strncmp(text, room, strlen(room)) == 0 ? "kernel" : room;
}

static void answer_getloadavg(void) {
    const char *board = getenv("CGPROC_BOARD");
    char room[64];
    publish(board);
    printf("load=%s\n", shown(3, room, sizeof room));
    /* There are no more than three. */
    printf("load=%s\n", shown(4, room, sizeof room));
    unlink(board);
}

static void pass_getloadavg(void) {
    double load[3] = {-1, -1, -1};
    unlink(getenv("CGPROC_BOARD"));
    for (int count = -1; count <= 3; count++) {
        int result = WATCHED(((int (*)(double *, int))symbol)(load, count));
        printf("%d: %d %s\n", count, result, error_name(errno));
    }
    printf("all: %d\n", load[0] >= 0 && load[1] >= 0 && load[2] >= 0);
}

static const struct row rows[] = {
    {"getloadavg", NULL, answer_getloadavg, pass_getloadavg},
    {0},
};

int main(int argc, char **argv) { return probe_main(argc, argv, rows); }
