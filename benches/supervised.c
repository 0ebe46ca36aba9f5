/* Times operations of a static program and prints the median of each, in nanoseconds: OPERATION <tab> nanoseconds
 *
 *   supervised OTHER ROUNDS [LXCFS]
 *
 * OTHER is a file that is not answered. LXCFS is the directory where lxcfs is mounted; if given, only its files are
 * timed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "timing.h"

static const char *other, *lxcfs = "";
static int other_fd;
static char buffer[1 << 18];

static void file(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s%s", lxcfs, name);
    int fd = open(path, O_RDONLY);
    if (fd < 0) perror(path), exit(1);
    while (read(fd, buffer, sizeof buffer) > 0) {}
    close(fd);
}
static void reading(const char *name) { (void)name, close(open(other, O_RDONLY)); }
static void writing(const char *name) { (void)name, close(open(other, O_WRONLY)); }
static void parent(const char *name) { (void)name, getppid(); }
static void seek(const char *name) { (void)name, lseek(other_fd, 1, SEEK_SET); }
static void rewinding(const char *name) { (void)name, lseek(other_fd, 0, SEEK_SET); }
static void info(const char *name) {
    struct sysinfo it;
    (void)name, sysinfo(&it);
}
static void affinity(const char *name) {
    cpu_set_t set;
    (void)name, sched_getaffinity(0, sizeof set, &set);
}

static const struct operation {
    const char *name;
    void (*run)(const char *);
    int batch;
} operations[] = {
    {"/proc/meminfo", file, 5}, {"/proc/stat", file, 5},      {"/proc/cpuinfo", file, 5},
    {"/proc/uptime", file, 5},  {"/proc/loadavg", file, 5},   {"/proc/diskstats", file, 5},
    {"sysinfo", info, 5},       {"sched_getaffinity", affinity, 5},
    {"open for reading, close", reading, 50}, {"open for writing, close", writing, 50},
    {"lseek to the start", rewinding, 50},    {"lseek elsewhere", seek, 1000},
    {"getppid", parent, 1000},
};

int main(int argc, char **argv) {
    static double times[10000];
    int rounds = argc > 2 ? atoi(argv[2]) : 0;
    if (rounds < 1 || rounds > 10000) return 2;
    other = argv[1];
    if (argc > 3) lxcfs = argv[3];
    other_fd = open(other, O_RDONLY);
    for (const struct operation *it = operations; it < operations + sizeof operations / sizeof *operations; it++) {
        if (*lxcfs && it->run != file) continue;
        for (int round = -3; round < rounds; round++) {
            double begun = now();
            for (int i = 0; i < it->batch; i++) it->run(it->name);
            if (round >= 0) times[round] = (now() - begun) / it->batch;
        }
        printf("%s\t%.1f\n", it->name, median(times, rounds));
    }
    return 0;
}
