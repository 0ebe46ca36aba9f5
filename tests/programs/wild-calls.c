/* Hostile programs under a process that answers their calls from outside, and others that only want answers. Root
 * starts it, linked statically.
 *
 *   wild-calls USER SEED KIB
 *       Prints `begins` and waits for a line. Then programs of USER make calls with any arguments while their memory
 *       goes away, close descriptors, send signals, give up rights, fork, exec, and are killed at any point. Two other
 *       programs keep asking for the total of memory. Prints `all kinds` once each has been done and both others have
 *       been answered often enough, and waits for another line. By then everything is over. Prints how often each was
 *       done, how often both have asked, and how many answers were not KIB, and waits for its input to end. */
#define _GNU_SOURCE
#include "chance.h"
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum deed { BEGUN, CALLED, UNMAPPED, CLOSED, SIGNALLED, GAVE_UP, FORKED, EXECUTED, KILLED, DEEDS };
static const char *const DEED[] = {"begun", "called", "unmapped", "closed", "signalled", "gave up", "forked", "executed", "killed"};
static struct {
    _Atomic unsigned long done[DEEDS];
    struct {
        _Atomic unsigned long asked, wrong, slowest_usec;
    } innocent[2];
    _Atomic int is_over;
} *shared;

static void must(const char *what, long result) {
    if (result < 0) perror(what), exit(1);
}

/* ---- memory that comes and goes: pages of a file with paths, structures and anything else ---- */

enum { PAGE = 4096, PAGES = 8, STEP = 64, TEMPLATE = 700 };

static char *pages;

static const char *const PATHS[] = {
    "/proc/meminfo", "/proc/stat", "/proc/cpuinfo", "/proc/loadavg", "/proc/uptime", "/proc/swaps", "/proc/diskstats", "/proc/vmstat",
    "/proc/pressure/memory", "/sys/devices/system/cpu/online", "/sys/fs/cgroup/../../devices/system/cpu/online", "/proc//./sys/../meminfo",
    "/proc/self/root/proc/meminfo", "/proc/self/cwd/meminfo", "/proc/thread-self/../../meminfo", "/proc/self/fd/5", "/dev/fd/5",
    "/proc/cgproc/is-this-supervised", "meminfo", "../proc/meminfo", "stat", "", "/", "/proc", "/proc/meminfo/", "/etc/passwd", "/dev/zero"};

static void make_pages(void) {
    static char text[PAGE * PAGES];
    struct rlimit enough = {1024, 4096};
    setrlimit(RLIMIT_NOFILE, &enough);
    int file = memfd_create("pages", MFD_CLOEXEC);
    for (unsigned at = 0; at < sizeof text; at += STEP) {
        uint64_t how[3] = {once_in(2) ? O_CLOEXEC : thrown(), 0, once_in(8) ? thrown() : 0};
        if (once_in(4)) memcpy(text + at, how, sizeof how);
        else if (once_in(12)) memset(text + at, 'x', STEP);
        else strcpy(text + at, ONE_OF(PATHS));
    }
    /* A string cut off by the end of the last page. */
    memset(text + sizeof text - 5, '/', 5);
    if (write(file, text, sizeof text) < 0 || dup3(file, TEMPLATE, O_CLOEXEC) < 0) _exit(1);
    close(file);
    pages = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, TEMPLATE, 0);
    if (pages == MAP_FAILED) _exit(1);
}

static void unmap(void) {
    char *at = pages + PAGE * below(PAGES);
    switch (below(4)) {
    case 0: munmap(at, PAGE); break;
    case 1: mprotect(at, PAGE, PROT_NONE); break;
    /* Past the end of the file. */
    case 2: mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, TEMPLATE, PAGE * (PAGES + 9)); break;
    default: mmap(at, PAGE, once_in(3) ? PROT_READ : PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE, TEMPLATE, at - pages);
    }
    shared->done[UNMAPPED]++;
    /* Nobody makes progress if memory changes without pause. */
    if (once_in(4)) usleep(below(500));
}

static long any_address(void) {
    static const long odd[] = {0, 8, -1, -4096, 1L << 47, (long)0xffff800000000000, 0x7ffffffff000, 4095};
    if (once_in(12)) return ONE_OF(odd);
    return (long)pages + (once_in(6) ? below(PAGE * (PAGES + 1)) : STEP * below(PAGE * PAGES / STEP));
}

static long any_number(void) {
    static const long odd[] = {0, 1, -1, 2, AT_FDCWD, 128, 4096, 1L << 31, 1L << 32, -4096, 1024};
    return once_in(3) ? ONE_OF(odd) : once_in(40) ? (long)thrown() : below(24);
}

/* ---- what they do ---- */

static void call(void) {
    static const int flags[] = {O_RDONLY, O_CLOEXEC, O_NONBLOCK, O_NOFOLLOW, O_RDWR, O_PATH, O_DIRECTORY, O_NOATIME};
    long number = any_number(), address = any_address(), fd = once_in(2) ? AT_FDCWD : any_number();
    switch (below(9)) {
    case 0: syscall(SYS_open, address, ONE_OF(flags), 0); break;
    case 1: syscall(SYS_openat, fd, address, once_in(8) ? (long)thrown() : ONE_OF(flags), 0); break;
    case 2: syscall(SYS_openat2, fd, address, any_address(), once_in(3) ? number : 24); break;
    case 3: syscall(SYS_lseek, number, once_in(8) ? number : 0, once_in(8) ? number : SEEK_SET); break;
    case 4: syscall(SYS_pread64, number, address, any_number(), 0); break;
    case 5: syscall(SYS_sysinfo, address); break;
    case 6: syscall(SYS_sched_getaffinity, once_in(2) ? 0 : number, once_in(2) ? 128 : any_number(), address); break;
    case 7: syscall(SYS_sched_setaffinity, once_in(2) ? 0 : number, once_in(2) ? 128 : any_number(), address); break;
    default: syscall(SYS_openat, AT_FDCWD, (long)"/proc/meminfo", O_RDONLY | O_CLOEXEC);
    }
    shared->done[CALLED]++;
}

static void close_some(void) {
    if (once_in(4)) dup2(below(24), below(24));
    else close(below(24));
    shared->done[CLOSED]++;
}

static void nothing(int signal) { (void)signal; }

static void give_up(void) {
    static const char *const directories[] = {"/proc", "/", "/proc/self/fd", "/sys/devices/system/cpu", "/dev/shm"};
    struct rlimit few = {below(30), 4096};
    switch (below(7)) {
    case 0: prctl(PR_SET_DUMPABLE, below(2)); break;
    case 1: setrlimit(RLIMIT_NOFILE, &few); break;
    case 2: unshare(CLONE_FILES); break;
    case 3: unshare(CLONE_FS); break;
    case 4: prctl(PR_SET_NAME, (long)(once_in(2) ? "ps" : "cgproc")); break;
    case 5: setsid(); break;
    default: if (chdir(ONE_OF(directories)) != 0) return;
    }
    shared->done[GAVE_UP]++;
}

static void fork_some(void) {
    pid_t pid = once_in(3) ? (pid_t)syscall(SYS_clone, SIGCHLD | (once_in(2) ? CLONE_FILES | CLONE_FS : 0), 0, 0, 0, 0) : fork();
    if (pid == 0) {
        /* A program that waits for an answer must not outlive its killed parent, or ever more would pile up. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int i = below(6); i; i--) call();
        _exit(0);
    }
    if (once_in(2)) waitpid(pid, NULL, 0);
    shared->done[FORKED]++;
}

static void execute(void) {
    static char long_one[100000], seed[32];
    static const char *const odd[] = {
        "CGPROC=off", "CGPROC_CGROUP=/dev", "CGPROC_CGROUP=/proc/self", "CGPROC_BOARD=/dev/zero", "CGPROC_BOARD=/proc/self/mem", "CGPROC_MEMORY=?",
        "CGPROC_MEMORY=1", "CGPROC_CPUS=-1", "CGPROC_FILES=meminfo", "CGPROC_DEBUG=/dev/full", "=", "CGPROC_UPTIME"};
    memset(long_one, 'e', sizeof long_one - 1);
    char *environment[] = {(char *)ONE_OF(odd), (char *)ONE_OF(odd), once_in(4) ? long_one : NULL, NULL};
    sprintf(seed, "%llu", (unsigned long long)thrown());
    shared->done[EXECUTED]++;
    execve("/proc/self/exe", (char *[]){"wild-calls", "guest", seed, NULL}, environment);
}

static void *act(void *role) {
    for (;;)
        switch ((long)role) {
        case 0: unmap(); break;
        case 1:
            if (once_in(4)) close_some();
            if (once_in(30)) give_up();
            if (once_in(30)) fork_some();
            if (once_in(300)) execute();
            if (once_in(3)) kill(getpid(), SIGUSR1), shared->done[SIGNALLED]++;
            break;
        default: call();
        }
    return NULL;
}

/* Runs until killed. After an exec, it has lost the shared memory. */
static void be_a_guest(void) {
    struct sigaction heard = {.sa_handler = nothing};
    pthread_t thread;
    sigaction(SIGUSR1, &heard, NULL);
    prctl(PR_SET_DUMPABLE, 1);
    if (once_in(8) && unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) {
        if (once_in(3)) mount("none", "/proc", "tmpfs", 0, NULL);
        if (once_in(3) && chroot("/sys") != 0) _exit(1);
    }
    make_pages();
    for (long role = 0; role < 5; role++)
        if (pthread_create(&thread, NULL, act, (void *)role) != 0) _exit(1);
    for (;;) pause();
}

/* Starts one program after the other. */
static void keep_guests(void) {
    for (;;) {
        pid_t pid = fork();
        if (pid == 0) {
            dice ^= (uint64_t)getpid() << 32;
            be_a_guest();
        }
        if (pid < 0) {
            usleep(1000);
            continue;
        }
        shared->done[BEGUN]++;
        usleep(below(once_in(10) ? 200000 : 40000));
        if (kill(pid, SIGKILL) == 0) shared->done[KILLED]++;
        waitpid(pid, NULL, 0);
    }
}

static void become(unsigned user) {
    must("setgroups", setgroups(0, NULL));
    must("setresgid", setresgid(user, user, user));
    must("setresuid", setresuid(user, user, user));
}

/* The first process of a pid namespace: all others end with it. */
static void storm(unsigned user, uint64_t seed) {
    become(user);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct rlimit processes = {300, 300};
    setrlimit(RLIMIT_NPROC, &processes);
    /* Their calls on files that we have open, such as lseek, must not affect us. */
    int none = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2; fd++) dup2(none, fd);
    for (int i = 0; i < 6; i++)
        if (fork() == 0) dice = seed + i, keep_guests();
    for (;;)
        if (waitpid(-1, NULL, 0) < 0) pause();
}

/* ---- programs that only ask ---- */

static uint64_t now_usec(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

static unsigned long total_kib(void) {
    static char text[16384];
    int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    text[len < 0 ? 0 : len] = 0;
    char *at = strstr(text, "MemTotal:");
    return at ? strtoul(at + 9, NULL, 10) : 0;
}

static void ask(int which, unsigned long kib) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (!shared->is_over) {
        struct sysinfo info = {0};
        uint64_t begun = now_usec();
        int is_wrong = total_kib() != kib;
        is_wrong |= sysinfo(&info) != 0 || info.totalram / 1024 * info.mem_unit != kib;
        uint64_t took = now_usec() - begun;
        if (took > shared->innocent[which].slowest_usec) shared->innocent[which].slowest_usec = took;
        shared->innocent[which].wrong += is_wrong;
        shared->innocent[which].asked++;
        usleep(1000);
    }
    _exit(0);
}

/* ---- all of it ---- */

static int has_been_all(void) {
    for (int i = 0; i < DEEDS; i++)
        if (shared->done[i] == 0) return 0;
    return shared->innocent[0].asked >= 100 && shared->innocent[1].asked >= 100;
}

static void say(const char *word) { puts(word), fflush(stdout); }

int main(int argc, char **argv) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || argc < 3) return 2;
    if (!strcmp(argv[1], "guest")) dice = strtoull(argv[2], NULL, 10), be_a_guest();
    if (argc < 4) return 2;
    unsigned user = atoi(argv[1]);
    pid_t asking[2];
    say("begins");
    getchar();
    for (int i = 0; i < 2; i++)
        if ((asking[i] = fork()) == 0) {
            if (i) become(user);
            ask(i, strtoul(argv[3], NULL, 10));
        }
    must("unshare", unshare(CLONE_NEWPID));
    pid_t first = fork();
    must("fork", first);
    if (first == 0) storm(user, strtoull(argv[2], NULL, 10));
    while (!has_been_all()) usleep(10000);
    say("all kinds");
    getchar();
    kill(first, SIGKILL);
    waitpid(first, NULL, 0);
    shared->is_over = 1;
    for (int i = 0; i < 2; i++) waitpid(asking[i], NULL, 0);
    for (int i = 0; i < DEEDS; i++) printf("%s %lu, ", DEED[i], (unsigned long)shared->done[i]);
    for (int i = 0; i < 2; i++)
        printf("%s asked %lu times, waited %lu us at most, wrong %lu%s", i ? "another" : "root", (unsigned long)shared->innocent[i].asked,
               (unsigned long)shared->innocent[i].slowest_usec, (unsigned long)shared->innocent[i].wrong, i ? "\n" : ", ");
    fflush(stdout);
    while (getchar() >= 0) {}
    return 0;
}
