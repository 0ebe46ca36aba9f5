/* A program that has the kernel kill it for any syscall that it does not make itself.
 *   filtered prctl     installs the filter by prctl(2), then opens and reads
 *   filtered syscall   the same by syscall(SYS_seccomp)
 *   filtered kept      opens the file before, and rereads it after
 *   filtered masks     only the calls about masks; it may not open files either
 *   filtered strict    the oldest form: read, write, exit
 *   filtered refused   no killing: memfd_create fails with ENOSYS, as under an old container profile */
#include "probe.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>

/* The system calls behind open, read, write, lseek, fstat, sysinfo, sched_getaffinity, sched_setaffinity and exit. */
static const int allowed[] = {
    SYS_read, SYS_write, SYS_openat, SYS_close, SYS_lseek, SYS_pread64, SYS_exit, SYS_exit_group, SYS_newfstatat,
    SYS_sysinfo, SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_seccomp,
#ifdef SYS_open
    SYS_open, SYS_fstat, SYS_stat,
#endif
};
enum { ALLOWED = sizeof allowed / sizeof *allowed };

static struct sock_filter code[2 * ALLOWED + 4];
static struct sock_fprog program = {0, code};

static void compile(int opens) {
    struct sock_filter *at = code;
    *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < ALLOWED; i++) {
        if (!opens && allowed[i] == SYS_openat) continue;
        *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
        *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    program.len = at - code;
}

static void say(const char *what, const char *value) {
    static char line[128];
    int n = snprintf(line, sizeof line, "%s: %s\n", what, value);
    raw(SYS_write, 1, (long)line, n, 0, 0, 0);
}

static void look_at_masks(void) {
    cpu_set_t set;
    say("affinity", sched_getaffinity(0, sizeof set, &set) ? "failed" : "ok");
    say("its own", sched_setaffinity(0, sizeof set, &set) ? "failed" : "ok");
    say("past libc", syscall(SYS_sched_setaffinity, 0, sizeof set, &set) ? "failed" : "ok");
    say("a thread's", pthread_getaffinity_np(pthread_self(), sizeof set, &set) ? "failed" : "ok");
    say("a thread's own", pthread_setaffinity_np(pthread_self(), sizeof set, &set) ? "failed" : "ok");
}

static void look(void) {
    struct sysinfo info = {0};
    struct stat st;
    int fd = open("/proc/meminfo", O_RDONLY);
    slurp(fd);
    say("open", whose());
    say("lseek", lseek(fd, 0, SEEK_SET) ? "failed" : "ok");
    slurp(fd);
    say("again", whose());
    say("pread", pread(fd, text, 9, 0) == 9 ? "ok" : "failed");
    say("fstat", fstat(fd, &st) || st.st_size ? "failed" : "ok");
    say("stat", stat("/proc/version", &st) ? "failed" : "ok");
    sysinfo(&info);
    say("sysinfo", side(info.totalram * info.mem_unit / 4096));
    look_at_masks();
}

static void refuse_memfd(void) {
    static struct sock_filter refuse[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog refusal = {4, refuse};
    /* As if inherited from the parent: no hooked call installs it. */
    if (raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&refusal, 0, 0, 0)) exit(1);
    int fd = open("/proc/meminfo", O_RDONLY);
    slurp(fd);
    say("open", whose());
    say("number", fd == 3 ? "3" : "another");
}

int main(int argc, char **argv) {
    const char *way = argc > 1 ? argv[1] : "";
    int fd = -1;
    compile(strcmp(way, "masks"));
    raw(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
    if (!strcmp(way, "refused")) return refuse_memfd(), 0;
    if (!strcmp(way, "kept") || !strcmp(way, "strict")) fd = open("/proc/meminfo", O_RDONLY), slurp(fd);
    if (!strcmp(way, "strict")) {
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)) return 1;
        char more[64];
        raw(SYS_write, 1, (long)"strict\n", 7, 0, 0, 0);
        read(fd, more, sizeof more);
        raw(SYS_exit, 0, 0, 0, 0, 0, 0);
    }
    if (!strcmp(way, "syscall")) {
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) return 1;
    } else if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)) return 1;
    if (fd >= 0) {
        say("kept", lseek(fd, 0, SEEK_SET) ? "failed" : "ok");
        say("read", slurp(fd) > 100 && strcmp(whose(), "broken") ? "ok" : "failed");
        say("pread", pread(fd, text, 9, 0) == 9 ? "ok" : "failed");
        raw(SYS_close, fd, 0, 0, 0, 0, 0);
    }
    if (strcmp(way, "masks")) look();
    else look_at_masks();
    raw(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}
