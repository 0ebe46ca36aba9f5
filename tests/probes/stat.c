/* stat(2), statx(2), access(2), and their names in programs built against older glibcs. */
#include "probe.h"
#include <sys/sysmacros.h>

/* What the calls under test have in common: each fills `seen`. */
static struct { unsigned long dev, ino, mode, size, blksize; } seen;

#if defined(__x86_64__)
enum { STAT_VERSION = 1 };
#else
enum { STAT_VERSION = 0 };
#endif

struct statx_form { /* as the kernel fills it; musl 1.2.3 declares no struct statx */
    uint32_t mask, blksize;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, spare;
    uint64_t ino, size, blocks, attributes_mask, times[8];
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t rest[14];
};

static int keep(int result, const struct stat *st) {
    seen.dev = st->st_dev, seen.ino = st->st_ino, seen.mode = st->st_mode;
    seen.size = st->st_size, seen.blksize = st->st_blksize;
    return result;
}

typedef int by_path(const char *path);
typedef int by_fd(int fd);

static int as_stat(const char *path) {
    struct stat st = {0};
    return keep(WATCHED(((int (*)(const char *, struct stat *))symbol)(path, &st)), &st);
}

static int as_xstat(const char *path) {
    struct stat st = {0};
    return keep(WATCHED(((int (*)(int, const char *, struct stat *))symbol)(STAT_VERSION, path, &st)), &st);
}

static int statat(int dirfd, const char *path, int flags) {
    struct stat st = {0};
    return keep(WATCHED(((int (*)(int, const char *, struct stat *, int))symbol)(dirfd, path, &st, flags)), &st);
}

static int xstatat(int dirfd, const char *path, int flags) {
    struct stat st = {0};
    return keep(WATCHED(((int (*)(int, int, const char *, struct stat *, int))symbol)(STAT_VERSION, dirfd, path, &st, flags)), &st);
}

static int statxat(int dirfd, const char *path, int flags) {
    struct statx_form st = {0};
    int result = WATCHED(((int (*)(int, const char *, int, unsigned, void *))symbol)(dirfd, path, flags, 0x7ff, &st));
    seen.dev = makedev(st.dev_major, st.dev_minor), seen.ino = st.ino, seen.mode = st.mode;
    seen.size = st.size, seen.blksize = st.blksize;
    return result;
}

typedef int at_form(int dirfd, const char *path, int flags);

/* ---- by descriptor: the answered one must look like the file that was asked for ---- */

static int as_fstat(int fd) {
    struct stat st = {0};
    return keep(WATCHED(((int (*)(int, struct stat *))symbol)(fd, &st)), &st);
}

static int as_fxstat(int fd) {
    struct stat st = {0};
    return keep(WATCHED(((int (*)(int, int, struct stat *))symbol)(STAT_VERSION, fd, &st)), &st);
}

static int at_fd(int fd) { return ((at_form *)row->shape)(fd, "", AT_EMPTY_PATH); }

static void identity(const char *label, const char *path, by_fd *call) {
    int kernels = raw_open(path, O_RDONLY), fd = open(path, O_RDONLY);
    struct stat want = {0}, raw_st = {0};
    raw_fstat(kernels, &want), raw_fstat(fd, &raw_st);
    int result = call(fd), error = errno;
    int same = seen.dev == want.st_dev && seen.ino == want.st_ino && seen.mode == want.st_mode
               && seen.size == (unsigned long)want.st_size && seen.blksize == (unsigned long)want.st_blksize;
    printf("%s-result=%d\n%s-errno=%s\n", label, result, label, error_name(error));
    printf("%s-shown=%s\n%s-size=%lu\n", label, same ? "the file's" : "other", label, seen.size);
    printf("%s-below=%s\n", label, raw_st.st_dev == want.st_dev && raw_st.st_ino == want.st_ino ? "the file's" : "other");
    raw_close(kernels), close(fd);
}

static void answer_fd(void) {
    by_fd *call = row->shape == (void (*)(void))as_fstat || row->shape == (void (*)(void))as_fxstat ? (by_fd *)row->shape : at_fd;
    identity("proc", "/proc/meminfo", call);
    identity("sys", CPUS "/online", call);
}

static void say(const char *label, int result, int error) {
    printf("%s: %d %s", label, result, error_name(error));
    if (!result) printf(" mode %lo size %lu blksize %lu", seen.mode, S_ISDIR(seen.mode) ? 0 : seen.size, seen.blksize);
    putchar('\n');
}

static void pass_fd(void) {
    by_fd *call = row->shape == (void (*)(void))as_fstat || row->shape == (void (*)(void))as_fxstat ? (by_fd *)row->shape : at_fd;
    static const char *const paths[] = {"/proc/version", "/proc", CPUS "/possible", "/dev/null", "/proc/self/stat"};
    int result, ends[2];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        int fd = raw_open(paths[i], O_RDONLY);
        result = call(fd), say(paths[i], result, errno);
        raw_close(fd);
    }
    int own = (int)raw(SYS_memfd_create, (long)"/proc/meminfo", 0, 0, 0, 0, 0); /* the program's, whatever its name */
    raw(SYS_ftruncate, own, 890, 0, 0, 0, 0);
    result = call(own), say("the program's own memfd", result, errno);
    if (!pipe(ends)) result = call(ends[0]), say("pipe", result, errno);
    result = call(-1), say("no descriptor", result, errno);
    result = call(99), say("closed descriptor", result, errno);
}

/* ---- by path: the CPUs that are not shown do not exist ---- */

static int at_path(const char *path) { return ((at_form *)row->shape)(AT_FDCWD, path, 0); }

static by_path *path_form(void) {
    return row->shape == (void (*)(void))as_stat || row->shape == (void (*)(void))as_xstat ? (by_path *)row->shape : at_path;
}

static void hidden(const char *path) {
    int result = path_form()(path), error = errno;
    printf("hidden=%s\n", result ? error_name(error) : "open");
}

static void answer_path(void) {
    hidden(CPUS "/cpu1");
    hidden(CPUS "/cpu1/uevent");
    hidden("/sys/devices/system/cpu//./cpu1/");
}

static void answer_at(void) {
    answer_path();
    int dirfd = raw_open(CPUS, O_RDONLY | O_DIRECTORY);
    int result = ((at_form *)row->shape)(dirfd, "cpu1", 0);
    printf("hidden=%s\n", result ? error_name(errno) : "open");
    answer_fd();
}

static void try_path(const char *label, const char *path) {
    int result = path_form()(path), error = errno;
    say(label, result, error);
}

static void pass_path(void) {
    static const char *const paths[] = {"/proc/version", "/proc/meminfo", CPUS, CPUS "/cpu0", CPUS "/online", CPUS "/possible",
                                        CPUS "/cpu8191", CPUS "/cpuidle", "/proc/nothing", "/proc/meminfo/x", "/proc/self"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) try_path(paths[i], paths[i]);
    each_bad_path(try_path);
}

static void pass_at(void) {
    pass_path();
    pass_fd();
    int result = ((at_form *)row->shape)(-5, "cpu1", 0), error = errno;
    say("bad directory", result, error);
    result = ((at_form *)row->shape)(1, "cpu1", 0), error = errno;
    say("not a directory", result, error);
    int dirfd = raw_open("/proc", O_RDONLY | O_DIRECTORY);
    result = ((at_form *)row->shape)(dirfd, "version", AT_SYMLINK_NOFOLLOW), error = errno;
    say("in a directory", result, error);
    result = ((at_form *)row->shape)(dirfd, "version", 0x40000000), error = errno;
    say("no such flag", result, error);
}

/* Rust's standard library calls it like this to find out whether statx exists, and expects EFAULT. */
static void pass_statx(void) {
    pass_at();
    int result = WATCHED(((int (*)(int, const char *, int, unsigned, void *))symbol)(0, NULL, 0, 0x7ff, NULL));
    printf("no path, no buffer: %d %s\n", result, error_name(errno));
    result = WATCHED(((int (*)(int, const char *, int, unsigned, void *))symbol)(AT_FDCWD, "/proc/version", 0, 0x80000000u, text));
    printf("reserved mask: %d %s\n", result, error_name(errno));
}

/* ---- access ---- */

static int as_access(const char *path) { return WATCHED(((int (*)(const char *, int))symbol)(path, R_OK)); }

static int accessat(int dirfd, const char *path, int flags) {
    return WATCHED(((int (*)(int, const char *, int, int))symbol)(dirfd, path, R_OK, flags));
}

static by_path *access_form(void) { return row->shape == (void (*)(void))as_access ? as_access : at_path; }

static void answer_access(void) {
    static const char *const paths[] = {CPUS "/cpu1", CPUS "/cpu1/uevent", "/sys/devices/system/cpu/../cpu/cpu1"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        int result = access_form()(paths[i]), error = errno;
        printf("hidden=%s\n", result ? error_name(error) : "open");
    }
    if (row->shape == (void (*)(void))as_access) return;
    int dirfd = raw_open(CPUS, O_RDONLY | O_DIRECTORY), result = accessat(dirfd, "cpu1", 0);
    printf("hidden=%s\n", result ? error_name(errno) : "open");
}

static void try_access(const char *label, const char *path) {
    int result = access_form()(path), error = errno;
    printf("%s: %d %s\n", label, result, error_name(error));
}

static void pass_access(void) {
    static const char *const paths[] = {"/proc/version", "/proc/meminfo", CPUS "/cpu0", CPUS "/cpu8191", CPUS "/possible", "/proc/nothing"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) try_access(paths[i], paths[i]);
    each_bad_path(try_access);
    if (row->shape == (void (*)(void))as_access) return;
    int result = accessat(-5, "cpu1", 0), error = errno;
    printf("bad directory: %d %s\n", result, error_name(error));
    result = accessat(AT_FDCWD, "/proc/version", AT_EACCESS), error = errno;
    printf("effective: %d %s\n", result, error_name(error));
    result = accessat(AT_FDCWD, "/proc/version", 0x40000000), error = errno;
    printf("no such flag: %d %s\n", result, error_name(error));
}

#define SHAPE(name) (void (*)(void))name
static const struct row rows[] = {
    {"fstat", SHAPE(as_fstat), answer_fd, pass_fd},        {"fstat64", SHAPE(as_fstat), answer_fd, pass_fd},
    {"__fxstat", SHAPE(as_fxstat), answer_fd, pass_fd},    {"__fxstat64", SHAPE(as_fxstat), answer_fd, pass_fd},
    {"stat", SHAPE(as_stat), answer_path, pass_path},      {"stat64", SHAPE(as_stat), answer_path, pass_path},
    {"lstat", SHAPE(as_stat), answer_path, pass_path},     {"lstat64", SHAPE(as_stat), answer_path, pass_path},
    {"__xstat", SHAPE(as_xstat), answer_path, pass_path},  {"__xstat64", SHAPE(as_xstat), answer_path, pass_path},
    {"__lxstat", SHAPE(as_xstat), answer_path, pass_path}, {"__lxstat64", SHAPE(as_xstat), answer_path, pass_path},
    {"fstatat", SHAPE(statat), answer_at, pass_at},        {"fstatat64", SHAPE(statat), answer_at, pass_at},
    {"__fxstatat", SHAPE(xstatat), answer_at, pass_at},    {"__fxstatat64", SHAPE(xstatat), answer_at, pass_at},
    {"statx", SHAPE(statxat), answer_at, pass_statx},
    {"access", SHAPE(as_access), answer_access, pass_access},
    {"eaccess", SHAPE(as_access), answer_access, pass_access}, {"euidaccess", SHAPE(as_access), answer_access, pass_access},
    {"faccessat", SHAPE(accessat), answer_access, pass_access},
    {0},
};

int main(int argc, char **argv) { return probe_main(argc, argv, rows); }
