/* One ask in a child whose system calls a tracer sees, of which it may let one fail. Only those count that the object
 * makes itself: the address of the instruction tells. */
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

/* What one ask gave, in memory that the child shares. */
static struct seen {
    int is_over, value, error, leaked;
    long len, before_len;
    char text[ROOM + 1], before[ROOM + 1]; /* and what the descriptor carried before, if it is reread */
} *seen;

struct ask {
    const char *name, *path;
    void (*prepare)(const struct ask *ask); /* may be NULL; untraced */
    void (*run)(const struct ask *ask);     /* its calls between begin() and end() are traced */
};

/* What goes wrong: from call number `from` on, or only that one. */
struct shot {
    int from, error, goes_on;
};
/* In place of an errno: a read gives half of what there is, a write takes half of what it is given. */
enum { SHORT = -1, NOTHING = 0 };

/* ---- the child ---- */

static int is_traced;

static void begin(void) {
    if (is_traced) raw(SYS_kill, raw(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGSTOP, 0, 0, 0, 0);
    errno = UNTOUCHED;
}

static void end(void) {
    seen->error = errno;
    raw(SYS_write, -1, 0, 0, 0, 0, 0);
}

enum { DESCRIPTORS = 128 }; /* the stage has some fifty */

/* Which descriptors are open, a byte each. */
static void list_descriptors(char *are_open) {
    for (int fd = 0; fd < DESCRIPTORS; fd++) are_open[fd] = raw(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) >= 0;
}

static void be_asked(const struct ask *ask) {
    static char before[DESCRIPTORS], after[DESCRIPTORS];
    struct { uint64_t now, most; } seconds = {10, 10};
    raw(SYS_prlimit64, 0, 0 /* RLIMIT_CPU */, (long)&seconds, 0, 0, 0); /* if it goes on for ever */
    alarm(600);                                                         /* if it waits for ever */
    enter_stage();
    list_descriptors(before);
    if (ask->prepare) ask->prepare(ask);
    if (is_traced) raw(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0, 0, 0);
    ask->run(ask);
    list_descriptors(after);
    seen->leaked = memcmp(before, after, DESCRIPTORS) != 0;
    seen->is_over = 1;
    raw(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

/* ---- the tracer ---- */

static unsigned long object_from, object_to; /* the object's code */
static char hit[600];                        /* the call that failed, in words */

static void find_object(const char *name) {
    char line[1024], rights[8];
    unsigned long from, to;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        if (strstr(line, name) && sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 && rights[2] == 'x') object_from = from, object_to = to;
    fclose(maps);
}

/* Copies a string of the child's memory, a page at a time: the next may not be there. */
static void copy_string(int pid, unsigned long at, char *to, size_t room) {
    size_t len = 0;
    while (len + 1 < room) {
        size_t piece = 4096 - (at + len) % 4096;
        if (piece > room - 1 - len) piece = room - 1 - len;
        struct iovec into = {to + len, piece}, from = {(void *)(at + len), piece};
        if (raw(SYS_process_vm_readv, pid, (long)&into, 1, (long)&from, 1, 0) != (long)piece) break;
        if (memchr(to + len, 0, piece)) return;
        len += piece;
    }
    to[len] = 0;
}

/* The file that a call is about, or an empty string. */
static void find_path(int pid, const struct user_regs_struct *regs, char *to, size_t room) {
    char link[64];
    to[0] = 0;
    if (regs->orig_rax == SYS_openat || regs->orig_rax == SYS_newfstatat || regs->orig_rax == SYS_readlinkat) {
        copy_string(pid, regs->rsi, to, room);
    } else if (regs->orig_rax == SYS_statfs || regs->orig_rax == SYS_memfd_create) {
        copy_string(pid, regs->rdi, to, room);
    } else {
        snprintf(link, sizeof link, "/proc/%d/fd/%d", pid, (int)regs->rdi);
        long len = raw(SYS_readlinkat, AT_FDCWD, (long)link, (long)to, room - 1, 0, 0);
        if (len >= 0) to[len] = 0;
    }
}

/* These do their work, whatever they say. */
static int cannot_fail(const struct user_regs_struct *regs) {
    return regs->orig_rax == SYS_close || regs->orig_rax == SYS_ftruncate;
}

enum { PATHS = 64, PATH = 512 };
struct paths { int count; char at[PATHS][PATH]; };
static struct paths missed; /* what the calls that failed were about */

static void note_hit(int pid, int number, const struct user_regs_struct *regs) {
    char path[PATH];
    find_path(pid, regs, path, sizeof path);
    if (!hit[0]) snprintf(hit, sizeof hit, "call %d, number %ld (%s)", number, (long)regs->orig_rax, path);
    if (cannot_fail(regs) || path[0] != '/' || missed.count == PATHS) return;
    for (int i = 0; i < missed.count; i++)
        if (!strcmp(missed.at[i], path)) return;
    strcpy(missed.at[missed.count++], path);
}

/* What the tracer changes about the call at whose entry the child stopped. Returns whether its result is changed. */
static int interfere(int pid, struct user_regs_struct *regs, struct shot shot) {
    if (shot.error == SHORT) {
        if (regs->orig_rax == SYS_pread64) return 1;
        if ((regs->orig_rax != SYS_pwrite64 && regs->orig_rax != SYS_write) || regs->rdx < 2) return 0;
        regs->rdx /= 2;
    } else if (!cannot_fail(regs)) {
        regs->orig_rax = -1;
    }
    ptrace(PTRACE_SETREGS, pid, NULL, regs);
    return 1;
}

/* How much a read gives that stops in the middle. It stops within a line: the kernel's own files are one record, or are read
 * to the end. */
static long half_of(int pid, const struct user_regs_struct *regs) {
    long half = regs->rax / 2;
    char last = 0;
    struct iovec into = {&last, 1};
    for (; half > 1; half--) {
        struct iovec from = {(char *)regs->rsi + half - 1, 1};
        if (raw(SYS_process_vm_readv, pid, (long)&into, 1, (long)&from, 1, 0) != 1 || last != '\n') break;
    }
    return half;
}

/* After a changed call: the registers are as the child left them. What a read gave beyond its result does not count,
 * because the object reads by offset. */
static void restore(int pid, const struct user_regs_struct *before, struct shot shot) {
    struct user_regs_struct regs;
    ptrace(PTRACE_GETREGS, pid, NULL, &regs);
    if (shot.error != SHORT) regs.rax = -(long)shot.error;
    else if (before->orig_rax == SYS_pread64 && (long)regs.rax > 1) regs.rax = half_of(pid, &regs);
    regs.rdx = before->rdx;
    ptrace(PTRACE_SETREGS, pid, NULL, &regs);
}

/* Returns how many calls the object made, up to the end of the ask. */
static int trace(int pid, struct shot shot) {
    struct user_regs_struct regs, before;
    int status, count = 0, is_inside = 0, is_changed = 0;
    if (shot.error != NOTHING) hit[0] = 0, missed.count = 0;
    waitpid(pid, &status, 0);
    if (!WIFSTOPPED(status)) return 0;
    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (long signal = 0;;) {
        ptrace(PTRACE_SYSCALL, pid, NULL, signal);
        if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status)) return count;
        signal = 0;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
            signal = WSTOPSIG(status);
            continue;
        }
        is_inside = !is_inside;
        if (!is_inside) {
            if (is_changed) restore(pid, &before, shot);
            is_changed = 0;
            continue;
        }
        ptrace(PTRACE_GETREGS, pid, NULL, &regs);
        if (regs.orig_rax == SYS_write && (int)regs.rdi == -1) break;
        if (regs.rip < object_from || regs.rip >= object_to) continue;
        count++;
        if (shot.error == NOTHING || count < shot.from || (count > shot.from && !shot.goes_on)) continue;
        note_hit(pid, count, &regs);
        before = regs;
        is_changed = interfere(pid, &regs, shot);
    }
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return count;
}

/* Asks in a new child. Returns how many calls the object made; `how` says how the child ended otherwise than it should. */
static int play(const struct ask *ask, struct shot shot, int is_off, const char **how) {
    static char ended[64];
    int status = 0, count = 0;
    seen->is_over = 0, seen->len = seen->before_len = 0, seen->text[0] = 0, seen->value = 0;
    is_traced = !is_off;
    int pid = fork();
    if (pid == 0) {
        if (is_off) setenv("CGPROC", "off", 1);
        be_asked(ask);
    }
    if (is_traced) count = trace(pid, shot);
    waitpid(pid, &status, 0);
    *how = NULL;
    if (!seen->is_over) snprintf(ended, sizeof ended, "ended with status %#x", status), *how = ended;
    return count;
}
