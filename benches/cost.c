/* Times operations in every variant, in batches that take turns, and prints the medians:
 *   OPERATION <tab> VARIANT <tab> nanoseconds <tab> nanoseconds over the variant "kernel" (median over the rounds)
 *
 *   cost OTHER LIKE ROUNDS [LXCFS]
 *
 * The object is preloaded. A function that this program is bound to is the object's; the same function taken from
 * libc's own handle (dlsym) bypasses it. OTHER is a file that is not answered, LIKE one whose name ends like an
 * answered one's, LXCFS the directory where lxcfs is mounted. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "timing.h"

#define CPU0 "/sys/devices/system/cpu/cpu0"
#define NODE0 "/sys/devices/system/node/node0"

enum { KERNEL, OURS, LXCFS, VARIANTS };
static const char *const variant_names[] = {"kernel", "ours", "lxcfs"};

/* The functions compared: libc's own, and those that this program is bound to. */
static struct calls {
    int (*open)(const char *, int, ...);
    int (*close)(int);
    ssize_t (*read)(int, void *, size_t);
    off_t (*lseek)(int, off_t, int);
    int (*fstat)(int, struct stat *);
    int (*stat)(const char *, struct stat *);
    long (*sysconf)(int);
    int (*sysinfo)(struct sysinfo *);
    int (*affinity)(pid_t, size_t, cpu_set_t *);
    int (*loads)(double *, int);
    int (*statvfs)(const char *, struct statvfs *);
} calls[VARIANTS];

static const char *other, *like, *lxcfs;
static int zero, other_fd;
static char buffer[1 << 18];

static void whole(const struct calls *c, const char *path) {
    int fd = c->open(path, O_RDONLY);
    if (fd < 0) perror(path), exit(1);
    while (c->read(fd, buffer, sizeof buffer) > 0) {}
    c->close(fd);
}

static void file(const struct calls *c, const char *name) {
    static char path[4096];
    if (c != &calls[LXCFS]) return whole(c, name);
    snprintf(path, sizeof path, "%s%s", lxcfs, name);
    whole(c, path);
}

/* The same for a file that lxcfs does not have. */
static void unknown_to_lxcfs(const struct calls *c, const char *name) { whole(c, name); }

static void open_close(const struct calls *c, const char *name) {
    (void)name;
    c->close(c->open(other, O_RDONLY));
}
static void open_close_like(const struct calls *c, const char *name) {
    (void)name;
    c->close(c->open(like, O_RDONLY));
}
static void read_byte(const struct calls *c, const char *name) { (void)name, (void)!c->read(zero, buffer, 1); }
static void seek(const struct calls *c, const char *name) { (void)name, c->lseek(other_fd, 0, SEEK_SET); }
static void status(const struct calls *c, const char *name) {
    struct stat st;
    (void)name, c->fstat(other_fd, &st);
}
static void status_by_path(const struct calls *c, const char *name) {
    struct stat st;
    (void)name, c->stat(other, &st);
}
static void page_size(const struct calls *c, const char *name) { (void)name, c->sysconf(_SC_PAGESIZE); }
static void online(const struct calls *c, const char *name) { (void)name, c->sysconf(_SC_NPROCESSORS_ONLN); }
static void pages(const struct calls *c, const char *name) { (void)name, c->sysconf(_SC_PHYS_PAGES); }
static void info(const struct calls *c, const char *name) {
    struct sysinfo it;
    (void)name, c->sysinfo(&it);
}
static void loads(const struct calls *c, const char *name) {
    double averages[3];
    (void)name, c->loads(averages, 3);
}
static void space(const struct calls *c, const char *name) {
    struct statvfs it;
    (void)name, c->statvfs("/", &it);
}
static void affinity(const struct calls *c, const char *name) {
    cpu_set_t set;
    (void)name, c->affinity(0, sizeof set, &set);
}

static const struct operation {
    const char *name;
    void (*run)(const struct calls *, const char *);
    int batch;
} operations[] = {
    {"/proc/meminfo", file, 20},       {"/proc/stat", file, 20},
    {"/proc/cpuinfo", file, 20},       {"/proc/uptime", file, 20},
    {"/proc/loadavg", file, 20},       {"/proc/diskstats", file, 20},
    {"/proc/vmstat", unknown_to_lxcfs, 20}, {CPU0 "/topology/core_siblings_list", unknown_to_lxcfs, 20},
    {NODE0 "/meminfo", unknown_to_lxcfs, 20},
    {"getloadavg", loads, 200},        {"statvfs", space, 200},
    {"open and close", open_close, 200},
    {"open and close, named like one", open_close_like, 200},
    {"read a byte", read_byte, 1000},  {"lseek", seek, 1000},
    {"fstat", status, 1000},           {"stat", status_by_path, 500},
    {"sysconf(_SC_PAGESIZE)", page_size, 20000},
    {"sysconf(_SC_NPROCESSORS_ONLN)", online, 200},
    {"sysconf(_SC_PHYS_PAGES)", pages, 200},
    {"sysinfo", info, 200},            {"sched_getaffinity", affinity, 1000},
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

static void *own(void *libc, const char *name) {
    void *function = dlsym(libc, name);
    if (!function) fprintf(stderr, "libc has no %s\n", name), exit(1);
    return function;
}

static void bind(void) {
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    if (!libc) fprintf(stderr, "%s\n", dlerror()), exit(1);
    calls[KERNEL] = (struct calls){own(libc, "open"), own(libc, "close"), own(libc, "read"), own(libc, "lseek"), own(libc, "fstat"),
                                   own(libc, "stat"), own(libc, "sysconf"), own(libc, "sysinfo"), own(libc, "sched_getaffinity"), own(libc, "getloadavg"), own(libc, "statvfs")};
    calls[OURS] = (struct calls){open, close, read, lseek, fstat, stat, sysconf, sysinfo, sched_getaffinity, getloadavg, statvfs};
    calls[LXCFS] = calls[KERNEL];
}

static void measure(const struct operation *operation, int rounds, double *times[VARIANTS]) {
    int variants = operation->run == file && lxcfs ? VARIANTS : LXCFS;
    for (int round = -3; round < rounds; round++)
        for (int turn = 0; turn < variants; turn++) {
            int variant = (turn + round + 3) % variants;
            double begun = now();
            for (int i = 0; i < operation->batch; i++) operation->run(&calls[variant], operation->name);
            if (round >= 0) times[variant][round] = (now() - begun) / operation->batch;
        }
    for (int variant = variants - 1; variant >= 0; variant--) {
        static double over[10000];
        for (int round = 0; round < rounds; round++) over[round] = times[variant][round] - times[KERNEL][round];
        double difference = median(over, rounds);
        if (variant != KERNEL) printf("%s\t%s\t%.1f\t%.1f\n", operation->name, variant_names[variant], median(times[variant], rounds), difference);
    }
    printf("%s\tkernel\t%.1f\t0\n", operation->name, median(times[KERNEL], rounds));
}

int main(int argc, char **argv) {
    static double first[10000], second[10000], third[10000];
    double *times[] = {first, second, third};
    int rounds = argc > 3 ? atoi(argv[3]) : 0;
    if (rounds < 1 || rounds > 10000) return 2;
    other = argv[1], like = argv[2], lxcfs = argc > 4 ? argv[4] : NULL;
    bind();
    zero = open("/dev/zero", O_RDONLY), other_fd = open(other, O_RDONLY);
    for (int i = 0; i < OPERATIONS; i++) measure(&operations[i], rounds, times);
    return 0;
}
