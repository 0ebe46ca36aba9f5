/* A hostile user, without rights, who has a subtree of cgroups. Root starts it.
 *
 *   wild-cgroups storm USER SEED SCRATCH DIRECTORY...
 *       The directories, one in each hierarchy, are made and given to USER. That user makes, fills, renames and removes
 *       cgroups in them, forks, moves about, sets limits, and mounts in private namespaces, with files in SCRATCH.
 *       Prints `all kinds` once each has been done, and on SIGTERM how often; by then all of it is gone.
 *   wild-cgroups clear DIRECTORY...
 *       Removes what a killed storm has left. */
#define _GNU_SOURCE
#include "chance.h"
#include <dirent.h>
#include <errno.h>
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum deed { MADE, REMOVED, RENAMED, MOVED, FORKED, LIMITED, MOUNTED, OVERLAID, DEEDS };
static const char *const DEED[] = {"made", "removed", "renamed", "moved", "forked", "limited", "mounted", "overlaid"};
static _Atomic unsigned long *done;

static void must(const char *what, long result) {
    if (result < 0) perror(what), exit(1);
}

/* Counts a deed that succeeded. It may fail, because others are active as well. */
static int did(enum deed deed, long result) {
    if (result >= 0) done[deed]++;
    return result >= 0;
}

enum { NAME = 256 };

static void choose_name(char *to) {
    static const char *const odd[] = {
        " ", "..x", "(deleted)", "\\040", "init.scope", "a.slice", "\xff\xfe", "tab\there", "-rf", "%s%n", "*", "cgroup.procs2", "'\"`$(:)"};
    unsigned len = once_in(4) ? NAME - 1 : 1 + below(NAME - 1);
    switch (below(4)) {
    case 0: strcpy(to, ONE_OF(odd)); return;
    case 1: sprintf(to, "%u", below(1000)); return;
    case 2: memset(to, 'd', len); break;
    default:
        for (unsigned i = 0; i < len; i++)
            do to[i] = (char)thrown(); while (strchr("/\n", to[i]));
    }
    to[len] = 0;
}

/* ---- directories ---- */

static int open_directory(int at, const char *name) { return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }

/* Writes to a file of the cgroup that is open. */
static long put(int cgroup, const char *file, const char *text) {
    int fd = openat(cgroup, file, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    long written = write(fd, text, strlen(text));
    close(fd);
    return written;
}

/* Removes the directories below an open one, and the files if requested. Returns whether all are gone. */
static int empty(int at, int with_files) {
    int copy = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), all = 1;
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (!entries) {
        if (copy >= 0) close(copy);
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (entry->d_type != DT_DIR) {
            if (with_files) all &= unlinkat(at, entry->d_name, 0) == 0;
            continue;
        }
        if (did(REMOVED, unlinkat(at, entry->d_name, AT_REMOVEDIR))) continue;
        int inner = open_directory(at, entry->d_name);
        if (inner >= 0) empty(inner, with_files), close(inner);
        all &= did(REMOVED, unlinkat(at, entry->d_name, AT_REMOVEDIR));
    }
    closedir(entries);
    return all;
}

/* As root, until nothing is left: the kernel takes a moment to forget a cgroup's members. */
static void clear(char **directories) {
    for (; *directories; directories++)
        for (int at; (at = open(*directories, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0; close(at)) {
            if (empty(at, 0) && rmdir(*directories) == 0) {
                close(at);
                break;
            }
            usleep(10000);
        }
}

/* ---- what the user does, each in its own process ---- */

static int tops[16], top_count;
static const char *scratch;

/* A child of the user's that does something and ends. */
static pid_t child(void (*act)(int), int with) {
    pid_t pid = fork();
    if (pid == 0) {
        dice ^= (uint64_t)getpid() << 32;
        act(with);
        _exit(0);
    }
    did(FORKED, pid);
    return pid;
}

static void bury(pid_t pid) {
    if (pid > 0) waitpid(pid, NULL, 0);
}

static void enter(int cgroup) {
    did(MOVED, put(cgroup, once_in(4) ? "tasks" : "cgroup.procs", "0"));
    if (once_in(3)) usleep(below(20000));
}

static void set_limits(int cgroup) {
    static const char *const files[] = {
        "cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "memory.limit_in_bytes", "memory.soft_limit_in_bytes", "cpuset.cpus", "pids.max",
        "cpu.max", "cpu.weight", "memory.max", "memory.high", "cgroup.type", "cgroup.subtree_control", "cgroup.max.descendants"};
    static const char *const values[] = {
        "0", "1", "-1", "max", "2", "1000", "50000", "100000", "1000000", "9223372036854771712", "0-1", "threaded", "+memory +cpu", "-cpu", "x"};
    for (int i = below(40); i > 0; i--) did(LIMITED, put(cgroup, ONE_OF(files), ONE_OF(values)));
}

/* A chain of cgroups; the deepest goes first. */
static void chain(int top) {
    enum { DEEPEST = 200 };
    static char names[DEEPEST][NAME];
    int at[DEEPEST + 1] = {top}, depth = 0;
    for (int most = once_in(6) ? DEEPEST : 1 + (int)below(4); depth < most; depth++) {
        choose_name(names[depth]);
        if (!did(MADE, mkdirat(at[depth], names[depth], 0755))) break;
        if ((at[depth + 1] = open_directory(at[depth], names[depth])) < 0) break;
    }
    if (depth > 0 && once_in(2)) set_limits(at[1 + below(depth)]);
    if (depth > 0 && once_in(2)) bury(child(enter, at[1 + below(depth)]));
    if (depth > 0 && once_in(2)) {
        char other[NAME];
        int which = below(depth);
        choose_name(other);
        if (did(RENAMED, renameat(at[which], names[which], at[which], other))) strcpy(names[which], other);
    }
    for (; depth > 0; depth--) {
        close(at[depth]);
        did(REMOVED, unlinkat(at[depth - 1], names[depth - 1], AT_REMOVEDIR));
    }
}

/* The longest possible name. */
static void long_name(char *to, unsigned number) {
    memset(to, 'd', NAME - 1);
    sprintf(to + NAME - 11, "%010u", number);
}

/* More at once than the user has places on the board, each with a path nearly as long as possible. */
static void crowd(int top) {
    enum { DEEP = 14 };
    char name[NAME];
    int at = top, is_long = once_in(2), many = once_in(4) ? 20000 : 2500;
    for (int depth = is_long ? DEEP : 1, next; depth; depth--, at = next) {
        if (is_long) long_name(name, below(1000));
        else choose_name(name);
        next = did(MADE, mkdirat(at, name, 0755)) ? open_directory(at, name) : -1;
        if (at != top) close(at);
        if (next < 0) return;
    }
    for (int i = 0; i < many; i++) {
        if (is_long) long_name(name, i);
        else sprintf(name, "%d", i);
        did(MADE, mkdirat(at, name, 0755));
    }
    usleep(below(300000));
    if (once_in(4)) usleep(6000000);
    empty(at, 0), close(at);
    usleep(below(300000));
    /* Including what others have left. */
    empty(top, 0);
}

/* Enters some cgroup below. */
static void wander(int at) {
    for (int steps = 1 + below(4); steps; steps--) {
        int copy = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), next = -1;
        DIR *entries = copy < 0 ? NULL : fdopendir(copy);
        if (!entries) return;
        int which = below(40);
        for (struct dirent *entry; (entry = readdir(entries)) && (which >= 0 || next < 0);) {
            if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
            if (next >= 0) close(next);
            next = open_directory(at, entry->d_name), which--;
        }
        closedir(entries);
        if (next < 0) return;
        enter(at = next);
    }
}

static void *idle(void *unused) {
    usleep(50000);
    return unused;
}

static void move_about(int top) {
    pthread_t thread;
    for (int i = below(3); i; i--)
        if (pthread_create(&thread, NULL, idle, NULL) == 0) pthread_detach(thread);
    for (int i = below(10); i; i--) {
        wander(top);
        if (once_in(5) && fork() == 0) usleep(below(100000)), _exit(0);
    }
}

static void fork_many(int top) {
    for (int i = 0; i < 16; i++) child(move_about, top);
    while (waitpid(-1, NULL, 0) > 0) {}
}

/* A user namespace in which the user is root, with mounts. */
static int is_root_of_his_own(void) {
    char map[64];
    sprintf(map, "0 %d 1", getuid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | (once_in(2) ? CLONE_NEWCGROUP : 0)) != 0) return 0;
    if (put(AT_FDCWD, "/proc/self/setgroups", "deny") < 0) return 0;
    return put(AT_FDCWD, "/proc/self/uid_map", map) > 0 && put(AT_FDCWD, "/proc/self/gid_map", map) > 0;
}

static void make_deep(int top, int depth) {
    int at = top;
    for (int next; depth; depth--, at = next) {
        int fd = openat(at, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0) fd = (write(fd, scratch, strlen(scratch)), close(fd));
        linkat(at, "file", at, "another name", 0);
        mknodat(at, "pipe", S_IFIFO | 0600, 0);
        symlinkat("/proc/self/root", at, "link");
        next = mkdirat(at, "d", depth == 1 && once_in(3) ? 0 : 0755) == 0 ? open_directory(at, "d") : -1;
        if (at != top) close(at);
        if (next < 0) return;
    }
    if (at != top) close(at);
}

/* A root like a container's. Its upper layer is another's, disappears, or changes while it is measured. */
static void be_overlaid(const char *own) {
    char options[16 * NAME];
    if (mkdir("lower", 0755) + mkdir("upper", 0755) + mkdir("work", 0755) + mkdir("root", 0755) != 0) return;
    int upper = open_directory(AT_FDCWD, "upper");
    make_deep(upper, below(2) ? 10 : 90);
    sprintf(options, "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work,userxattr", own, own, own);
    if (!did(OVERLAID, mount("overlay", "root", "overlay", 0, options)) || chroot("root") != 0) return;
    for (int times = once_in(4) ? 200 : 10; times; times--) {
        if (once_in(3)) make_deep(upper, 1 + below(20)), empty(upper, 1);
        if (once_in(50)) renameat(upper, "../upper", upper, "../gone");
        usleep(30000);
    }
}

static void mount_much(int number) {
    char own[4 * NAME], name[NAME];
    snprintf(own, sizeof own, "%s/%d", scratch, number);
    if (mkdir(own, 0755) != 0 || chdir(own) != 0 || !is_root_of_his_own()) return;
    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (once_in(2)) {
        be_overlaid(own);
        return;
    }
    for (int i = once_in(4) ? 300 : below(20); i; i--) {
        choose_name(name);
        mkdir(name, 0755);
        did(MOUNTED, mount(once_in(2) ? name : "cgroup", name, "tmpfs", 0, once_in(2) ? "mode=755" : ""));
        if (once_in(8)) mount("/sys/fs/cgroup", name, NULL, MS_BIND | MS_REC, NULL);
        if (once_in(8)) mount("cgroup2", name, "cgroup2", 0, NULL);
        if (once_in(40)) mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL);
        if (once_in(40)) mount("none", "/proc", "tmpfs", 0, NULL);
    }
    usleep(below(once_in(4) ? 6000000 : 500000));
}

static void live_apart(int unused) {
    (void)unused;
    static int number;
    pid_t apart[6];
    int first = number;
    for (int i = 0; i < 6; i++) apart[i] = child(mount_much, number++);
    for (int i = 0; i < 6; i++) bury(apart[i]);
    int at = open_directory(AT_FDCWD, scratch);
    for (char name[16]; first < number; first++) {
        sprintf(name, "%d", first);
        int own = open_directory(at, name);
        if (own >= 0) empty(own, 1), close(own);
        unlinkat(at, name, AT_REMOVEDIR);
    }
    close(at);
}

/* ---- all of it ---- */

static void (*const WORK[])(int) = {chain, chain, crowd, fork_many, live_apart};

/* The user's first process, after which none is left. */
static void begin(unsigned user, uint64_t seed) {
    must("setgroups", setgroups(0, NULL));
    must("setresgid", setresgid(user, user, user));
    must("setresuid", setresuid(user, user, user));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* Makes its own files in /proc belong to the user. */
    prctl(PR_SET_DUMPABLE, 1);
    for (unsigned i = 0; i < sizeof WORK / sizeof *WORK; i++)
        if (fork() == 0)
            for (dice = seed + i;;) WORK[i](tops[below(top_count)]);
    for (;;)
        if (waitpid(-1, NULL, 0) < 0) pause();
}

/* A cgroup that belongs to USER, containing one in which that user's processes start. */
static int delegate(const char *directory, unsigned user) {
    static const char *const files[] = {"", "cgroup.procs", "tasks", "cgroup.threads", "cgroup.subtree_control"};
    char text[256];
    if (mkdir(directory, 0755) != 0 && errno != EEXIST) must(directory, -1);
    int at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), home;
    must(directory, at);
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
        if (fchownat(at, files[i], user, user, i ? 0 : AT_EMPTY_PATH) != 0 && errno != ENOENT) must(files[i], -1);
    /* Cpusets of version 1 are empty at first. */
    for (int i = 0; i < 2; i++) {
        const char *file = i ? "cpuset.mems" : "cpuset.cpus";
        snprintf(text, sizeof text, "../%s", file);
        int above = openat(at, text, O_RDONLY | O_CLOEXEC);
        ssize_t len = above < 0 ? 0 : read(above, text, sizeof text - 1);
        text[len < 0 ? 0 : len] = 0;
        if (faccessat(at, "cgroup.clone_children", F_OK, 0) == 0 && len > 0) must(file, put(at, file, text)), put(at, "cgroup.clone_children", "1");
        if (above >= 0) close(above);
    }
    if (mkdirat(at, "home", 0755) != 0 && errno != EEXIST) must("home", -1);
    must("home", home = open_directory(at, "home"));
    must("home", put(home, "cgroup.procs", "0"));
    close(home);
    return at;
}

static volatile sig_atomic_t is_to_end;
static void end(int signal) { is_to_end = signal; }

static int has_done_all(int can_rename) {
    for (int i = 0; i < DEEDS; i++)
        if (done[i] == 0 && (i != RENAMED || can_rename)) return 0;
    return 1;
}

static int storm(unsigned user, uint64_t seed, char **directories) {
    struct sigaction to_end = {.sa_handler = end};
    sigaction(SIGTERM, &to_end, NULL);
    int can_rename = 0, is_told = 0, ended = 0;
    /* All others end with the first process. */
    must("unshare", unshare(CLONE_NEWPID));
    pid_t first = fork();
    must("fork", first);
    if (first == 0) {
        for (; directories[top_count] && top_count < 16; top_count++) tops[top_count] = delegate(directories[top_count], user);
        begin(user, seed);
    }
    for (; !is_to_end && !ended; usleep(100000)) {
        char file[4096];
        snprintf(file, sizeof file, "%s/tasks", directories[0]);
        can_rename |= access(file, F_OK) == 0;
        if (!is_told && has_done_all(can_rename)) is_told = puts("all kinds"), fflush(stdout);
        ended = waitpid(first, NULL, WNOHANG) == first;
    }
    kill(first, SIGKILL);
    waitpid(first, NULL, 0);
    for (int i = 0; i < DEEDS; i++) printf("%s%s %lu", i ? ", " : "", DEED[i], (unsigned long)done[i]);
    puts("");
    clear(directories);
    return ended;
}

int main(int argc, char **argv) {
    done = mmap(NULL, DEEDS * sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (done == MAP_FAILED) must("mmap", -1);
    if (argc > 2 && !strcmp(argv[1], "clear")) return clear(argv + 2), 0;
    if (argc < 6 || strcmp(argv[1], "storm")) return 2;
    scratch = argv[4];
    return storm(atoi(argv[2]), strtoull(argv[3], NULL, 10), argv + 5);
}
