/* A hundred threads on small stacks ask for the first time at the same moment. */
#include "probe.h"
#include <limits.h>
#include <pthread.h>

enum { THREADS = 100, ROUNDS = 2 };
static pthread_barrier_t start;
static int failed, from_container, from_kernel;

static void *ask(void *nothing) {
    char buffer[512];
    pthread_barrier_wait(&start);
    for (int i = 0; i < ROUNDS; i++) {
        int fd = open("/proc/meminfo", O_RDONLY);
        ssize_t n = read(fd, buffer, sizeof buffer - 1);
        buffer[n > 0 ? n : 0] = 0;
        if (n < 100 || strncmp(buffer, "MemTotal:", 9)) __atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED);
        else if (!strcmp(side(strtoul(buffer + 9, NULL, 10) / 4), "container")) __atomic_fetch_add(&from_container, 1, __ATOMIC_RELAXED);
        else __atomic_fetch_add(&from_kernel, 1, __ATOMIC_RELAXED);
        if (lseek(fd, 0, SEEK_SET) || read(fd, buffer, 9) != 9) __atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED);
        if (close(fd)) __atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED);
    }
    return nothing;
}

int main(void) {
    static pthread_t threads[THREADS];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 32 * 1024);
    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], &attributes, ask, NULL)) return 1;
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    const char *all = from_container == THREADS * ROUNDS ? "container" : from_kernel == THREADS * ROUNDS ? "kernel" : "mixed";
    printf("all: %s, failed: %d\n", all, failed);
    return failed != 0;
}
