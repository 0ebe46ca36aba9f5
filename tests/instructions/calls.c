/* Does something twice, again and again, and has callgrind dump what each second time cost.
 *
 *   calls WHAT OTHER LIKE       OTHER is a file that is not answered, LIKE one whose name ends like an answered one's */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

enum { ROUNDS = 12 };
static const char *other, *like;
static int fd;
static char text[4096];

static void open_other(void) { close(open(other, O_RDONLY)); }
static void open_like(void) { close(open(like, O_RDONLY)); }
static void stat_other(void) {
    struct stat st;
    stat(other, &st);
}
static void fstat_other(void) {
    struct stat st;
    fstat(fd, &st);
}
static void seek(void) { lseek(fd, 0, SEEK_SET); }
static void page_size(void) { sysconf(_SC_PAGESIZE); }

/* The container has one CPU: whatever else is said is not ours. */
static void expect(int holds) {
    if (!holds) fprintf(stderr, "not answered\n"), exit(1);
}
static void count(void) { expect(get_nprocs() == 1); }
static void online(void) { expect(sysconf(_SC_NPROCESSORS_ONLN) == 1); }

static const struct { const char *name; void (*act)(void); } things[] = {
    {"open", open_other}, {"open-like", open_like}, {"stat", stat_other}, {"fstat", fstat_other},
    {"lseek", seek},      {"pagesize", page_size},
    {"get_nprocs", count}, {"sysconf-online", online},
};

int main(int argc, char **argv) {
    size_t i = 0;
    if (argc != 4) return 2;
    while (i < sizeof things / sizeof *things && strcmp(things[i].name, argv[1])) i++;
    if (i == sizeof things / sizeof *things) return 2;
    other = argv[2], like = argv[3], fd = open(other, O_RDONLY);
    for (int round = 0; round < ROUNDS; round++) {
        things[i].act();
        CALLGRIND_ZERO_STATS;
        things[i].act();
        CALLGRIND_DUMP_STATS;
    }
    return 0;
}
