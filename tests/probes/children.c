/* Processes created in every way, which ask at once.
 *   children vfork         a vfork child asks, then its parent
 *   children vfork-first   nothing has been asked before
 *   children vfork-pids    a vfork child in a pid namespace of its own filters its system calls; its parent does not
 *   children fork          children of a program whose threads are asking
 *   children fork-first    children of a program whose threads hold the loader's lock, and nothing has been asked before
 *   children spawn PROGRAM by posix_spawn, which also opens its standard input */
#include "probe.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>

extern char **environ;
enum { CHILDREN = 15, THREADS = 2 };
static volatile int done;

static int ask(void) {
    int fd = open("/proc/meminfo", O_RDONLY);
    if (fd < 0) return 1;
    slurp(fd);
    close(fd);
    if (sysconf(_SC_NPROCESSORS_ONLN) < 1) return 2;
    return !strcmp(whose(), "broken") ? 3 : !strcmp(whose(), "container") ? 10 : 20;
}

static int outcome(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static const char *name(int code) { return code == 10 ? "container" : code == 20 ? "kernel" : "failed"; }

static void by_vfork(const int first) {
    if (!first) printf("before: %s\n", name(ask()));
    for (int i = 0; i < 3; i++) {
        fflush(stdout);
        pid_t child = vfork();
        if (!child) _exit(ask());
        printf("child: %s\n", name(outcome(child)));
        printf("parent: %s\n", name(ask()));
    }
}

static int filters(void *nothing) {
    struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {1, all};
    (void)nothing;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return 1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (unsigned long)&program, 0, 0) ? 2 : getpid() == 1 ? 0 : 3;
}

static void by_vfork_into_pids(void) {
    static _Alignas(16) char stack[64 * 1024];
    printf("before: %s\n", name(ask()));
    fflush(stdout);
    pid_t child = clone(filters, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_NEWPID | SIGCHLD, NULL);
    printf("child: %d\n", outcome(child));
    printf("parent: %s\n", name(ask()));
}

static void *asking(void *nothing) {
    while (!done) {
        struct stat st;
        int fd = open("/proc/stat", O_RDONLY);
        fstat(fd, &st), lseek(fd, 0, SEEK_SET), close(fd);
    }
    return nothing;
}

static int pass_by(struct dl_phdr_info *info, size_t size, void *data) {
    (void)info, (void)size, (void)data;
    return 0;
}

static void *iterating(void *nothing) {
    while (!done) dl_iterate_phdr(pass_by, NULL);
    return nothing;
}

/* If `first`, children may get either answer, as long as they get one. */
static void by_fork(void *(*thread)(void *), int first) {
    pthread_t threads[THREADS];
    int tally[3] = {0};
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, thread, NULL);
    for (int i = 0; i < CHILDREN && !tally[2]; i++) {
        fflush(stdout);
        pid_t child = fork();
        if (!child) _exit((alarm(20), ask()));
        int code = outcome(child);
        tally[code == 10 ? 0 : code == 20 ? 1 : 2]++;
    }
    done = 1;
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    if (first) printf("answered: %d, failed: %d\n", tally[0] + tally[1], tally[2]);
    else printf("all: %s\n", tally[0] == CHILDREN ? "container" : tally[1] == CHILDREN ? "kernel" : "failed");
}

static void by_spawn(char *program) {
    char *arguments[] = {program, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/proc/meminfo", O_RDONLY, 0);
    int result = posix_spawn(&child, program, &actions, NULL, arguments, environ);
    printf("spawn: %d %d\n", result, result ? 0 : outcome(child));
    printf("parent: %s\n", name(ask()));
}

int main(int argc, char **argv) {
    const char *way = argc > 1 ? argv[1] : "";
    alarm(120);
    if (!strcmp(way, "vfork")) by_vfork(0);
    if (!strcmp(way, "vfork-first")) by_vfork(1);
    if (!strcmp(way, "vfork-pids")) by_vfork_into_pids();
    if (!strcmp(way, "fork")) by_fork(asking, 0);
    if (!strcmp(way, "fork-first")) by_fork(iterating, 1);
    if (!strcmp(way, "spawn") && argc > 2) by_spawn(argv[2]);
    return 0;
}
