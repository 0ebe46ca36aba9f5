/* Root, and somebody else's file named like an answer: what root learns about it must come from the kernel.
 *   stranger looks      at a memory file of the other user's, and at others that are not ours either
 *   stranger seeks      a number that was an answer, and is now the stranger's file
 *   stranger inherits   the other user inherits an answer of root's
 *   stranger own        as the user who runs it, looks at that user's own memory file
 *   stranger again      as the user who runs it, rereads an answer
 *   stranger yields     root gives up its rights, then rereads an earlier answer
 *   stranger exhausts   no descriptor is left for a while
 */
#include "probe.h"
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/wait.h>

enum { SOMEBODY = 12345 };
static const char WRITTEN[] = "MemTotal: 1 kB\nwritten by somebody else\n";

static void become(unsigned id) {
    raw(SYS_setgroups, 0, 0, 0, 0, 0, 0);
    if (raw(SYS_setgid, id, 0, 0, 0, 0, 0) || raw(SYS_setuid, id, 0, 0, 0, 0, 0)) _exit(9);
}

/* A memory file with this name, open for reading, like ours. */
static int named(const char *name, unsigned flags, int mode) {
    char link[32];
    int fd = (int)raw(SYS_memfd_create, (long)name, flags, 0, 0, 0, 0);
    if (fd < 0) fd = (int)raw(SYS_memfd_create, (long)name, 0, 0, 0, 0, 0);
    raw(SYS_write, fd, (long)WRITTEN, sizeof WRITTEN - 1, 0, 0, 0);
    raw(SYS_fchmod, fd, mode, 0, 0, 0, 0);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return raw_open(link, O_RDONLY);
}

/* The same in another user's process, which keeps it until `over`. */
static int strangers(unsigned flags, int mode, int *over) {
    int ready[2], until[2], fd = 0;
    char link[64];
    if (pipe(ready) || pipe(until)) exit(1);
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        become(SOMEBODY);
        fd = named("/proc/meminfo", flags, mode);
        raw_close(until[1]);
        if (write(ready[1], &fd, sizeof fd) < 0 || read(until[0], &fd, 1) < 0) _exit(1);
        _exit(0);
    }
    raw_close(until[0]);
    if (read(ready[0], &fd, sizeof fd) != sizeof fd) exit(2);
    snprintf(link, sizeof link, "/proc/%d/fd/%d", child, fd);
    *over = until[1];
    return raw_open(link, O_RDONLY);
}

static void say_stat(const char *how, int result, const struct stat *st) {
    printf("  %s: %d owner %u mode %o links %lu size %ld\n", how, result, st->st_uid, st->st_mode, (long)st->st_nlink, (long)st->st_size);
}

/* By every call that reports what is behind a descriptor. */
static void look(const char *label, int fd) {
    struct stat st = {0};
    struct statfs fs = {0};
    uint32_t extended[64] = {0};
    printf("%s:\n", label);
    say_stat("fstat", fstat(fd, &st), &st);
    st = (struct stat){0};
    say_stat("fstatat", fstatat(fd, "", &st, AT_EMPTY_PATH), &st);
    int (*statx_of)(int, const char *, int, unsigned, void *) = (int (*)(int, const char *, int, unsigned, void *))dlsym(RTLD_DEFAULT, "statx");
    if (dlsym(RTLD_DEFAULT, "gnu_get_libc_version")) /* musl has none before 1.2.4 */
        printf("  statx: %d", statx_of(fd, "", AT_EMPTY_PATH, 0x7ff, extended)), printf(" owner %u mode %o\n", extended[5], extended[7] & 0xffff);
    printf("  fstatfs: %d", fstatfs(fd, &fs)), printf(" type %lx\n", (long)fs.f_type);
    printf("  end: %ld\n", (long)lseek(fd, 0, SEEK_END));
    void *at = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
    printf("  mmap: %s\n", at == MAP_FAILED ? error_name(errno) : "a mapping");
}

static void looks(void) {
    enum { NOEXEC_SEAL = 8, ALLOW_SEALING = 2 };
    int over;
    close(open("/proc/meminfo", O_RDONLY)); /* so that the object knows its own files */
    look("a stranger's, which all may write", strangers(0, 0666, &over));
    look("a stranger's, as ours are", strangers(NOEXEC_SEAL, 0644, &over));
    look("a stranger's, which nobody may write", strangers(NOEXEC_SEAL, 0444, &over));
    look("root's, which all may write", named("/proc/meminfo", NOEXEC_SEAL, 0666));
    look("root's, with other seals", named("/proc/meminfo", ALLOW_SEALING, 0644));
}

static void seeks(void) {
    int over, fd = open("/proc/meminfo", O_RDONLY), theirs = strangers(8, 0666, &over);
    raw(SYS_dup3, theirs, fd, 0, 0, 0, 0);
    next_tick();
    printf("lseek: %ld\n", (long)lseek(fd, 0, SEEK_SET));
    slurp(fd);
    printf("read: %s", text);
    printf("pread: %ld %s", (long)pread(fd, text, sizeof WRITTEN - 1, 0), text);
}

static void inherits(void) {
    int fd = open("/proc/meminfo", O_RDONLY), status;
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        become(SOMEBODY);
        prctl(PR_SET_DUMPABLE, 1); /* so that /proc/self belongs to that user */
        int result = raw_open(link, O_RDWR);
        _exit(result < 0 ? -result : 0);
    }
    waitpid(child, &status, 0);
    printf("to write: %s\n", WIFEXITED(status) ? error_name(WEXITSTATUS(status)) : "killed");
    slurp(fd), first_line();
    printf("root reads on: %s\n", !strncmp(text, "MemTotal:", 9) ? "MemTotal" : text);
}

/* Whether an uptime that is reread after a while has advanced. */
static void again(const char *label, int fd, int seek) {
    char before[64];
    struct timespec a_while = {0, 30 * 1000 * 1000};
    pread(fd, before, sizeof before, 0);
    nanosleep(&a_while, NULL);
    if (seek) lseek(fd, 0, SEEK_SET), slurp(fd);
    else text[pread(fd, text, sizeof before, 0)] = 0;
    printf("%s: %s, at %ld, flags %x %x\n", label, strncmp(text, before, strcspn(before, " ")) ? "goes on" : "frozen",
           seek ? 0 : raw(SYS_lseek, fd, 0, SEEK_CUR, 0, 0, 0), fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
}

static void yields(void) {
    int plain = open("/proc/uptime", O_RDONLY), other = open("/proc/uptime", O_RDONLY | O_CLOEXEC);
    lseek(other, 3, SEEK_SET);
    become(SOMEBODY);
    again("by pread", other, 0);
    again("by lseek", plain, 1);
    again("once more", plain, 1);
}

static void exhausts(void) {
    int fd = open("/proc/uptime", O_RDONLY);
    struct rlimit limit, none = {0, 0};
    getrlimit(RLIMIT_NOFILE, &limit);
    none.rlim_max = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &none);
    next_tick();
    lseek(fd, 0, SEEK_SET), slurp(fd);
    setrlimit(RLIMIT_NOFILE, &limit);
    again("later", fd, 1);
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    if (!strcmp(mode, "looks")) looks();
    else if (!strcmp(mode, "seeks")) seeks();
    else if (!strcmp(mode, "inherits")) inherits();
    else if (!strcmp(mode, "again")) again("again", open("/proc/uptime", O_RDONLY), 1);
    else if (!strcmp(mode, "yields")) yields();
    else if (!strcmp(mode, "exhausts")) exhausts();
    else look("his own", named("/proc/meminfo", 8, 0644));
    return 0;
}
