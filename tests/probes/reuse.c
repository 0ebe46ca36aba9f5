/* An answered descriptor is closed past every hook, and its number becomes the program's own file: nothing may be
 * written to that file, and nothing false may be reported about it. */
#include "probe.h"
#include <pthread.h>
#include <semaphore.h>

enum { SIZE = 890, RACES = 200 };
static char own[SIZE];

static int user_file(int in_memory) {
    int fd = in_memory ? (int)raw(SYS_memfd_create, (long)"user", 0, 0, 0, 0, 0)
                       : raw_open("cgproc-probe-reuse", O_RDWR | O_CREAT | O_TRUNC);
    raw(SYS_write, fd, (long)own, SIZE, 0, 0, 0);
    return fd;
}

static void by_close(int fd) { raw_close(fd); }
static void by_close_range(int fd) { raw(SYS_close_range, fd, ~0u, 0, 0, 0, 0); }
static void by_syscall(int fd) { syscall(SYS_close, fd); }
static void by_closefrom(int fd) {
    void (*closefrom)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "closefrom");
    if (closefrom) closefrom(fd);
    else by_close_range(fd);
}

static int intact(int fd) {
    char now[SIZE + 1];
    struct stat st;
    raw_fstat(fd, &st);
    return raw(SYS_pread64, fd, (long)now, SIZE + 1, 0, 0, 0) == SIZE && !memcmp(now, own, SIZE) && st.st_size == SIZE;
}

/* All calls that would refresh an answered descriptor or report about it. */
static void use(const char *label, int fd) {
    struct stat st;
    char buffer[16];
    long at = lseek(fd, 0, SEEK_SET), n = pread(fd, buffer, sizeof buffer, 0);
    printf("%s: lseek %ld pread %ld %.4s", label, at, n, buffer);
    printf(" end %ld", (long)lseek(fd, 0, SEEK_END));
    printf(" size %ld", fstat(fd, &st) ? -1 : (long)st.st_size);
    void *mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    printf(" mmap %s", mapped == MAP_FAILED ? error_name(errno) : "ok");
    FILE *stream = fdopen(dup(fd), "r+");
    rewind(stream), fseek(stream, 0, SEEK_SET);
    printf(" first %c", fgetc(stream));
    fclose(stream);
    printf(" intact %d\n", intact(fd));
}

static void reuse(const char *label, void (*close_it)(int), int in_memory) {
    int fd = open("/proc/meminfo", O_RDONLY);
    slurp(fd);
    lseek(fd, 0, SEEK_SET), slurp(fd);
    close_it(fd);
    int again = user_file(in_memory);
    printf("%s ", again == fd ? "same number" : "another number");
    use(label, again);
    raw_close(again);
}

static void replaced(int in_memory) {
    int fd = open("/proc/meminfo", O_RDONLY), user = user_file(in_memory);
    lseek(fd, 0, SEEK_SET);
    dup2(user, fd);
    use(in_memory ? "dup2, memory" : "dup2", fd);
    raw_close(user), raw_close(fd);
}

/* A stream whose descriptor is replaced beneath it. */
static void below_a_stream(void) {
    FILE *stream = fopen("/proc/meminfo", "r");
    int user = user_file(0);
    fgetc(stream);
    dup2(user, fileno(stream));
    rewind(stream);
    printf("stream: first %c intact %d\n", fgetc(stream), intact(user));
    fclose(stream);
    raw_close(user);
}

/* The number changes hands at the very moment of a seek to the start. */
static sem_t begun;
static volatile int racing, taken;

static void *take_over(void *user) {
    for (;;) {
        while (sem_wait(&begun)) {}
        if (racing < 0) return NULL;
        for (volatile int i = rand() % 2000; i > 0; i--) {}
        raw(SYS_dup3, *(int *)user, racing, 0, 0, 0, 0);
        taken = 1;
    }
}

static void races(void) {
    int user = user_file(0), damaged = 0;
    pthread_t thread;
    sem_init(&begun, 0, 0);
    pthread_create(&thread, NULL, take_over, &user);
    for (int round = 0; round < RACES; round++) {
        char buffer[16];
        int fd = open("/proc/meminfo", O_RDONLY);
        lseek(fd, 0, SEEK_SET);
        taken = 0, racing = fd;
        sem_post(&begun);
        while (!taken) lseek(fd, 0, SEEK_SET), pread(fd, buffer, sizeof buffer, 0);
        lseek(fd, 0, SEEK_SET);
        damaged += !intact(user);
        raw_close(fd);
    }
    racing = -1;
    sem_post(&begun);
    pthread_join(thread, NULL);
    printf("races: %d damaged\n", damaged);
    raw_close(user);
}

/* A file in memory, named after another file: questions about it concern the file itself. */
static void forged(const char *name) {
    char link[32];
    struct stat st;
    int user = (int)raw(SYS_memfd_create, (long)name, 0, 0, 0, 0, 0);
    raw(SYS_write, user, (long)own, SIZE, 0, 0, 0);
    snprintf(link, sizeof link, "/proc/self/fd/%d", user);
    int fd = raw_open(link, O_RDONLY);
    printf("%s: end %ld", name, (long)lseek(fd, 0, SEEK_END));
    printf(" size %ld intact %d\n", fstat(fd, &st) ? -1 : (long)st.st_size, intact(fd));
    raw_close(user), raw_close(fd);
}

int main(void) {
    static const struct { const char *label; void (*close_it)(int); } ways[] = {
        {"close", by_close}, {"close_range", by_close_range}, {"syscall", by_syscall}, {"closefrom", by_closefrom},
    };
    for (int i = 0; i < SIZE; i++) own[i] = i % 11 == 10 ? '\n' : "user text "[i % 11];
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        for (int in_memory = 0; in_memory < 2; in_memory++) reuse(ways[i].label, ways[i].close_it, in_memory);
    replaced(0), replaced(1);
    below_a_stream();
    forged("/sys/devices/../../etc/stat");
    forged(CPUS "/cpu0/cache/index0/../../../../../../../etc/shared_cpu_list");
    forged("/proc/../etc/meminfo");
    races();
    unlink("cgproc-probe-reuse");
    return 0;
}
