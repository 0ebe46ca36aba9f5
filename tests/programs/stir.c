/* Makes cgroups do something: stir SCRATCH <CGROUPS
 *
 * Each line of the standard input is a cgroup: ROLE AMOUNT DIRECTORY..., with its directory in each hierarchy. A process
 * joins it and plays its role there. Once all of them do, "ready" is printed; once there is nothing left to read, all
 * end. The roles:
 *
 *   sleep      does nothing
 *   run        AMOUNT processes run without a pause
 *   hold       touches AMOUNT pages of memory, and holds them
 *   cache      writes and reads a file of AMOUNT pages
 *   threads    has AMOUNT threads more, which sleep */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PAGE = 4096 };

static const char *scratch;
static int told[2];

static void die(const char *what) {
    perror(what);
    _exit(1);
}

static void join(const char *directory) {
    char path[4096];
    snprintf(path, sizeof path, "%s/cgroup.procs", directory);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, "0", 1) != 1) die(path);
    close(file);
}

/* A child that dies with its parent. */
static int begin(void) {
    int child = fork();
    if (child < 0) die("fork");
    if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
    return child;
}

static void spin(void) {
    setpriority(PRIO_PROCESS, 0, 19);
    for (volatile unsigned long turns = 0;; turns++) {}
}

/* The process itself will be one of them. If it were to sleep instead, it would first have to get a CPU beside them. */
static void run(long amount) {
    for (long i = 1; i < amount; i++)
        if (begin() == 0) spin();
}

static void hold(long pages) {
    char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("mmap");
    for (long i = 0; i < pages; i++) memory[i * PAGE] = 1;
}

static void cache(long pages) {
    char path[4096], page[PAGE];
    snprintf(path, sizeof path, "%s/file-%d", scratch, getpid());
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) die(path);
    memset(page, 7, PAGE);
    for (long i = 0; i < pages; i++)
        if (write(file, page, PAGE) != PAGE) die(path);
    if (fsync(file)) die(path);
    posix_fadvise(file, 0, pages * PAGE / 2, POSIX_FADV_DONTNEED);
    for (long i = 0; i < pages; i++)
        if (pread(file, page, PAGE, i * PAGE) != PAGE) die(path);
    unlink(path);
}

static void *asleep(void *unused) {
    for (;;) pause();
    return unused;
}

static void threads(long amount) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 << 10);
    pthread_t thread;
    for (long i = 0; i < amount; i++)
        if (pthread_create(&thread, &small, asleep, NULL)) die("pthread_create");
}

static void play(char *line) {
    char *role = strtok(line, " \n"), *amount = strtok(NULL, " \n"), *directory;
    if (!amount) die("a line");
    while ((directory = strtok(NULL, " \n"))) join(directory);
    long number = atol(amount);
    if (!strcmp(role, "run")) run(number);
    else if (!strcmp(role, "hold")) hold(number);
    else if (!strcmp(role, "cache")) cache(number);
    else if (!strcmp(role, "threads")) threads(number);
    if (write(told[1], "x", 1) != 1) die("a pipe");
    if (!strcmp(role, "run")) spin();
    for (;;) pause();
}

int main(int argc, char **argv) {
    static char line[1 << 16];
    if (argc < 2 || pipe2(told, O_CLOEXEC)) return 2;
    scratch = argv[1];
    /* Read without a buffer: the children share the place in the input. */
    setvbuf(stdin, NULL, _IONBF, 0);
    int expected = 0;
    while (fgets(line, sizeof line, stdin) && strcmp(line, "end\n")) {
        if (begin() == 0) play(line);
        expected++;
    }
    /* So that a child's failure ends the wait. */
    close(told[1]);
    char byte;
    for (int i = 0; i < expected; i++)
        if (read(told[0], &byte, 1) != 1) return 1;
    puts("ready");
    fflush(stdout);
    while (read(0, &byte, 1) > 0) {}
    return 0;
}
