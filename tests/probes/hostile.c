/* Hostile trees, settings and boards, in process: each case is a child that makes every call with an answer.
 *
 *   hostile FIRST COUNT     COUNT cases from number FIRST on, the same ones each time
 *   hostile FIRST -SECONDS  as many cases as fit into SECONDS
 *   hostile FIRST COUNT counted   counts what each call asks of the kernel, which does not depend on the machine's speed
 *
 * Prints each case that found something. At the end, prints how many cases and calls there were, and which call took
 * most of its thread's time. Needs root, and its own mount namespace. */
#include "hostile-calls.h"
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>

enum { CASES_OF_A_STAGE = 32, HANGS_AFTER_SEC = 120 };

static void change_meanwhile(void) {
    switch (below(8)) {
    case 0: damage_host(&hosts[below(HOSTS)]); break;
    case 1: write_board(); break;
    case 2: raw(SYS_truncate, (long)BOARD_PATH, below(9000), 0, 0, 0, 0); break;
    default: if (source_count) damage_source(&sources[below(source_count)]);
    }
}

static void change_once(void) {
    if (source_count > first_source) damage_source(&sources[first_source + below(source_count - first_source)]);
    if (once_in(3)) write_board();
}

/* What is wrong in this case. */
static void prepare(void) {
    unsigned damaged = once_in(8) ? 0 : once_in(8) ? (unsigned)source_count / 2 : below(12);
    set_environment();
    setenv("PATH", "/bin", 1);
    write_settings();
    while (damaged--) damage_source(&sources[below(source_count)]);
    for (unsigned files = once_in(2) ? 0 : below(4); files; files--) damage_host(&hosts[below(HOSTS)]);
    if (!once_in(4)) write_board();
}

static void play(void) {
    struct { uint64_t now, most; } seconds = {30, 30};
    raw(SYS_prlimit64, 0, 0 /* RLIMIT_CPU */, (long)&seconds, 0, 0, 0);
    enter_stage();
    ask_all(change_once);
    if (once_in(300)) {
        /* What is remembered is looked up again after a second. */
        struct timespec second = {1, 100 * 1000 * 1000};
        raw(SYS_nanosleep, (long)&second, 0, 0, 0, 0, 0);
        way_count = 0;
        ask_all(change_once);
    }
    report->is_over = 1;
    raw(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

static long now_sec(void) {
    struct timespec now = {0};
    raw(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0, 0);
    return now.tv_sec;
}

/* How the child ended, or NULL if it ended normally. */
static const char *wait_for(int child) {
    static char how[64];
    int status = 0;
    long begun = now_sec();
    for (unsigned turn = 0; raw(SYS_wait4, child, (long)&status, WNOHANG, 0, 0, 0) == 0; turn++) {
        struct timespec moment = {0, 200 * 1000};
        raw(SYS_nanosleep, (long)&moment, 0, 0, 0, 0, 0);
        if (!is_still && turn < 100) change_meanwhile();
        if (now_sec() - begun > HANGS_AFTER_SEC) {
            raw(SYS_kill, child, SIGKILL, 0, 0, 0, 0);
            raw(SYS_wait4, child, (long)&status, 0, 0, 0, 0);
            return "hangs";
        }
    }
    if (report->is_over) return NULL;
    snprintf(how, sizeof how, "ended with status %#x", status);
    return how;
}

static int is_counted; /* what the cases ask of the kernel */

#if defined(__x86_64__)
static long traced(int request, int child, long at, long to) { return must("ptrace", "", raw(SYS_ptrace, request, child, at, to, 0, 0)); }

/* A register of the child, which has stopped at a system call. */
static long register_of(int child, long at) {
    long value = 0;
    traced(PTRACE_PEEKUSER, child, at, (long)&value);
    return value;
}

/* Waits for the child as `wait_for` does, and counts its system calls and the bytes that it reads. */
static const char *count_for(int child) {
    int status, is_inside = 0, is_new = 1;
    traced(PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    traced(PTRACE_INTERRUPT, child, 0, 0);
    for (;;) {
        must("wait", "", raw(SYS_wait4, child, (long)&status, __WALL, 0, 0, 0));
        if (!WIFSTOPPED(status)) return report->is_over ? NULL : "ended";
        int signal = WSTOPSIG(status);
        if (signal == (SIGTRAP | 0x80)) {
            long number = register_of(child, offsetof(struct user_regs_struct, orig_rax)), result = register_of(child, offsetof(struct user_regs_struct, rax));
            is_inside = !is_inside;
            if (is_inside) report->syscalls++;
            else if ((number == SYS_read || number == SYS_pread64) && result > 0) report->bytes_read += result;
            signal = 0;
        }
        traced(PTRACE_SYSCALL, child, 0, status >> 16 ? 0 : signal);
        if (is_new) report->is_traced = 1, is_new = 0;
    }
}
#else
static const char *count_for(int child) { (void)child; stop("counting", "on this machine"); return NULL; }
#endif

/* The call that took most of its thread's time. On a machine whose CPUs are shared with others, some of their time is
 * counted too, so a call that seems long is measured three times and the shortest counts. */
static struct { long nsec; char text[200]; } longest;
enum { LONG_NSEC = 5000000, TRIES = 3 };

static const char *play_once(uint64_t number) {
    throw_from(number + 1000000007);
    is_still = !once_in(6);
    prepare();
    report->findings = 0, report->text[0] = 0, report->is_over = 0, report->longest_nsec = 0;
    report->call = report->path = report->longest_call = "", report->is_traced = 0;
    int child = fork();
    if (child == 0) {
        while (is_counted && !report->is_traced) sched_yield();
        play();
    }
    const char *how = is_counted ? count_for(child) : wait_for(child);
    mend();
    return how;
}

static int run_case(uint64_t number) {
    const char *how = NULL;
    long least = LONG_MAX;
    for (int tries = 0; tries < TRIES; tries++) {
        how = play_once(number);
        if (report->longest_nsec < least) least = report->longest_nsec;
        if (is_counted || how || report->findings || least < LONG_NSEC) break;
    }
    if (least > longest.nsec) {
        longest.nsec = least;
        snprintf(longest.text, sizeof longest.text, "%s %s, case %llu", report->longest_call, report->longest_path, (unsigned long long)number);
    }
    if (!how && !report->findings) return 0;
    printf("case %llu (form %d, %s):", (unsigned long long)number, form, is_still ? "still" : "changing");
    if (how) printf(" %s in %s %s", how, report->call, report->path);
    printf("\n%s", report->text);
    for (char **variable = environ; *variable; variable++) printf("    %.300s\n", *variable);
    fflush(stdout);
    return 1;
}

int main(int argc, char **argv) {
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    long count = argc > 2 ? strtol(argv[2], NULL, 10) : CASES_OF_A_STAGE, until = now_sec() - count, failed = 0, done = 0;
    is_counted = argc > 3 && !strcmp(argv[3], "counted");
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    find_symbols();
    access("/", F_OK); /* makes the object find next: a forked child could no longer do it */
    open_stage();
    raw(SYS_mknodat, AT_FDCWD, (long)"/run/pipe", S_IFIFO | 0600, 0, 0, 0);
    raw(SYS_symlinkat, (long)"/run/loop", AT_FDCWD, (long)"/run/loop", 0, 0, 0);
    write_file("/run/notes", "", 0);
    for (uint64_t number = first; count < 0 ? now_sec() < until : done < count; number++, done++) {
        if (number == first || number % CASES_OF_A_STAGE == 0) set_stage(number / CASES_OF_A_STAGE);
        failed += run_case(number);
    }
    printf("%ld cases, %ld calls, %ld answers, %ld with findings; at most %ld us of CPU time, in %s\n", done, report->calls, report->answers,
           failed, longest.nsec / 1000, longest.text);
    if (is_counted) printf("%ld system calls, %ld bytes read, at most, in %s\n", report->most_syscalls, report->most_bytes, report->most_of);
    return failed != 0;
}
