/* sysconf(3), get_nprocs(3) and sched_getaffinity(2): how many CPUs and pages, and which CPUs. */
#include "probe.h"
#include <pthread.h>
#include <sched.h>

static long as_sysconf(int name) { return WATCHED(((long (*)(int))symbol)(name)); }

static void answer_sysconf(void) {
    long value = as_sysconf(_SC_NPROCESSORS_ONLN);
    printf("errno=%s\ncpus=%ld\n", error_name(errno), value);
    printf("pages=%ld\n", as_sysconf(_SC_PHYS_PAGES));
    value = as_sysconf(_SC_AVPHYS_PAGES);
    printf("errno=%s\nfree-pages=%s\n", error_name(errno), value > 0 ? side(value) : "none");
}

static void pass_sysconf(void) {
    static const int passed[] = {_SC_NPROCESSORS_CONF, _SC_PAGESIZE, _SC_CLK_TCK, _SC_OPEN_MAX, _SC_ARG_MAX, _SC_NGROUPS_MAX,
                                 _SC_VERSION, _SC_MONOTONIC_CLOCK, _SC_IOV_MAX, _SC_LOGIN_NAME_MAX, -1, 9999};
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) {
        long value = as_sysconf(passed[i]);
        printf("%d: %ld %s\n", passed[i], value, error_name(errno));
    }
}

static void answer_nprocs(void) {
    int count = WATCHED(((int (*)(void))symbol)());
    printf("cpus=%d\n", count);
}

static void answer_pages(void) {
    long pages = WATCHED(((long (*)(void))symbol)());
    printf("pages=%ld\n", pages);
}

static void answer_free_pages(void) {
    long pages = WATCHED(((long (*)(void))symbol)());
    printf("free-pages=%s\n", pages > 0 ? side(pages) : "none");
}

/* ---- affinity ---- */

enum { MASK = 1024 };
static unsigned long mask[MASK / sizeof(long)];

static void say_mask(const char *key) {
    int from = -1;
    printf("%s=", key);
    for (int cpu = 0; cpu <= MASK * 8; cpu++) {
        int set = cpu < MASK * 8 && mask[cpu / 64] >> (cpu % 64) & 1;
        if (set && from < 0) from = cpu;
        if (!set && from >= 0) {
            printf(from == cpu - 1 ? "%d " : "%d-%d ", from, cpu - 1);
            from = -1;
        }
    }
    putchar('\n');
}

static void kernels_mask(const char *key) {
    memset(mask, 0, sizeof mask);
    raw(SYS_sched_getaffinity, 0, sizeof mask, (long)mask, 0, 0, 0);
    say_mask(key);
}

typedef int affinity(int self, size_t size, void *mask); /* an error number, as pthread gives it; -1 and errno as sched does */

static int as_sched(int pid, size_t size, void *set) {
    return WATCHED(((int (*)(pid_t, size_t, void *))symbol)(pid, size, set));
}

static int as_pthread(int pid, size_t size, void *set) {
    (void)pid;
    return WATCHED(((int (*)(pthread_t, size_t, void *))symbol)(pthread_self(), size, set));
}

static int call(int pid, size_t size, void *set) { return ((affinity *)row->shape)(pid, size, set); }

static void answer_get(void) {
    memset(mask, 0xff, sizeof mask); /* libc, and the hook, must clear what the kernel does not fill */
    int result = call(0, sizeof mask, mask);
    printf("result=%d\nerrno=%s\n", result, error_name(errno));
    say_mask("mask");
    memset(mask, 0, sizeof mask);
    if (row->shape == (void (*)(void))as_sched) call(getpid(), 128, mask), say_mask("mask");
    else call(0, 128, mask), say_mask("mask");
}

static void say_get(const char *label, int pid, size_t size, void *set) {
    int result = call(pid, size, set), error = errno;
    printf("%s: %d %s\n", label, result, error_name(error));
}

static void pass_get(void) {
    say_get("size of nothing", 0, 0, mask);
    say_get("size of a byte", 0, 1, mask);
#ifdef __GLIBC__ /* musl clears the buffer itself */
    say_get("bad buffer", 0, 128, (void *)8);
#endif
    if (row->shape != (void (*)(void))as_sched) return;
    memset(mask, 0, sizeof mask);
    say_get("parent", getppid(), sizeof mask, mask);
    say_mask("its mask");
    say_get("nobody", 0x3fffffff, sizeof mask, mask);
    say_get("negative", -1, sizeof mask, mask);
}

/* A program that hands back the mask it was shown must not be confined to it. */
static void answer_set(void) {
    memset(mask, 0, sizeof mask);
    if (sched_getaffinity(0, sizeof mask, (cpu_set_t *)mask)) return;
    int result = call(0, sizeof mask, mask);
    printf("result=%d\nerrno=%s\n", result, error_name(errno));
    kernels_mask("kept");
    mask[0] = 1; /* CPU 0 alone is what a container of one CPU shows */
    memset(mask + 1, 0, sizeof mask - sizeof *mask);
    result = call(0, 128, mask);
    kernels_mask("first-cpu-set");
}

static void pass_set(void) {
    memset(mask, 0, sizeof mask);
    mask[0] = 2;
    int result = call(0, sizeof mask, mask);
    printf("another: %d %s\n", result, error_name(errno));
    kernels_mask("now");
    mask[0] = 0;
    result = call(0, sizeof mask, mask);
    printf("empty: %d %s\n", result, error_name(errno));
    result = call(0, 128, (void *)8);
    printf("bad buffer: %d %s\n", result, error_name(errno));
    mask[0] = 3;
    result = call(0, sizeof mask, mask);
    printf("both: %d %s\n", result, error_name(errno));
    kernels_mask("now");
    if (row->shape != (void (*)(void))as_sched) return;
    result = call(0x3fffffff, sizeof mask, mask);
    printf("nobody: %d %s\n", result, error_name(errno));
}

#define SHAPE(name) (void (*)(void))name
static const struct row rows[] = {
    {"sysconf", NULL, answer_sysconf, pass_sysconf}, {"__sysconf", NULL, answer_sysconf, pass_sysconf},
    {"get_nprocs", NULL, answer_nprocs, NULL},       {"get_phys_pages", NULL, answer_pages, NULL},
    {"get_avphys_pages", NULL, answer_free_pages, NULL},
    {"sched_getaffinity", SHAPE(as_sched), answer_get, pass_get},
    {"sched_setaffinity", SHAPE(as_sched), answer_set, pass_set},
    {"pthread_getaffinity_np", SHAPE(as_pthread), answer_get, pass_get},
    {"pthread_setaffinity_np", SHAPE(as_pthread), answer_set, pass_set},
    {0},
};

int main(int argc, char **argv) { return probe_main(argc, argv, rows); }
