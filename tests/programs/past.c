/* A statically linked program whose system calls no preloaded library sees. Each mode prints a line for each thing it
 * saw.
 *
 *   past figures            all ways to ask, in kB of memory or numbers of CPUs
 *   past forms              all ways to name /proc/meminfo, in kB
 *   past refuses            what the kernel refuses: the errors' names
 *   past keeps              whether a file that stays open shows 32 MiB that are taken meanwhile
 *   past threads N OPENS    how many opens by N concurrent threads gave the same total as the first
 *   past forks N OPENS      how many opens by N processes, ten at a time, were right, and how many descriptors leaked
 *   past signals OPENS      how many opens under a timer of 1 ms (SA_RESTART) were right
 *   past waits FILE         opens until FILE is there: how many opens failed, and the total then
 *   past affinity           the masks, and whether handing one back changes anything
 *   past parent             ends after a moment, unless the end of its parent thread ends it */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMINFO "/proc/meminfo"

/* The figure after NAME in the file FD, which is then closed, or -1. */
static long figure_of(int fd, const char *name) {
    static _Thread_local char text[8192];
    if (fd < 0) return -1;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    text[len < 0 ? 0 : len] = 0;
    char *at = strstr(text, name);
    return at ? atol(at + strlen(name)) : -1;
}

static long total_of(int fd) { return figure_of(fd, "MemTotal:"); }
static long total(void) { return total_of(open(MEMINFO, O_RDONLY)); }

static const char *error_of(long result) {
    static const struct { int number; const char *name; } names[] = {
        {E2BIG, "E2BIG"}, {EBADF, "EBADF"}, {EFAULT, "EFAULT"}, {EINVAL, "EINVAL"}, {EMFILE, "EMFILE"},
        {ELOOP, "ELOOP"}, {ENOENT, "ENOENT"}, {ENOTDIR, "ENOTDIR"}, {ESRCH, "ESRCH"}, {EXDEV, "EXDEV"},
    };
    if (result >= 0) return "none";
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == errno) return names[i].name;
    return strerror(errno);
}

static int open_by_openat2(int dir, const char *path, unsigned long long flags, unsigned long long resolve) {
    struct open_how how = {.flags = flags, .resolve = resolve};
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

static void figures(void) {
    struct sysinfo info;
    cpu_set_t set;
    int dir = open("/proc", O_RDONLY | O_DIRECTORY);
    FILE *file = fopen(MEMINFO, "re");
    printf("open %ld\n", total());
    printf("openat %ld\n", total_of(openat(dir, "meminfo", O_RDONLY | O_CLOEXEC)));
    printf("openat2 %ld\n", total_of(open_by_openat2(AT_FDCWD, MEMINFO, O_RDONLY, 0)));
    printf("fopen %ld\n", total_of(dup(fileno(file))));
    sysinfo(&info);
    printf("sysinfo %lu\n", info.totalram / 1024 * info.mem_unit);
    printf("phys_pages %ld\n", sysconf(_SC_PHYS_PAGES) * (sysconf(_SC_PAGESIZE) / 1024));
    sched_getaffinity(0, sizeof set, &set);
    printf("affinity %d\n", CPU_COUNT(&set));
    sched_getaffinity(getpid(), sizeof set, &set);
    printf("affinity_of_pid %d\n", CPU_COUNT(&set));
    printf("onln %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
    printf("uptime %ld\nsysinfo_uptime %ld\n", figure_of(open("/proc/uptime", O_RDONLY), ""), info.uptime);
    int fd = open(MEMINFO, O_RDONLY | O_CLOEXEC), other = open(MEMINFO, O_RDONLY);
    printf("cloexec %d %d\n", fcntl(fd, F_GETFD), fcntl(other, F_GETFD));
    printf("mode %d\n", fcntl(fd, F_GETFL) & O_ACCMODE);
    printf("write %s\n", error_of(write(fd, "x", 1)));
    printf("lowest %d\n", other == fd + 1);
}

static void forms(void) {
    int dir = open("/proc/self", O_RDONLY | O_DIRECTORY);
    printf("slashes %ld\n", total_of(open("//proc//.///meminfo", O_RDONLY)));
    printf("dots %ld\n", total_of(open("/proc/sys/../meminfo", O_RDONLY)));
    printf("directory %ld\n", total_of(openat(dir, "../meminfo", O_RDONLY)));
    printf("openat2 %ld\n", total_of(open_by_openat2(dir, "../meminfo", O_RDONLY | O_NOFOLLOW, 0)));
    if (chdir("/proc") == 0) printf("relative %ld\n", total_of(open("meminfo", O_RDONLY)));
    if (chdir("/proc/sys") == 0) printf("upwards %ld\n", total_of(open("../meminfo", O_RDONLY)));
}

static void refuses(void) {
    cpu_set_t set;
    printf("missing %s\n", error_of(open("/proc/no/meminfo", O_RDONLY)));
    printf("bad_pointer %s\n", error_of(syscall(SYS_openat, AT_FDCWD, 8, O_RDONLY)));
    printf("bad_directory %s\n", error_of(openat(999, "meminfo", O_RDONLY)));
    printf("no_directory %s\n", error_of(open(MEMINFO "/x", O_RDONLY)));
    printf("bad_size %s\n", error_of(syscall(SYS_sched_getaffinity, 0, 3, &set)));
    printf("bad_mask %s\n", error_of(syscall(SYS_sched_getaffinity, 0, sizeof set, 8)));
    printf("bad_sysinfo %s\n", error_of(syscall(SYS_sysinfo, 8)));
    printf("bad_how %s\n", error_of(syscall(SYS_openat2, AT_FDCWD, MEMINFO, 8, 24)));
    printf("beneath %s\n", error_of(open_by_openat2(AT_FDCWD, MEMINFO, O_RDONLY, RESOLVE_BENEATH)));
    struct open_how with_mode = {.mode = 0600};
    char longer[64] = {[40] = 1};
    printf("mode %s\n", error_of(syscall(SYS_openat2, AT_FDCWD, MEMINFO, &with_mode, sizeof with_mode)));
    printf("longer %s\n", error_of(syscall(SYS_openat2, AT_FDCWD, MEMINFO, longer, sizeof longer)));
    printf("flags %s\n", error_of(open_by_openat2(AT_FDCWD, MEMINFO, 1ull << 40, 0)));
    printf("direct %s\n", error_of(open(MEMINFO, O_RDONLY | O_DIRECT)));
    printf("link %s\n", error_of(open("/proc/self", O_RDONLY | O_NOFOLLOW)));
    printf("odd_size %s\n", error_of(syscall(SYS_sched_getaffinity, 0, 1001, &set)));
    printf("nobody %s\n", error_of(syscall(SYS_sched_getaffinity, 0x3fffffff, sizeof set, &set)));
    printf("set_bad_mask %s\n", error_of(syscall(SYS_sched_setaffinity, 0, sizeof set, 8)));
    printf("set_nothing %s\n", error_of(syscall(SYS_sched_setaffinity, 0, 0, &set)));
    struct rlimit few = {4, 4};
    while (open("/dev/null", O_RDONLY) < 3) {}
    setrlimit(RLIMIT_NOFILE, &few);
    printf("full %s\n", error_of(open(MEMINFO, O_RDONLY)));
}

static void keeps(void) {
    enum { TAKEN_KIB = 32 << 10 };
    int fd = open(MEMINFO, O_RDONLY);
    long before = figure_of(dup(fd), "MemFree:");
    usleep(50000);
    volatile char *memory = malloc(TAKEN_KIB << 10);
    for (long at = 0; at < TAKEN_KIB << 10; at += 1024) memory[at] = 1;
    lseek(fd, 0, SEEK_SET);
    long after = figure_of(dup(fd), "MemFree:");
    printf("lseek %s\n", before - after > TAKEN_KIB / 2 ? "tells" : "keeps quiet");
    free((void *)memory);
    usleep(50000);
    char text[8192] = "";
    long last = pread(fd, text, sizeof text - 1, 0) > 0 ? atol(strstr(text, "MemFree:") + 8) : -1;
    printf("pread %s\n", last - after > TAKEN_KIB / 2 ? "tells" : "keeps quiet");
}

static long expected;

/* How many of COUNT opens succeeded; every tenth file is an answered one. */
static long opens(long count) {
    long right = 0;
    for (long i = 0; i < count; i++) {
        if (i % 10 == 0) {
            right += total() == expected;
        } else {
            int fd = open(i % 3 ? "/etc/passwd" : "/proc/self/stat", O_RDONLY);
            right += fd >= 0;
            close(fd);
        }
    }
    return right;
}

static void *thread(void *count) { return (void *)opens((long)count); }

static void threads(int number, long count) {
    pthread_t each[64];
    long right = 0;
    for (int i = 0; i < number; i++) pthread_create(&each[i], NULL, thread, (void *)count);
    for (int i = 0; i < number; i++) {
        void *result;
        pthread_join(each[i], &result);
        right += (long)result;
    }
    printf("right %ld\n", right);
}

static int descriptors(void) {
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

static void forks(int number, long count) {
    enum { AT_ONCE = 10 };
    int before = descriptors(), running = 0, right = 0, status;
    puts("begins");
    fflush(stdout);
    getchar();
    for (int i = 0; i < number; i++) {
        if (running == AT_ONCE) {
            running -= wait(&status) > 0;
            right += status == 0;
        }
        if (fork() == 0) {
            long well = opens(count);
            _exit(well == count && descriptors() == before ? 0 : 1);
        }
        running++;
    }
    for (; running; running--) wait(&status), right += status == 0;
    printf("right %d\nmore %d\n", right, descriptors() - before);
    fflush(stdout);
    getchar();
}

static volatile long heard;

static void on_alarm(int number) { (void)number, heard++; }

/* Opens until COUNT signals have come, each at another moment. One at a time, so that a slow machine makes progress
 * too. */
static void signals(long count) {
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    long wrong = 0;
    sigaction(SIGALRM, &action, NULL);
    while (heard < count) {
        long before = heard;
        struct itimerval once = {.it_value = {0, 1 + before * 37 % 1000}};
        setitimer(ITIMER_REAL, &once, NULL);
        while (heard == before) wrong += opens(1) != 1;
    }
    printf("heard %ld, wrong %ld\n", heard, wrong);
}

static void affinity(void) {
    cpu_set_t set, again;
    char line[256];
    sched_getaffinity(0, sizeof set, &set);
    sched_getaffinity(getpid(), sizeof again, &again);
    printf("shown %d %d\n", CPU_COUNT(&set), CPU_COUNT(&again));
    printf("handed back %d\n", sched_setaffinity(0, sizeof set, &set));
    FILE *status = fopen("/proc/self/status", "re");
    while (fgets(line, sizeof line, status))
        if (strncmp(line, "Cpus_allowed_list:", 18) == 0) printf("kernel's %s", line + 19);
    CPU_ZERO(&set);
    CPU_SET(1, &set);
    printf("another %d\n", sched_setaffinity(0, sizeof set, &set));
    fclose(status);
    status = fopen("/proc/self/status", "re");
    while (fgets(line, sizeof line, status))
        if (strncmp(line, "Cpus_allowed_list:", 18) == 0) printf("then %s", line + 19);
}

static void parent(void) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    usleep(3000);
}

static void waits(const char *file) {
    long failed = 0;
    puts("ready");
    fflush(stdout);
    while (access(file, F_OK) != 0) failed += opens(10) != 10;
    printf("failed %ld\ntotal %ld\n", failed, total());
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    long first = argc > 2 ? atol(argv[2]) : 0, second = argc > 3 ? atol(argv[3]) : 0;
    if (strcmp(mode, "figures") != 0) expected = total();
    if (strcmp(mode, "figures") == 0) figures();
    else if (strcmp(mode, "forms") == 0) forms();
    else if (strcmp(mode, "refuses") == 0) refuses();
    else if (strcmp(mode, "keeps") == 0) keeps();
    else if (strcmp(mode, "threads") == 0) threads((int)first, second);
    else if (strcmp(mode, "forks") == 0) forks((int)first, second);
    else if (strcmp(mode, "signals") == 0) signals(first);
    else if (strcmp(mode, "affinity") == 0) affinity();
    else if (strcmp(mode, "parent") == 0) parent();
    else if (strcmp(mode, "waits") == 0 && argc > 2) waits(argv[2]);
    else return 2;
    return 0;
}
