/* lseek(2), pread(2) and preadv(2), by which a program rereads a file that it keeps open. */
#include "probe.h"
#include <sys/uio.h>

typedef long reader(int fd, void *buffer, size_t size, off_t offset);

static long as_lseek(int fd, void *buffer, size_t size, off_t offset) {
    long at = WATCHED(((off_t (*)(int, off_t, int))symbol)(fd, offset, SEEK_SET));
    int error = errno;
    long n = at < 0 ? -1 : raw(SYS_read, fd, (long)buffer, size, 0, 0, 0);
    errno = error;
    return n;
}

static long as_pread(int fd, void *buffer, size_t size, off_t offset) {
    return WATCHED(((ssize_t (*)(int, void *, size_t, off_t))symbol)(fd, buffer, size, offset));
}

static long as_pread_chk(int fd, void *buffer, size_t size, off_t offset) {
    return WATCHED(((ssize_t (*)(int, void *, size_t, off_t, size_t))symbol)(fd, buffer, size, offset, size));
}

static long as_preadv(int fd, void *buffer, size_t size, off_t offset) {
    struct iovec parts[2] = {{buffer, size / 2}, {(char *)buffer + size / 2, size - size / 2}};
    return WATCHED(((ssize_t (*)(int, const struct iovec *, int, off_t))symbol)(fd, parts, 2, offset));
}

static long as_preadv2(int fd, void *buffer, size_t size, off_t offset) {
    struct iovec parts[2] = {{buffer, size / 2}, {(char *)buffer + size / 2, size - size / 2}};
    return WATCHED(((ssize_t (*)(int, const struct iovec *, int, off_t, int))symbol)(fd, parts, 2, offset, 0));
}

static long call(int fd, void *buffer, size_t size, off_t offset) { return ((reader *)row->shape)(fd, buffer, size, offset); }

static void read_from_start(int fd) {
    long n = call(fd, text, TEXT - 1, 0);
    text[n < 0 ? 0 : n] = 0;
}

/* The calls that use most of the stack. */
static void answer_deepest(void) {
    static const char *const paths[] = {"/proc/stat", "/proc/vmstat", "/proc/diskstats", NODE "/meminfo"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        int fd = open(paths[i], O_RDONLY);
        next_tick();
        read_from_start(fd);
        raw_close(fd);
    }
}

static void answer(void) {
    int fd = open("/proc/meminfo", O_RDONLY);
    read_from_start(fd), read_from_start(fd);
    long before = figure("MemFree:");
    touch(TOUCHED_KIB * 1024l);
    read_from_start(fd);
    printf("errno=%s\n", error_name(errno));
    say_fresh(before);
    touch(TOUCHED_KIB * 1024l);
    before = figure("MemFree:");
    read_from_start(fd);
    printf("again=%s\n", is_fresh(before));
    answer_deepest();
}

static void say(const char *label, int fd, off_t offset) {
    char buffer[9] = {0};
    long n = call(fd, buffer, 8, offset);
    printf("%s: %ld %s [%s] at %ld\n", label, n, error_name(errno), buffer, raw(SYS_lseek, fd, 0, SEEK_CUR, 0, 0, 0));
}

static int numbered(const char *path) {
    int fd = raw_open(path, O_RDWR | O_CREAT | O_TRUNC);
    for (int i = 0; i < 1000; i++) dprintf(fd, "%04d\n", i);
    return fd;
}

static void pass_lseek(int fd) {
    static const struct { const char *label; off_t offset; int whence; } seeks[] = {
        {"end", -10, SEEK_END}, {"current", -3, SEEK_CUR}, {"tell", 0, SEEK_CUR}, {"before the start", -1, SEEK_SET},
        {"data", 0, SEEK_DATA}, {"hole", 0, SEEK_HOLE}, {"no such whence", 0, 99}, {"far", 1l << 40, SEEK_SET},
    };
    for (size_t i = 0; i < sizeof seeks / sizeof *seeks; i++) {
        long at = WATCHED(((off_t (*)(int, off_t, int))symbol)(fd, seeks[i].offset, seeks[i].whence));
        printf("%s: %ld %s\n", seeks[i].label, at, error_name(errno));
    }
}

static void pass(void) {
    int ends[2], fd = numbered("cgproc-probe-pread"), other = raw_open("/proc/version", O_RDONLY);
    say("start", fd, 0);
    say("middle", fd, 500);
    say("past the end", fd, 1 << 20);
    say("negative", fd, -7);
    say("other /proc file", other, 0);
    say("no descriptor", -1, 0);
    say("closed descriptor", 99, 0);
    if (!pipe(ends)) say("pipe", ends[0], 0);
    say("directory", raw_open("/proc", O_RDONLY | O_DIRECTORY), 0);
    long n = call(fd, (void *)8, 16, 0);
    if (row->shape != (void (*)(void))as_lseek) printf("bad buffer: %ld %s\n", n, error_name(errno));
    if (row->shape == (void (*)(void))as_lseek) pass_lseek(fd);
    if (row->shape == (void (*)(void))as_preadv2) {
        struct iovec part = {text, 8};
        n = WATCHED(((ssize_t (*)(int, const struct iovec *, int, off_t, int))symbol)(fd, &part, 1, 0, 1 << 30));
        printf("no such flag: %ld %s\n", n, error_name(errno));
    }
    unlink("cgproc-probe-pread");
}

#define SHAPE(name) (void (*)(void))name
static const struct row rows[] = {
    {"lseek", SHAPE(as_lseek), answer, pass},           {"lseek64", SHAPE(as_lseek), answer, pass},
    {"pread", SHAPE(as_pread), answer, pass},           {"pread64", SHAPE(as_pread), answer, pass},
    {"__pread_chk", SHAPE(as_pread_chk), answer, pass}, {"__pread64_chk", SHAPE(as_pread_chk), answer, pass},
    {"preadv", SHAPE(as_preadv), answer, pass},         {"preadv64", SHAPE(as_preadv), answer, pass},
    {"preadv2", SHAPE(as_preadv2), answer, pass},       {"preadv64v2", SHAPE(as_preadv2), answer, pass},
    {0},
};

int main(int argc, char **argv) { return probe_main(argc, argv, rows); }
