/* Preloaded beside the object: a constructor that asks before anything else runs, and an allocator that asks during its
 * own first call, as jemalloc does. */
#include "probe.h"
#include <sched.h>
#include <sys/sysinfo.h>

static char arena[8 << 20];
static size_t used;
static int asked, cpus;

static void ask(void) {
    struct sysinfo info;
    cpu_set_t set;
    char buffer[64];
    if (asked++) return;
    cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    int fd = open("/proc/meminfo", O_RDONLY);
    if (fd < 0 || read(fd, buffer, sizeof buffer) < 9 || close(fd) || sysinfo(&info) || sched_getaffinity(0, sizeof set, &set))
        raw(SYS_exit_group, 99, 0, 0, 0, 0, 0);
}

void *malloc(size_t size) {
    ask();
    size_t at = __atomic_fetch_add(&used, (size + 31) & ~(size_t)15, __ATOMIC_RELAXED) + 16;
    if (at + size > sizeof arena) return NULL;
    *(size_t *)(arena + at - 16) = size;
    return arena + at;
}

void free(void *block) { (void)block; }

void *calloc(size_t count, size_t size) { return malloc(count * size); }

void *realloc(void *block, size_t size) {
    void *grown = malloc(size);
    size_t old = block ? *(size_t *)((char *)block - 16) : 0;
    return block && grown ? memcpy(grown, block, old < size ? old : size) : grown;
}

__attribute__((constructor)) static void construct(void) {
    char line[64];
    ask();
    int fd = open("/proc/meminfo", O_RDONLY);
    slurp(fd), close(fd);
    raw(SYS_write, 1, (long)line, snprintf(line, sizeof line, "early: %s %d\n", whose(), cpus), 0, 0, 0);
}
