/* Asks for the first time while a thread changes the environment.
 *   changing COUNT    in COUNT children, one after the other
 * Prints how many of them saw whose figures: meanwhile, and once the thread is done. */
#include "probe.h"
#include <pthread.h>
#include <sys/wait.h>

enum { LONG = 4 << 20, MANY = 200, TURNS = 20 };
static volatile int done, turns;
static long limit_kib; /* of the container: getenv is not safe meanwhile */

static int memory; /* a file with a long variable */

/* Not by libc's mmap, which would be the first question. */
static char *mapped(int protection) {
    long at = raw(SYS_mmap, 0, LONG, protection, MAP_SHARED | MAP_POPULATE, memory, 0);
    if (at < 0 && at > -4096) _exit(90);
    return (char *)at;
}

static void make_memory(void) {
    memory = raw(SYS_memfd_create, (long)"variable", 0, 0, 0, 0, 0);
    if (memory < 0 || raw(SYS_ftruncate, memory, LONG, 0, 0, 0, 0)) exit(90);
    char *string = mapped(PROT_READ | PROT_WRITE);
    memset(string, 'x', LONG - 1);
    memcpy(string, "CGPROC_=", 8);
}

/* A variable whose string goes when another takes its place, in an array that grows, and whose entries move. By one
 * thread, because musl has no lock. */
static void *change(void *nothing) {
    char *earlier = NULL, name[32];
    for (int i = 0; !done; i = (i + 1) % MANY) {
        char *string = mapped(PROT_READ);
        if (putenv(string)) _exit(91);
        if (earlier) raw(SYS_munmap, (long)earlier, LONG, 0, 0, 0, 0);
        earlier = string, turns++;
        snprintf(name, sizeof name, "UV_%d", i % (MANY / 2));
        if (i < MANY / 2) setenv(name, "some value", 1);
        else unsetenv(name);
    }
    return nothing;
}

static int ask(void) {
    int fd = open("/proc/meminfo", O_RDONLY);
    if (fd < 0) return 92;
    slurp(fd);
    raw_close(fd);
    return figure("MemTotal:") == limit_kib;
}

/* Exits with bit 0 for the container's figures meanwhile, bit 1 for those afterwards. */
static int child(void) {
    pthread_t thread;
    alarm(120);
    if (pthread_create(&thread, NULL, change, NULL)) return 93;
    while (turns < 2) sched_yield();
    int meanwhile = ask();
    for (int turn = 0; turn < TURNS; turn++) ask();
    done = 1;
    pthread_join(thread, NULL);
    int afterwards = ask();
    return meanwhile > 1 || afterwards > 1 ? 92 : meanwhile | afterwards << 1;
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 1, seen[2][2] = {{0}}, failed = 0;
    limit_kib = 4 * atol(getenv("PROBE_LIMIT_PAGES"));
    make_memory();
    for (int i = 0; i < count; i++) {
        int status, pid = fork();
        if (!pid) _exit(child());
        if (waitpid(pid, &status, 0) != pid) return 94;
        if (!WIFEXITED(status) || WEXITSTATUS(status) > 3) failed++;
        else seen[0][WEXITSTATUS(status) & 1]++, seen[1][WEXITSTATUS(status) >> 1]++;
    }
    printf("kernel: %d %d\ncontainer: %d %d\nfailed: %d\n", seen[0][0], seen[1][0], seen[0][1], seen[1][1], failed);
    return 0;
}
