/* Runs a program under a filter of system calls that systemd installs for its services.
 *   service memory PROGRAM...        MemoryDenyWriteExecute=: no memory may be both written and executed, and none may
 *                                    become executable
 *   service calls N,N... PROGRAM...  SystemCallFilter=: any other call kills the program */
#include "probe.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define AT(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)

static int install(struct sock_filter *code, int count) {
    struct sock_fprog filter = {count, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

static int memory(void) {
    struct sock_filter code[] = {
        AT(nr),
        IF(SYS_mmap, 2, 0),
        IF(SYS_mprotect, 4, 0),
        IF(SYS_pkey_mprotect, 3, 6),
        AT(args[2]),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PROT_WRITE | PROT_EXEC),
        IF(PROT_WRITE | PROT_EXEC, 2, 3),
        AT(args[2]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
        RETURN(SECCOMP_RET_ERRNO | EPERM),
        RETURN(SECCOMP_RET_ALLOW),
    };
    if (install(code, sizeof code / sizeof *code)) return 2;
    void *both = mmap(NULL, 1, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return both != MAP_FAILED || errno != EPERM || !mprotect(code, 1, PROT_EXEC) ? 3 : 0;
}

static int calls(char *list) {
    enum { MOST = 1000 };
    static struct sock_filter code[2 * MOST + 2] = {AT(nr)};
    int count = 1, status;
    for (char *word = strtok(list, ","); word && count < 2 * MOST; word = strtok(NULL, ",")) {
        code[count++] = (struct sock_filter)IF(strtoul(word, NULL, 10), 0, 1);
        code[count++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
    }
    code[count++] = (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS);
    if (install(code, count)) return 2;
    pid_t child = fork();
    if (!child) _exit(raw(SYS_perf_event_open, 0, 0, 0, 0, 0, 0) ? 1 : 0);
    return waitpid(child, &status, 0) != child || !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS ? 3 : 0;
}

int main(int argc, char **argv) {
    int is_about_calls = argc > 3 && !strcmp(argv[1], "calls"), status = is_about_calls ? calls(argv[2]) : memory();
    if (status) return status;
    argv += is_about_calls ? 3 : 2;
    execvp(*argv, argv);
    return 4;
}
