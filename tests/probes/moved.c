/* A vfork child enters another cgroup and asks there; then its parent asks, whose memory the child used: moved
 * CGROUP.PROCS */
#include "probe.h"
#include <sys/wait.h>

static volatile long kib[2];

static void ask(int who) {
    int fd = open("/proc/meminfo", O_RDONLY);
    slurp(fd);
    close(fd);
    kib[who] = figure("MemTotal:");
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    /* By the time the child asks, what is remembered is too old to be used. */
    struct timespec longer = {1, 200 * 1000 * 1000};
    ask(1);
    raw(SYS_nanosleep, (long)&longer, 0, 0, 0, 0, 0);
    pid_t child = vfork();
    if (!child) {
        int fd = raw_open(argv[1], O_WRONLY);
        if (raw(SYS_write, fd, (long)"0", 1, 0, 0, 0) != 1) _exit(1);
        raw_close(fd);
        _exit((ask(0), 0));
    }
    int status;
    if (waitpid(child, &status, 0) != child || status) return 1;
    ask(1);
    printf("child %ld, parent %ld\n", kib[0], kib[1]);
    return 0;
}
