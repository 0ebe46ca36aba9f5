/* sysinfo(2), by its name and through libc's syscall(); and what else syscall() and prctl(2) must let through. */
#include "probe.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>

typedef long six(long number, ...);

static void say_info(long result, const struct sysinfo *info) {
    printf("result=%ld\nerrno=%s\n", result, error_name(errno));
    printf("totalram=%lu\n", info->totalram * info->mem_unit / 1024);
    printf("freeram=%s\n", side(info->freeram * info->mem_unit / 4096));
    int fd = raw_open("/proc/uptime", O_RDONLY);
    slurp(fd), raw_close(fd);
    long kernel = atol(text), begun;
    fd = raw_open("/proc/1/stat", O_RDONLY);
    slurp(fd), raw_close(fd);
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
    begun = at ? atol(at) / sysconf(_SC_CLK_TCK) : 0;
    printf("uptime=%s\n", labs(kernel - begun - info->uptime) < labs(kernel - info->uptime) ? "container" : "kernel");
}

static void answer_sysinfo(void) {
    struct sysinfo info = {0};
    int result = WATCHED(((int (*)(struct sysinfo *))symbol)(&info));
    say_info(result, &info);
}

static void pass_sysinfo(void) {
    int result = WATCHED(((int (*)(struct sysinfo *))symbol)((struct sysinfo *)8));
    printf("bad buffer: %d %s\n", result, error_name(errno));
    result = WATCHED(((int (*)(struct sysinfo *))symbol)(NULL));
    printf("no buffer: %d %s\n", result, error_name(errno));
}

/* ---- syscall() ---- */

static void answer_syscall(void) {
    struct sysinfo info = {0};
    unsigned long mask[128] = {0};
    long result = WATCHED(((six *)symbol)(SYS_sysinfo, &info));
    say_info(result, &info);
    result = WATCHED(((six *)symbol)(SYS_sched_getaffinity, 0, sizeof mask, mask));
    printf("errno=%s\ncount=%d\n", error_name(errno), __builtin_popcountl(mask[0]) + __builtin_popcountl(mask[1]));
}

/* All six arguments must arrive; the result and errno must come back. */
static void pass_syscall(void) {
    int fd = raw_open("cgproc-probe-syscall", O_RDWR | O_CREAT | O_TRUNC);
    for (int i = 0; i < 2000; i++) dprintf(fd, "%04d\n", i);
    char *at = (char *)WATCHED(((six *)symbol)(SYS_mmap, 0L, 4096L, (long)PROT_READ, (long)MAP_SHARED, (long)fd, 4096L));
    printf("mmap: %.4s %s\n", at + 4, error_name(errno));
    long result = WATCHED(((six *)symbol)(SYS_mmap, 0L, 4096L, (long)PROT_READ, (long)MAP_SHARED, (long)fd, 100L));
    printf("odd offset: %ld %s\n", result, error_name(errno));
    struct { long second, nanosecond; } never = {0, 0};
    result = WATCHED(((six *)symbol)(SYS_pselect6, 0L, NULL, NULL, NULL, &never, NULL));
    printf("pselect6: %ld %s\n", result, error_name(errno));
    char buffer[9] = {0};
    result = WATCHED(((six *)symbol)(SYS_pread64, (long)fd, buffer, 8L, 500L));
    printf("pread64: %ld [%s] %s\n", result, buffer, error_name(errno));
    result = WATCHED(((six *)symbol)(SYS_close, -1L));
    printf("close: %ld %s\n", result, error_name(errno));
    result = WATCHED(((six *)symbol)(99999L, 1L, 2L, 3L, 4L, 5L, 6L));
    printf("no such call: %ld %s\n", result, error_name(errno));
    result = WATCHED(((six *)symbol)(SYS_getpid)) == getpid();
    printf("getpid: %ld %s\n", result, error_name(errno));
    result = WATCHED(((six *)symbol)(SYS_sysinfo, 8L));
    printf("sysinfo, bad buffer: %ld %s\n", result, error_name(errno));
    result = WATCHED(((six *)symbol)(SYS_sched_getaffinity, 0L, 1L, buffer));
    printf("affinity, size of a byte: %ld %s\n", result, error_name(errno));
    result = WATCHED(((six *)symbol)(SYS_sched_getaffinity, 0L, 128L, 8L));
    printf("affinity, bad buffer: %ld %s\n", result, error_name(errno));
    unsigned long mask[16] = {0};
    result = WATCHED(((six *)symbol)(SYS_sched_getaffinity, (long)getppid(), sizeof mask, mask));
    printf("affinity, parent: %ld %lx %s\n", result, mask[0], error_name(errno));
    result = WATCHED(((six *)symbol)(SYS_io_uring_setup, 0L, 8L));
    printf("io_uring_setup: %ld\n", result);
    unlink("cgproc-probe-syscall");
}

/* ---- prctl() ---- */

/* Once the program filters its syscalls, any that it does not make itself could kill it, so the kernel answers. */
static void answer_prctl(void) {
    struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {1, allow};
    int fd = open("/proc/meminfo", O_RDONLY);
    slurp(fd), raw_close(fd);
    printf("before=%ld\n", figure("MemTotal:"));
    raw(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
    int result = WATCHED(((int (*)(int, ...))symbol)(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
    printf("result=%d\nerrno=%s\n", result, error_name(errno));
    fd = open("/proc/meminfo", O_RDONLY);
    slurp(fd), raw_close(fd);
    printf("after=%ld\n", figure("MemTotal:"));
}

static void pass_prctl(void) {
    int (*call)(int, ...) = (int (*)(int, ...))symbol;
    char name[17] = {0};
    int result = WATCHED(call(PR_SET_NAME, "a probe", 0L, 0L, 0L));
    printf("set name: %d %s\n", result, error_name(errno));
    result = WATCHED(call(PR_GET_NAME, name, 0L, 0L, 0L));
    printf("get name: %d %s [%s]\n", result, error_name(errno), name);
    result = WATCHED(call(PR_SET_NAME, 8L, 0L, 0L, 0L));
    printf("bad name: %d %s\n", result, error_name(errno));
    result = WATCHED(call(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 1L)); /* the kernel wants 0 here: the error shows that 1 arrived */
    printf("fifth argument: %d %s\n", result, error_name(errno));
    result = WATCHED(call(PR_CAP_AMBIENT, (long)PR_CAP_AMBIENT_IS_SET, 10L, 0L, 0L));
    printf("ambient: %d %s\n", result, error_name(errno));
    result = WATCHED(call(PR_SET_SECCOMP, 99L, 0L, 0L, 0L));
    printf("no such mode: %d %s\n", result, error_name(errno));
    result = WATCHED(call(99999, 0L, 0L, 0L, 0L));
    printf("no such option: %d %s\n", result, error_name(errno));
}

static const struct row rows[] = {
    {"sysinfo", NULL, answer_sysinfo, pass_sysinfo},
    {"syscall", NULL, answer_syscall, pass_syscall},
    {"prctl", NULL, answer_prctl, pass_prctl},
    {0},
};

int main(int argc, char **argv) { return probe_main(argc, argv, rows); }
