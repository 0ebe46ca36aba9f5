/* Times operations in every variant, in batches that take turns, and prints
 *   OPERATION <tab> VARIANT <tab> nanoseconds, as quartiles <tab> nanoseconds over the variant "kernel", as quartiles of
 *   each round's
 *
 *   cost OTHER LIKE ROUNDS OPERATION... [-- NAME=DIRECTORY...]
 *
 * The object is preloaded. A function that this program is bound to is the object's; the same function taken from
 * libc's own handle (dlsym) bypasses it. OTHER is a file that is not answered, LIKE one whose name ends like an
 * answered one's. OPERATION is a name, or `all`, or `threads` for three of them by 1 to 16 threads; a file that this
 * kernel does not have is left out. DIRECTORY is where an lxcfs is mounted, which is a variant of that name. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "timing.h"

#define CPU0 "/sys/devices/system/cpu/cpu0"
#define NODE0 "/sys/devices/system/node/node0"

enum { KERNEL, OURS, LXCFS, VARIANTS = LXCFS + 4, MOST_ROUNDS = 10000 };
static const char *variant_names[VARIANTS] = {"kernel", "ours"};
static const char *directories[VARIANTS] = {"", ""};
static int variants_there = LXCFS;

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
    int (*cpus)(void);
    ssize_t (*pread)(int, void *, size_t, off_t);
} calls[VARIANTS];

static const char *other, *like;
static int zero, other_fd;

/* What a thread is at. */
struct asker {
    const struct calls *calls;
    const char *directory, *name;
    int kept;
    char *buffer;
};
enum { BUFFER = 1 << 18 };

static int opened(const struct asker *a) {
    char path[4096];
    snprintf(path, sizeof path, "%s%s", a->directory, a->name);
    int fd = a->calls->open(path, O_RDONLY);
    if (fd < 0) perror(path), exit(1);
    return fd;
}

static void file(struct asker *a) {
    int fd = opened(a);
    while (a->calls->read(fd, a->buffer, BUFFER) > 0) {}
    a->calls->close(fd);
}

/* The same file, kept open and read again from its start. */
static void again(struct asker *a) {
    if (a->kept < 0) a->kept = opened(a);
    a->calls->lseek(a->kept, 0, SEEK_SET);
    while (a->calls->read(a->kept, a->buffer, BUFFER) > 0) {}
}

static void open_close(struct asker *a) { a->calls->close(a->calls->open(other, O_RDONLY)); }
static void open_close_like(struct asker *a) { a->calls->close(a->calls->open(like, O_RDONLY)); }
static void read_byte(struct asker *a) { (void)!a->calls->read(zero, a->buffer, 1); }
static void pread_byte(struct asker *a) { (void)!a->calls->pread(zero, a->buffer, 1, 0); }
static void seek(struct asker *a) { a->calls->lseek(other_fd, 0, SEEK_SET); }
static void status(struct asker *a) {
    struct stat st;
    a->calls->fstat(other_fd, &st);
}
static void status_by_path(struct asker *a) {
    struct stat st;
    a->calls->stat(other, &st);
}
static void page_size(struct asker *a) { a->calls->sysconf(_SC_PAGESIZE); }
static void online(struct asker *a) { a->calls->sysconf(_SC_NPROCESSORS_ONLN); }
static void count(struct asker *a) { a->calls->cpus(); }
static void pages(struct asker *a) { a->calls->sysconf(_SC_PHYS_PAGES); }
static void free_pages(struct asker *a) { a->calls->sysconf(_SC_AVPHYS_PAGES); }
static void info(struct asker *a) {
    struct sysinfo it;
    a->calls->sysinfo(&it);
}
static void loads(struct asker *a) {
    double averages[3];
    a->calls->loads(averages, 3);
}
static void space(struct asker *a) {
    struct statvfs it;
    a->calls->statvfs("/", &it);
}
static void affinity(struct asker *a) {
    cpu_set_t set;
    a->calls->affinity(0, sizeof set, &set);
}

/* Of an operation: lxcfs has the file; it is answered; it is passed through. */
enum { BY_LXCFS, ANSWERED, PASSED };

static const struct operation {
    const char *name;
    void (*run)(struct asker *);
    int batch, kind;
} operations[] = {
    {"/proc/meminfo", file, 20, BY_LXCFS},
    {"/proc/stat", file, 20, BY_LXCFS},
    {"/proc/cpuinfo", file, 20, BY_LXCFS},
    {"/proc/uptime", file, 20, BY_LXCFS},
    {"/proc/loadavg", file, 20, BY_LXCFS},
    {"/proc/diskstats", file, 20, BY_LXCFS},
    {"/proc/swaps", file, 20, BY_LXCFS},
    {"/sys/devices/system/cpu/online", file, 20, ANSWERED},
    {"/proc/vmstat", file, 20, ANSWERED},
    {"/proc/schedstat", file, 20, ANSWERED},
    {CPU0 "/topology/core_siblings_list", file, 20, ANSWERED},
    {NODE0 "/meminfo", file, 20, ANSWERED},
    {"/proc/pressure/cpu", file, 20, ANSWERED},
    {"/proc/sys/kernel/threads-max", file, 20, ANSWERED},
    {"getloadavg", loads, 200, ANSWERED},
    {"statvfs", space, 200, ANSWERED},
    {"open and close", open_close, 200, PASSED},
    {"open and close, named like one", open_close_like, 200, PASSED},
    {"read a byte", read_byte, 1000, PASSED},
    {"pread a byte", pread_byte, 1000, PASSED},
    {"lseek", seek, 1000, PASSED},
    {"fstat", status, 1000, PASSED},
    {"stat", status_by_path, 500, PASSED},
    {"sysconf(_SC_PAGESIZE)", page_size, 20000, PASSED},
    {"sysconf(_SC_NPROCESSORS_ONLN)", online, 200, ANSWERED},
    {"get_nprocs", count, 200, ANSWERED},
    {"sysconf(_SC_PHYS_PAGES)", pages, 200, ANSWERED},
    {"sysconf(_SC_AVPHYS_PAGES)", free_pages, 200, ANSWERED},
    {"sysinfo", info, 200, ANSWERED},
    {"sched_getaffinity", affinity, 1000, ANSWERED},
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
                                   own(libc, "stat"), own(libc, "sysconf"), own(libc, "sysinfo"), own(libc, "sched_getaffinity"), own(libc, "getloadavg"),
                                   own(libc, "statvfs"), own(libc, "get_nprocs"), own(libc, "pread")};
    calls[OURS] = (struct calls){open, close, read, lseek, fstat, stat, sysconf, sysinfo, sched_getaffinity, getloadavg, statvfs, get_nprocs, pread};
    for (int i = LXCFS; i < VARIANTS; i++) calls[i] = calls[KERNEL];
}

static double times[VARIANTS][MOST_ROUNDS];

static struct asker asker(const struct operation *it, int variant, char *buffer) {
    return (struct asker){&calls[variant], directories[variant], it->name, -1, buffer};
}

static int variants_of(const struct operation *it) { return it->kind == BY_LXCFS ? variants_there : LXCFS; }

static void print(const char *name, const char *how, int variants, int rounds) {
    static double over[MOST_ROUNDS];
    /* print_quartiles sorts, so the kernel's times come last. */
    for (int variant = variants - 1; variant >= 0; variant--) {
        for (int round = 0; round < rounds; round++) over[round] = times[variant][round] - times[KERNEL][round];
        printf("%s%s\t%s", name, how, variant_names[variant]);
        print_quartiles(times[variant], rounds);
        print_quartiles(over, rounds);
        putchar('\n');
    }
    fflush(stdout);
}

static void measure(const struct operation *it, void (*run)(struct asker *), const char *how, int rounds) {
    static char buffer[BUFFER];
    int variants = variants_of(it);
    struct asker askers[VARIANTS];
    for (int i = 0; i < variants; i++) askers[i] = asker(it, i, buffer);
    for (int round = -3; round < rounds; round++)
        for (int turn = 0; turn < variants; turn++) {
            int variant = (turn + round + 3) % variants;
            double begun = now();
            for (int i = 0; i < it->batch; i++) run(&askers[variant]);
            if (round >= 0) times[variant][round] = (now() - begun) / it->batch;
        }
    for (int i = 0; i < variants; i++)
        if (askers[i].kept >= 0) close(askers[i].kept);
    print(it->name, how, variants, rounds);
}

/* The first time in a process. This process has to ask for nothing before. */
static void measure_first(const struct operation *it, int rounds) {
    static char buffer[BUFFER];
    int pipes[2], variants = variants_of(it);
    if (pipe(pipes)) exit(1);
    for (int round = 0; round < rounds; round++)
        for (int turn = 0; turn < variants; turn++) {
            int variant = (turn + round) % variants;
            pid_t child = fork();
            if (child == 0) {
                struct asker one = asker(it, variant, buffer);
                memset(buffer, 1, 1 << 14);
                double begun = now();
                it->run(&one);
                double time = now() - begun;
                _exit(write(pipes[1], &time, sizeof time) != sizeof time);
            }
            if (child < 0 || read(pipes[0], &times[variant][round], sizeof(double)) != sizeof(double)) exit(1);
            waitpid(child, NULL, 0);
        }
    close(pipes[0]), close(pipes[1]);
    print(it->name, ", first", variants, rounds);
}

enum { MOST_THREADS = 16, TIMES = 5 };
static pthread_barrier_t barrier;
static struct team {
    const struct operation *it;
    struct asker asker;
} team[MOST_THREADS];

static void *member(void *argument) {
    struct team *self = argument;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < TIMES * self->it->batch; i++) self->it->run(&self->asker);
    return NULL;
}

/* The time that passes per operation when `threads` of them are at it. */
static double by_threads(const struct operation *it, int variant, int threads) {
    static char buffers[MOST_THREADS][BUFFER];
    pthread_t started[MOST_THREADS];
    pthread_barrier_init(&barrier, NULL, threads + 1);
    for (int i = 0; i < threads; i++) {
        team[i] = (struct team){it, asker(it, variant, buffers[i])};
        if (pthread_create(&started[i], NULL, member, &team[i])) perror("thread"), exit(1);
    }
    /* All are there, and none goes on before this one does. */
    pthread_barrier_wait(&barrier);
    double begun = now();
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < threads; i++) pthread_join(started[i], NULL);
    pthread_barrier_destroy(&barrier);
    return (now() - begun) / (TIMES * it->batch) / threads;
}

static void measure_threads(int rounds) {
    static const char *const names[] = {"/proc/meminfo", "open and close", "sysconf(_SC_NPROCESSORS_ONLN)"};
    for (int i = 0; i < OPERATIONS; i++)
        for (int j = 0; j < 3; j++)
            for (int threads = 1; threads <= MOST_THREADS && !strcmp(operations[i].name, names[j]); threads *= 2) {
                int variants = variants_of(&operations[i]);
                char how[32];
                for (int round = 0; round < rounds; round++)
                    for (int turn = 0; turn < variants; turn++) {
                        int variant = (turn + round) % variants;
                        times[variant][round] = by_threads(&operations[i], variant, threads);
                    }
                snprintf(how, sizeof how, ", %d threads", threads);
                print(operations[i].name, how, variants, rounds);
            }
}

static int is_wanted(const char *name, char **words) {
    if (*name == '/' && access(name, R_OK)) return 0;
    for (; *words && strcmp(*words, "--"); words++)
        if (!strcmp(*words, "all") || !strcmp(*words, name)) return 1;
    return 0;
}

static void find_lxcfs(char **words) {
    for (; *words && strcmp(*words, "--"); words++) {}
    for (words += *words != NULL; *words && variants_there < VARIANTS; words++) {
        char *directory = strchr(*words, '=');
        if (!directory) exit(2);
        *directory++ = 0;
        variant_names[variants_there] = *words, directories[variants_there++] = directory;
    }
}

int main(int argc, char **argv) {
    int rounds = argc > 4 ? atoi(argv[3]) : 0;
    if (rounds < 4 || rounds > MOST_ROUNDS) return 2;
    other = argv[1], like = argv[2], argv += 4;
    find_lxcfs(argv);
    bind();
    if (!strcmp(*argv, "threads")) return measure_threads(rounds / 4), 0;
    zero = calls[KERNEL].open("/dev/zero", O_RDONLY), other_fd = calls[KERNEL].open(other, O_RDONLY);
    for (int i = 0; i < OPERATIONS; i++)
        if (operations[i].kind != PASSED && is_wanted(operations[i].name, argv)) measure_first(&operations[i], rounds / 2);
    for (int i = 0; i < OPERATIONS; i++) {
        if (!is_wanted(operations[i].name, argv)) continue;
        measure(&operations[i], operations[i].run, "", rounds);
        if (operations[i].run == file) measure(&operations[i], again, ", read again", rounds);
    }
    return 0;
}
