/* open(2), openat(2), and their names in fortified and large-file programs. */
#include "probe.h"

typedef int opener(const char *path, int flags);

static int as_open(const char *path, int flags) {
    return WATCHED(((int (*)(const char *, int, ...))symbol)(path, flags, 0604));
}

static int as_open_2(const char *path, int flags) {
    return WATCHED(((int (*)(const char *, int))symbol)(path, flags));
}

static int readable = 1; /* libc may read the paths */

/* Through the directory's descriptor, so that the hook only sees the name. That descriptor has a high number, because
 * the answer's number is compared. */
enum form { VARIADIC, FORTIFIED, EXTENDED };

static int at_directory(const char *path, int flags, enum form form) {
    struct { uint64_t flags, mode, resolve; } how = {flags, flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? 0604 : 0, 0};
    int dirfd = AT_FDCWD, fd;
    static char directory[PATH_MAX];
    const char *slash = !readable ? NULL : strncmp(path, CPUS "/", sizeof CPUS) ? strrchr(path, '/') : path + sizeof CPUS - 1;
    if (slash && slash > path) {
        memcpy(directory, path, slash - path);
        directory[slash - path] = 0;
        fd = raw_open(directory, O_RDONLY | O_DIRECTORY);
        dirfd = (int)raw(SYS_fcntl, fd, F_DUPFD, 100, 0, 0, 0);
        raw_close(fd);
        path = slash + 1;
    }
    if (form == EXTENDED) fd = WATCHED(((int (*)(int, const char *, void *, size_t))symbol)(dirfd, path, &how, sizeof how));
    else if (form == VARIADIC) fd = WATCHED(((int (*)(int, const char *, int, ...))symbol)(dirfd, path, flags, 0604));
    else fd = WATCHED(((int (*)(int, const char *, int))symbol)(dirfd, path, flags));
    if (dirfd >= 0) raw_close(dirfd);
    return fd;
}

static int as_openat(const char *path, int flags) { return at_directory(path, flags, VARIADIC); }
static int as_openat_2(const char *path, int flags) { return at_directory(path, flags, FORTIFIED); }
static int as_openat2(const char *path, int flags) { return at_directory(path, flags, EXTENDED); }

static int call(const char *path, int flags) { return ((opener *)row->shape)(path, flags); }

static void read_through(const char *path) {
    int fd = call(path, O_RDONLY);
    text[0] = 0;
    if (fd < 0) return;
    slurp(fd);
    raw_close(fd);
}

/* Whose clock the seconds in `text` are on: the container's, which started with its first process, or the kernel's. */
static const char *clock_of_uptime(void) {
    double shown = strtod(text, NULL), kernel, begun;
    int fd = raw_open("/proc/uptime", O_RDONLY);
    slurp(fd), raw_close(fd);
    kernel = strtod(text, NULL);
    fd = raw_open("/proc/1/stat", O_RDONLY);
    slurp(fd), raw_close(fd);
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
    begun = at ? strtod(at, NULL) / sysconf(_SC_CLK_TCK) : 0;
    double to_kernel = kernel - shown, to_container = kernel - begun - shown;
    if (to_container < 0) to_container = -to_container;
    return to_container < to_kernel ? "container" : "kernel";
}

/* Whether this machine has the file. */
static int is_there(const char *path) {
    struct stat st;
    return raw(SYS_newfstatat, AT_FDCWD, (long)path, (long)&st, 0, 0, 0) == 0;
}

/* Whether the kernel lists more than one CPU in the file. */
static int has_several(const char *path) {
    int fd = raw_open(path, O_RDONLY);
    if (fd < 0) return 0;
    slurp(fd), raw_close(fd);
    return strpbrk(text, ",-") != NULL;
}

/* Files that some machines lack, or whose text is not only the container's figure. */
static void answer_rest(void) {
    static const char siblings[] = CPUS "/cpu0/topology/core_siblings_list", map[] = NODE "/cpumap";
    static const char *const others[] = {
        "/proc/diskstats", "/proc/pressure/memory", "/proc/sys/kernel/threads-max", map, BLOCKS "/block_size_bytes",
    };
    read_through("/proc/vmstat"), printf("free-pages=%s\n", side(figure("nr_free_pages ")));
    if (has_several(siblings)) read_through(siblings), first_line(), printf("online=%s\n", text);
    if (is_there(CPUS "/cpu1/topology/core_siblings_list")) {
        int fd = call(CPUS "/cpu1/topology/core_siblings_list", O_RDONLY);
        printf("hidden=%s\n", fd < 0 ? error_name(errno) : "open");
        if (fd >= 0) raw_close(fd);
    }
    if (is_there(NODE "/meminfo")) read_through(NODE "/meminfo"), printf("memtotal=%ld\n", figure("MemTotal:"));
    if (is_there(BLOCKS "/memory1")) {
        int fd = call(BLOCKS "/memory1", O_RDONLY | O_DIRECTORY);
        printf("hidden-block=%s\n", fd < 0 ? error_name(errno) : "open");
        if (fd >= 0) raw_close(fd);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) read_through(others[i]);
}

static void answer(void) {
    int fd = call("/proc/meminfo", O_RDONLY);
    printf("fd=%d\nerrno=%s\n", fd, error_name(errno));
    printf("cloexec=%d\n", fcntl(fd, F_GETFD));
    slurp(fd), raw_close(fd);
    printf("memtotal=%ld\n", figure("MemTotal:"));
    fd = call("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    printf("asked-cloexec=%d\n", fcntl(fd, F_GETFD));
    raw_close(fd);
    read_through("/proc/stat"), printf("stat-cpus=%d\n", lines("cpu", 1));
    read_through("/proc/cpuinfo"), printf("processors=%d\n", lines("processor", 0));
    read_through("/proc/uptime"), printf("uptime=%s\n", clock_of_uptime());
    read_through("/proc/swaps"), printf("swaps=%d\n", lines("Filename", 0));
    read_through(CPUS "/online"), first_line(), printf("online=%s\n", text);
    read_through(CPUS "/present"), first_line(), printf("present=%s\n", text);
    fd = call(CPUS "/cpu1", O_RDONLY | O_DIRECTORY);
    printf("hidden=%s\n", fd < 0 ? error_name(errno) : "open");
    if (fd >= 0) raw_close(fd);
    fd = call(CPUS "/cpu1/uevent", O_RDONLY);
    printf("hidden=%s\n", fd < 0 ? error_name(errno) : "open");
    if (fd >= 0) raw_close(fd);
    answer_rest();
    /* The lowest free number shows whether any was leaked. */
    fd = (int)raw(SYS_dup, 1, 0, 0, 0, 0, 0), raw_close(fd);
    printf("lowest-free=%d\n", fd);
}

static void say(const char *label, const char *path, int flags) {
    int fd = call(path, flags), error = errno;
    struct stat st = {0};
    text[0] = 0;
    printf("%s: %d %s", label, fd, error_name(error));
    if (fd >= 0) {
        raw_fstat(fd, &st);
        printf(" mode %o flags %lo cloexec %d", st.st_mode, raw(SYS_fcntl, fd, F_GETFL, 0, 0, 0, 0), fcntl(fd, F_GETFD));
        slurp(fd), first_line();
        if (strncmp(label, "self", 4)) printf(" [%s]", text); /* their text differs between processes */
        raw_close(fd);
    }
    putchar('\n');
}

static void bad(const char *label, const char *path) {
    readable = 0;
    say(label, path, O_RDONLY);
    readable = 1;
}

static void pass(void) {
    say("other", "/proc/version", O_RDONLY);
    say("other, cloexec", "/proc/version", O_RDONLY | O_CLOEXEC);
    say("missing", "/proc/nothing", O_RDONLY);
    say("self/stat", "/proc/self/stat", O_RDONLY);
    say("self/status", "/proc/self/status", O_RDONLY);
    say("write only", "/proc/meminfo", O_WRONLY);
    say("read and write", "/proc/meminfo", O_RDWR);
    say("truncate", "/proc/meminfo", O_RDONLY | O_TRUNC);
    say("path", "/proc/meminfo", O_PATH);
    say("directory", "/proc/meminfo", O_RDONLY | O_DIRECTORY);
    say("below a file", "/proc/meminfo/x", O_RDONLY);
    say("possible", CPUS "/possible", O_RDONLY);
    say("kernel_max", CPUS "/kernel_max", O_RDONLY);
    say("shown cpu", CPUS "/cpu0", O_RDONLY | O_DIRECTORY);
    say("beyond the machine", CPUS "/cpu8191", O_RDONLY | O_DIRECTORY);
    each_bad_path(bad);
    if (row->shape == (void (*)(void))as_open || row->shape == (void (*)(void))as_openat) {
        umask(0);
        unlink("cgproc-probe-open");
        say("create", "cgproc-probe-open", O_RDWR | O_CREAT | O_EXCL);
        say("exists", "cgproc-probe-open", O_RDWR | O_CREAT | O_EXCL);
        say("nameless", "/tmp", O_RDWR | O_TMPFILE);
        unlink("cgproc-probe-open");
    }
}

/* As pass, plus an invalid directory descriptor. */
static void pass_at(void) {
    pass();
    int fd = WATCHED(((int (*)(int, const char *, int))symbol)(-5, "meminfo", O_RDONLY));
    printf("bad directory: %d %s\n", fd, error_name(errno));
    fd = WATCHED(((int (*)(int, const char *, int))symbol)(1, "meminfo", O_RDONLY));
    printf("not a directory: %d %s\n", fd, error_name(errno));
    fd = WATCHED(((int (*)(int, const char *, int))symbol)(-5, "/proc/version", O_RDONLY));
    printf("absolute, bad directory: %d %s\n", fd, error_name(errno));
}

#define SHAPE(name) (void (*)(void))name
static const struct row rows[] = {
    {"open", SHAPE(as_open), answer, pass},         {"open64", SHAPE(as_open), answer, pass},
    {"__open_2", SHAPE(as_open_2), answer, pass},   {"__open64_2", SHAPE(as_open_2), answer, pass},
    {"openat", SHAPE(as_openat), answer, pass_at},  {"openat64", SHAPE(as_openat), answer, pass_at},
    {"__openat_2", SHAPE(as_openat_2), answer, pass_at}, {"__openat64_2", SHAPE(as_openat_2), answer, pass_at},
    {"openat2", SHAPE(as_openat2), answer, pass_at},
    {0},
};

int main(int argc, char **argv) { return probe_main(argc, argv, rows); }
