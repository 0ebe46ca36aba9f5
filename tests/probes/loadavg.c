/* getloadavg(3), with a board that has a load. */
#include "board.h"

#define LOAD "2.50 1.25 0.50"

static void load(uint64_t *slot) {
    slot[7] = KNOWS_LOAD;
    slot[8] = 5120 | 2560ull << 32;
    slot[9] = 1024 | 3ull << 32;
    slot[10] = 9ull << 32;
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
    publish(board, load);
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
