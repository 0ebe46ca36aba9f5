/* Runs a program under a seccomp filter installed beforehand, as sandboxes do.
 *
 *   filter allows PROG...      refuses only acct(2)
 *   filter closes PROG...      refuses close_range(2)
 *   filter forbids PROG...     lets nobody install a filter
 *   filter listens PROG...     has a listener of its own, for acct(2)
 *   filter withholds PROG...   lets no listener hand over a descriptor, like kernels before 5.9 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    int listens = strcmp(argv[1], "listens") == 0;
    unsigned number = strcmp(argv[1], "forbids") == 0 ? SYS_seccomp : strcmp(argv[1], "closes") == 0 ? SYS_close_range : SYS_acct;
    struct sock_filter no_giving[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)SECCOMP_IOCTL_NOTIF_ADDFD, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, listens ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    if (strcmp(argv[1], "withholds") == 0) program = (struct sock_fprog){sizeof no_giving / sizeof *no_giving, no_giving};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listens ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, &program);
    if (fd < 0) return perror("seccomp"), 2;
    if (listens) fcntl((int)fd, F_SETFD, 0);
    execvp(argv[2], argv + 2);
    return perror(argv[2]), 2;
}
