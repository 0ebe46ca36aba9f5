/* Fills cgroups with processes of many threads:
 *
 *   sampler-load THREADS ACTIVE PER-CGROUP FILE [busy] < DIRECTORIES
 *
 * Each line of DIRECTORIES holds the directories of one cgroup, separated by blanks. That cgroup's process joins them,
 * reads FILE once (lxcfs counts the cgroups that have read it), and starts THREADS sleeping threads. ACTIVE of all
 * threads wake ten times a second and work a little, at most PER-CGROUP in each of the first cgroups; with `busy`, they
 * run without a pause, once all are there. Prints `ready`. Ends, with its processes, when its output is closed or it is
 * killed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { PERIOD_NSEC = 100000000, WORK_NSEC = 200000 };

static void *rest(void *unused) {
    for (;;) pause();
    return unused;
}

static int gate[2];

/* Runs from the moment at which the last process is there: until then, nobody is kept from starting. */
static void *run(void *unused) {
    char byte;
    if (read(gate[0], &byte, 1) == 0)
        for (volatile int forever = 1; forever;) {}
    return unused;
}

static long now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void *work(void *unused) {
    const struct timespec period = {0, PERIOD_NSEC};
    for (;;) {
        nanosleep(&period, NULL);
        for (long until = now(CLOCK_THREAD_CPUTIME_ID) + WORK_NSEC; now(CLOCK_THREAD_CPUTIME_ID) < until;) {}
    }
    return unused;
}

static void join(char *directories) {
    char path[4096];
    for (char *word = strtok(directories, " \n"); word; word = strtok(NULL, " \n")) {
        snprintf(path, sizeof path, "%s/cgroup.procs", word);
        int fd = open(path, O_WRONLY);
        if (fd < 0 || write(fd, "0", 1) != 1) perror(path), exit(1);
        close(fd);
    }
}

static void look(const char *name) {
    char text[256];
    int fd = open(name, O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text) <= 0) perror(name), exit(1);
    close(fd);
}

static void fill(int threads, int active, void *(*act)(void *)) {
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 32 << 10);
    for (int i = 1; i < threads; i++)
        if (pthread_create(&thread, &small, i <= active ? act : rest, NULL)) perror("thread"), exit(1);
}

int main(int argc, char **argv) {
    static char line[65536];
    int pipes[2];
    char byte = 0;
    if (argc < 5 || pipe(pipes) || pipe(gate)) return 2;
    void *(*act)(void *) = argc > 5 ? run : work;
    int threads = atoi(argv[1]), active = atoi(argv[2]), most = atoi(argv[3]);
    while (fgets(line, sizeof line, stdin)) {
        int own = active < most ? active : most;
        active -= own;
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            join(line);
            look(argv[4]);
            close(gate[1]);
            fill(threads, own, act);
            if (write(pipes[1], &byte, 1) != 1) return 1;
            for (;;) pause();
        }
        if (read(pipes[0], &byte, 1) != 1) return 1;
    }
    close(gate[1]);
    puts("ready"), fflush(stdout);
    for (;;) pause();
}
