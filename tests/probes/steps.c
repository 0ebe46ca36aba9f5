/* Asks for one thing, between marks that strace shows: writes to an invalid descriptor.
 *   steps FILE     first and steady: open, read, close; refresh: seek to the start and read again
 *   steps CALL     first and steady: the call, after a tick of the clock; refresh: the call within the same tick */
#include "probe.h"
#include <sched.h>
#include <sys/sysinfo.h>

enum { ROUNDS = 6 };
static char buffer[1 << 16];

static void mark(const char *word, const char *step) {
    char line[64];
    raw(SYS_write, -1, (long)line, snprintf(line, sizeof line, "%s %s", word, step), 0, 0, 0);
}

static void read_file(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, buffer, sizeof buffer) < 1 || close(fd)) exit(1);
}

/* When nothing is remembered from the tick before. One system call more. */
static void read_later(const char *path) {
    next_tick();
    read_file(path);
}

static void info(const char *none) {
    struct sysinfo it;
    (void)none;
    if (sysinfo(&it)) exit(1);
}

static void affinity(const char *none) {
    cpu_set_t set;
    (void)none;
    if (sched_getaffinity(0, sizeof set, &set)) exit(1);
}

static void online(const char *none) { (void)none, (void)sysconf(_SC_NPROCESSORS_ONLN); }
static void pages(const char *none) { (void)none, (void)sysconf(_SC_PHYS_PAGES); }
static void free_pages(const char *none) { (void)none, (void)sysconf(_SC_AVPHYS_PAGES); }
static void load(const char *none) {
    double averages[3];
    (void)none;
    if (getloadavg(averages, 3) != 3) exit(1);
}

static void nprocs(const char *none) { (void)none, (void)get_nprocs(); }

static const struct { const char *name; void (*ask)(const char *path); const char *path; } things[] = {
    {"meminfo", read_file, "/proc/meminfo"},   {"swaps", read_file, "/proc/swaps"},
    {"stat", read_file, "/proc/stat"},         {"cpuinfo", read_file, "/proc/cpuinfo"},
    {"uptime", read_file, "/proc/uptime"},     {"online", read_file, CPUS "/online"},
    {"present", read_file, CPUS "/present"},   {"other", read_file, "/proc/version"},
    {"meminfo-later", read_later, "/proc/meminfo"},
    {"threads-max", read_file, "/proc/sys/kernel/threads-max"},
    {"sysinfo", info, NULL},                   {"affinity", affinity, NULL},
    {"load", load, NULL},
    {"nprocs", nprocs, NULL},                  {"sysconf-online", online, NULL},
    {"sysconf-pages", pages, NULL},            {"sysconf-free-pages", free_pages, NULL},
};

int main(int argc, char **argv) {
    size_t i = 0;
    while (i < sizeof things / sizeof *things && (argc < 2 || strcmp(things[i].name, argv[1]))) i++;
    if (i == sizeof things / sizeof *things) return 2;
    mark("begin", "first");
    things[i].ask(things[i].path);
    mark("end", "first");
    for (int round = 0; round < ROUNDS; round++) {
        if (!things[i].path) next_tick();
        mark("begin", "steady");
        things[i].ask(things[i].path);
        mark("end", "steady");
        if (things[i].path) continue;
        mark("begin", "refresh");
        things[i].ask(things[i].path);
        mark("end", "refresh");
    }
    if (!things[i].path) return 0;
    int fd = open(things[i].path, O_RDONLY);
    for (int round = 0; round < ROUNDS + 1; round++) {
        if (read(fd, buffer, sizeof buffer) < 1) return 1;
        next_tick();
        mark("begin", "refresh");
        if (lseek(fd, 0, SEEK_SET) || read(fd, buffer, sizeof buffer) < 1) return 1;
        mark("end", "refresh");
        lseek(fd, 0, SEEK_SET);
    }
    return 0;
}
