/* Keeps threads in the states that count as load, until killed: busy RUNNING BLOCKED [ASLEEP]
 *
 * Runnable threads let all others go first: they need no CPU to be counted. The parent of a vfork child waits
 * uninterruptibly (state D) until the child execs or ends. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static void *run(void *unused) {
    setpriority(PRIO_PROCESS, gettid(), 19);
    for (volatile unsigned long turns = 0;; turns++) {}
    return unused;
}

static void *sleep_on(void *unused) {
    for (;;) pause();
    return unused;
}

/* As processes, because a thread that waits like this cannot end together with its process's other threads. */
static void block(void) {
    if (fork()) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (vfork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) pause();
    }
    _exit(1);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    for (int i = atoi(argv[2]); i > 0; i--) block();
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 << 10);
    pthread_t thread;
    for (int i = atoi(argv[1]); i > 0; i--)
        if (pthread_create(&thread, &small, run, NULL)) return 1;
    for (int i = argc > 3 ? atoi(argv[3]) : 0; i > 0; i--)
        if (pthread_create(&thread, &small, sleep_on, NULL)) return 1;
    for (;;) pause();
}
