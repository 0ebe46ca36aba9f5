/* Threads read one descriptor from its start at the same time. The text may be refreshed during a read, but it is never
 * empty, never starts with another line, and has no holes. */
#include "probe.h"
#include <pthread.h>

enum { THREADS = 4, ROUNDS = 200 };
static int fd, broken;

static int is_stat(const char *buffer, long n) {
    return n > 50 && !strncmp(buffer, "cpu  ", 5) && !memchr(buffer, 0, n) && memmem(buffer, n, "\ncpu0 ", 6) && memmem(buffer, n, "\nbtime ", 7);
}

static void *reading(void *nothing) {
    char *buffer = malloc(1 << 16);
    for (int i = 0; i < ROUNDS; i++)
        if (!is_stat(buffer, pread(fd, buffer, 1 << 16, 0))) __atomic_fetch_add(&broken, 1, __ATOMIC_RELAXED);
    free(buffer);
    return nothing;
}

int main(void) {
    pthread_t threads[THREADS];
    fd = open("/proc/stat", O_RDONLY);
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, reading, NULL);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    printf("broken: %d\n", broken);
    return 0;
}
