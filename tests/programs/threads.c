/*
 * Several threads read /proc/meminfo, by descriptor and as a stream, while the first one asks for the CPUs. Compiled
 * with each sanitizer, which reports to stderr and in the exit status.
 *   threads          prints what was seen
 *   threads fault    commits the fault that each sanitizer looks for
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 50 };

static long in(const char *text)
{
    long kib = -1;
    sscanf(text, "MemTotal: %ld", &kib);
    return kib;
}

static long by_descriptor(void)
{
    char *text = calloc(1, 8192);
    int fd = open("/proc/meminfo", O_RDONLY);
    long first = read(fd, text, 8191) > 0 ? in(text) : -1;
    long again = lseek(fd, 0, SEEK_SET) == 0 && read(fd, text, 8191) > 0 ? in(text) : -1;
    close(fd);
    free(text);
    return first == again ? first : -1;
}

static long by_stream(void)
{
    char line[256];
    FILE *file = fopen("/proc/meminfo", "r");
    long kib = file && fgets(line, sizeof line, file) ? in(line) : -1;
    if (file)
        fclose(file);
    return kib;
}

static void *reader(void *result)
{
    long kib = by_descriptor();
    for (int i = 0; i < ROUNDS; i++)
        if (by_stream() != kib || by_descriptor() != kib)
            kib = -1;
    *(long *)result = kib;
    return NULL;
}

static volatile int shared;

/* Often, and with pauses: a race goes undetected if both accesses coincide, or if the other thread has ended. */
static void *writer(void *unused)
{
    for (int i = 0; i < 100; i++) {
        shared++;
        usleep(100);
    }
    return unused;
}

/* A race, an integer overflow, and a read past the end of a block. */
static int fault(int one)
{
    pthread_t other;
    volatile int number = 0x7fffffff;
    volatile char *block = malloc(8);
    if (pthread_create(&other, NULL, writer, NULL) != 0)
        return 2;
    writer(NULL);
    pthread_join(other, NULL);
    number = number + one;
    return block[8 * one] + number + shared == 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "fault") == 0)
        return fault(argc - 1);
    pthread_t threads[THREADS];
    long seen[THREADS];
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, reader, &seen[i]) != 0)
            return 2;
    for (int i = 0; i < ROUNDS; i++)
        if (sysconf(_SC_NPROCESSORS_ONLN) != cpus)
            cpus = -1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("cpus %ld\n", cpus);
    for (int i = 0; i < THREADS; i++)
        printf("thread %ld\n", seen[i]);
    return 0;
}
