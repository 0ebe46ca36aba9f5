/* Every call that has an answer, and what must hold whatever the tree contains: no error that the kernel would not
 * give, no leaked descriptor, errno untouched, and figures that a program can live with. */
#include "hostile-settings.h"
#include <ctype.h>
#include <dirent.h>
#include <fnmatch.h>
#include <glob.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/vfs.h>

/* What a case leaves for the process that waits for it. */
static struct report {
    const char *volatile call, *volatile path; /* in progress */
    long longest_nsec; /* of all calls of the case */
    const char *longest_call;
    char longest_path[100];
    int findings;
    char text[4000];
    long calls;
    long answers; /* texts that were not the kernel's */
    /* While it is traced: what it asked of the kernel so far, and the most that one call did. */
    volatile long syscalls, bytes_read;
    long most_syscalls, most_bytes;
    char most_of[200];
    volatile int is_traced;
    volatile int is_over;
} *report;

static void find(const char *format, ...) {
    size_t len = strlen(report->text);
    va_list list;
    report->findings++;
    len += snprintf(report->text + len, sizeof report->text - len, "  %s %s: ", report->call, report->path);
    if (len >= sizeof report->text) return;
    va_start(list, format);
    len += vsnprintf(report->text + len, sizeof report->text - len, format, list);
    va_end(list);
    if (len < sizeof report->text) snprintf(report->text + len, sizeof report->text - len, "\n");
}

/* ---- a call, and the CPU time of its thread ---- */

static long begun_nsec, begun_syscalls, begun_bytes;

static long thread_nsec(void) {
    struct timespec now = {0};
    raw(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, (long)&now, 0, 0, 0, 0);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

static void begin_call(const char *name, const char *path) {
    report->call = name, report->path = path, report->calls++;
    begun_nsec = thread_nsec();
    begun_syscalls = report->syscalls, begun_bytes = report->bytes_read;
    errno = UNTOUCHED;
}

static void note_most(const char *call, const char *path) {
    long syscalls = report->syscalls - begun_syscalls, bytes = report->bytes_read - begun_bytes;
    if (syscalls > report->most_syscalls || bytes > report->most_bytes)
        snprintf(report->most_of, sizeof report->most_of, "%s %.150s", call, path);
    if (syscalls > report->most_syscalls) report->most_syscalls = syscalls;
    if (bytes > report->most_bytes) report->most_bytes = bytes;
}

static void end_call(void) {
    int error = errno;
    note_most(report->call, report->path);
    long nsec = thread_nsec() - begun_nsec;
    if (nsec > report->longest_nsec) {
        report->longest_nsec = nsec, report->longest_call = report->call;
        snprintf(report->longest_path, sizeof report->longest_path, "%.99s", report->path);
    }
    errno = error;
}

#define CALL(name, path, expression) ({ begin_call(name, path); __typeof__(expression) result_ = (expression); end_call(); result_; })
#define CALL_VOID(name, path, expression) do { begin_call(name, path); (expression); end_call(); } while (0)

/* A successful call leaves errno alone. */
static void check_errno(int has_succeeded) {
    if (has_succeeded && errno != UNTOUCHED) find("errno became %s", error_name(errno));
}

/* ---- symbols that some libcs lack ---- */

static const char *const SYMBOLS[] = {
    "open", "open64", "openat", "openat64", "__open_2", "__open64_2", "__openat_2", "__openat64_2", "openat2", "fopen", "fopen64",
    "freopen", "freopen64", "lseek64", "pread64", "__pread_chk", "preadv", "preadv2", "__xstat", "__lxstat", "__fxstat", "__fxstatat",
    "get_nprocs", "get_phys_pages", "get_avphys_pages", "pthread_getaffinity_np", "pthread_setaffinity_np", "getdents64",
    "posix_getdents", "scandirat", "statfs64", "fstatfs64", "fstatvfs64", "statvfs64", "readdir64", "readdir_r", "fseeko64", "euidaccess",
};
enum { SYMBOL_COUNT = sizeof SYMBOLS / sizeof *SYMBOLS };
static void *symbols[SYMBOL_COUNT];

static void find_symbols(void) {
    for (int i = 0; i < SYMBOL_COUNT; i++) symbols[i] = dlsym(RTLD_DEFAULT, SYMBOLS[i]);
}

static void *named(const char *name) {
    for (int i = 0; i < SYMBOL_COUNT; i++)
        if (!strcmp(SYMBOLS[i], name)) return symbols[i];
    return NULL;
}

/* Calls the symbol if this libc has it. */
#define NAMED(name, type, absent, ...) ({ __typeof__(type) f_ = (__typeof__(type))named(name); f_ ? CALL(name, path_, f_(__VA_ARGS__)) : (absent); })

/* ---- texts ---- */

static char kernels[ROOM + 1], ours[2 * ROOM + 1], earlier[2 * ROOM + 1];

/* The number after `key` at the start of a line, or -1. */
static double value(const char *text, const char *key) {
    size_t len = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (!strncmp(line, key, len)) return strtod(line + len, NULL);
    return -1;
}

static int count_lines(const char *text, const char *prefix, int then_digit) {
    int count = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        count += !strncmp(line, prefix, strlen(prefix)) && (!then_digit || isdigit((unsigned char)line[strlen(prefix)]));
    return count;
}

static int count_in_list(const char *text) {
    int count = 0;
    while (isdigit((unsigned char)*text)) {
        char *end;
        long from = strtol(text, &end, 10), to = from;
        if (*end == '-') to = strtol(end + 1, &end, 10);
        count += to - from + 1;
        text = *end == ',' ? end + 1 : end;
    }
    return *text == '\n' && !text[1] ? count : -1;
}

/* Numbers of CPUs by each way of asking; 0 if it was not asked. */
static struct { const char *way; int count; } ways[16];
static int way_count;

static void note_cpus(const char *way, int count) {
    if (way_count < 16) ways[way_count].way = way, ways[way_count++].count = count;
}

static void expect(int holds, const char *what, const char *text) {
    if (!holds) find("%s: %.600s", what, text);
}

static void check_meminfo(const char *text, const char *native) {
    double total = value(text, "MemTotal:"), free = value(text, "MemFree:"), available = value(text, "MemAvailable:");
    expect(total >= 1024 && total <= value(native, "MemTotal:"), "total", text);
    expect(free >= 0 && free <= available && available <= total, "free, available, total", text);
    expect(free + value(text, "Buffers:") + value(text, "Cached:") <= total, "free and cached in total", text);
    expect(value(text, "SwapFree:") <= value(text, "SwapTotal:"), "swap", text);
    expect(value(text, "SwapTotal:") <= value(native, "SwapTotal:"), "swap of the machine", text);
    expect(count_lines(text, "", 0) == count_lines(native, "", 0), "lines", text);
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        expect(memcmp(line, "Huge", 4) == 0 || value(line, "") == value(line, "") , "a number", line);
    expect(!strchr(text, '-'), "a sign", text);
}

static void check_stat(const char *text, const char *native) {
    int cpus = count_lines(text, "cpu", 1);
    expect(cpus >= 1 && count_lines(text, "cpu ", 0) == 1, "a CPU", text);
    expect(!strchr(text, '-'), "a sign", text);
    expect(value(text, "btime ") >= 0 || value(native, "btime ") < 0, "btime", text);
    expect(count_lines(native, "", 0) - count_lines(native, "cpu", 1) == count_lines(text, "", 0) - cpus, "lines", text);
    for (const char *line = text; line && !strncmp(line, "cpu", 3); line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        char *end;
        double sum = 0;
        unsigned long long column;
        const char *at = strchr(line, ' ');
        for (errno = 0; at && *at == ' '; at = end) {
            column = strtoull(at, &end, 10), sum += column;
            if (end == at) break;
        }
        expect(sum > 0 && errno == 0, "a CPU without time", line);
    }
    note_cpus("stat", cpus);
}

static void check_cpuinfo(const char *text, const char *native) {
    int cpus = count_lines(text, "processor", 0);
    expect(cpus >= 1 || !count_lines(native, "processor", 0), "a CPU", text);
    if (strstr(native, "siblings")) expect(value(text, "cpu cores\t: ") >= 1, "a core", text);
    note_cpus("cpuinfo", cpus);
}

/* Not by the stage's /proc/uptime, which is as old as the stage. */
static double since_boot(void) {
    struct timespec now = {0};
    raw(SYS_clock_gettime, CLOCK_BOOTTIME, (long)&now, 0, 0, 0, 0);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void check_uptime(const char *text, const char *native) {
    double up, idle;
    char newline;
    (void)native;
    expect(sscanf(text, "%lf %lf%c", &up, &idle, &newline) == 3 && newline == '\n' && up >= 0 && idle >= 0, "two numbers", text);
    expect(up <= since_boot(), "older than the machine", text);
    expect(!strchr(text, '-'), "a sign", text);
}

enum { MOST_THREADS = 4 << 20 }; /* PID_MAX_LIMIT */

static void check_loadavg(const char *text, const char *native) {
    double one, five, fifteen;
    unsigned long running, threads, pid;
    (void)native;
    expect(sscanf(text, "%lf %lf %lf %lu/%lu %lu", &one, &five, &fifteen, &running, &threads, &pid) == 6 && threads >= 1, "six numbers", text);
    expect(running <= threads, "more run than there are", text);
    expect(threads <= MOST_THREADS, "more than a kernel has", text);
}

static void check_threads_max(const char *text, const char *native) {
    double most = value(text, "");
    expect(most >= 1 && most <= value(native, ""), "threads", text);
}

static void check_pressure(const char *text, const char *native) {
    (void)native;
    expect(*text != 0, "a text", text);
}

/* As many lines as the kernel's, each starting with the same `words` words. */
static void check_heads(const char *text, const char *native, int words) {
    for (; *text && *native; text++, native++) {
        for (int word = 0; word < words; word++) {
            while (*text == ' ') text++;
            while (*native == ' ') native++;
            while (*text > ' ' && *text == *native) text++, native++;
            if (*text > ' ' || *native > ' ') return find("another line: %.80s", text);
        }
        text = strchr(text, '\n'), native = strchr(native, '\n');
        if (!text || !native) return find("cut");
    }
    expect(!*text && !*native, "lines", text);
}

static void check_diskstats(const char *text, const char *native) { check_heads(text, native, 3); }
static void check_vmstat(const char *text, const char *native) { check_heads(text, native, 1); }
static void check_swaps(const char *text, const char *native) {
    (void)native;
    expect(!strncmp(text, "Filename", 8), "a head", text);
}

static void check_online(const char *text, const char *native) {
    (void)native;
    expect(count_in_list(text) >= 1, "a list", text);
    note_cpus("online", count_in_list(text));
}

static void check_list(const char *text, const char *native) {
    if (*native == '0' && count_in_list(native) > 0) expect(count_in_list(text) >= 1, "a list", text);
}

static void check_number(const char *text, const char *native) {
    (void)native;
    expect(isxdigit((unsigned char)*text), "a number", text);
}

static const struct answered {
    const char *path;
    void (*check)(const char *text, const char *native);
} PATHS[] = {
    {"/proc/meminfo", check_meminfo}, {"/proc/swaps", check_swaps}, {"/proc/stat", check_stat}, {"/proc/cpuinfo", check_cpuinfo},
    {"/proc/uptime", check_uptime}, {"/proc/loadavg", check_loadavg}, {"/proc/diskstats", check_diskstats}, {"/proc/vmstat", check_vmstat},
    {"/proc/pressure/cpu", check_pressure}, {"/proc/pressure/memory", check_pressure}, {"/proc/pressure/io", check_pressure},
    {"/proc/sys/kernel/threads-max", check_threads_max}, {CPUS "/online", check_online}, {CPUS "/present", check_list},
    {CPUS "/cpu0/topology/core_cpus", check_number}, {CPUS "/cpu0/topology/core_cpus_list", check_list},
    {CPUS "/cpu0/topology/thread_siblings_list", check_list}, {CPUS "/cpu0/topology/core_siblings_list", check_list},
    {CPUS "/cpu0/cache/index0/shared_cpu_list", check_list}, {CPUS "/cpu0/cache/index0/shared_cpu_map", check_number},
    {NODE "/meminfo", NULL}, {NODE "/cpulist", NULL}, {NODE "/cpumap", check_number}, {BLOCKS "/block_size_bytes", check_number},
    {"/sys/devices/virtual/block/loop0/stat", NULL}, {CPUS "/cpu1/topology/thread_siblings_list", NULL}, {"/sys/devices/system/node/node1/meminfo", NULL},
};

/* ---- open ---- */

static const char *path_;

static int open_somehow(const char *path, int flags) {
    typedef int at(int, const char *, int, int);
    typedef int plain(const char *, int, int);
    static const char *const plains[] = {"open", "open64", "__open_2", "__open64_2"}, *const ats[] = {"openat", "openat64", "__openat_2", "__openat64_2"};
    struct { uint64_t flags, mode, resolve; } how = {flags, 0, 0};
    path_ = path;
    int fd = -2;
    switch (below(4)) {
    case 0: case 1: fd = NAMED(ONE_OF(plains), plain *, -2, path, flags, 0); break;
    case 2: fd = NAMED(ONE_OF(ats), at *, -2, AT_FDCWD, path, flags, 0); break;
    default: fd = CALL("syscall", path, syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
    }
    return fd == -2 ? CALL("open", path, open(path, flags)) : fd;
}

/* Reads everything that is left, past the hooks. */
static long read_all(int fd, char *to, long room) {
    long len = 0, n;
    while (len < room && (n = raw(SYS_read, fd, (long)(to + len), room - len, 0, 0, 0)) > 0) len += n;
    to[len] = 0;
    return len;
}

static int is_damaged(const char *path) {
    for (int i = 0; i < HOSTS; i++)
        if (!strcmp(ANSWERED[i], path)) return hosts[i].is_damaged;
    return 0;
}

static int is_still; /* nobody changes the tree during the case */

/* What a program does with an answered descriptor. */
static void use(int fd, const char *path, long len) {
    char some[64], again[4096];
    struct stat status;
    struct statfs where;
    struct iovec parts[2] = {{again, 100}, {again + 100, sizeof again - 100}};
    path_ = path;
    for (int times = 1 + below(3); times; times--) {
        long got = 1;
        switch (below(10)) {
        case 0: check_errno(CALL("lseek", path, lseek(fd, 0, SEEK_SET)) == 0); break;
        case 1: got = CALL("pread", path, pread(fd, again, sizeof again, 0)); break;
        case 2: got = CALL("preadv", path, preadv(fd, parts, 2, 0)); break;
        case 3: CALL("fstat", path, fstat(fd, &status)); break;
        case 4: CALL("lseek", path, lseek(fd, 0, SEEK_END)); break;
        case 5: {
            void *at = CALL("mmap", path, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
            if (at != MAP_FAILED) munmap(at, 4096);
            break;
        }
        case 6: CALL("fstatfs", path, fstatfs(fd, &where)); break;
        case 7: got = CALL("syscall", path, syscall(SYS_pread64, fd, some, sizeof some, 0L)); break;
        case 8: CALL("lseek", path, lseek(fd, (long)thrown(), below(6))); break;
        default: got = NAMED("__pread_chk", ssize_t (*)(int, void *, size_t, off_t, size_t), 1, fd, again, sizeof again, 0, sizeof again);
        }
        if (len >= 0 && got < 0) find("failed: %s", error_name(errno));
        else check_errno(got > 1);
        if (len > 0 && got == 0 && is_still) find("empty");
    }
}

/* Files below a CPU or a memory block that the container may lack. */
static int may_be_hidden(const char *path) {
    for (; *path; path++)
        if ((!strncmp(path, "/cpu", 4) && isdigit((unsigned char)path[4])) || (!strncmp(path, "/memory", 7) && isdigit((unsigned char)path[7]))) return 1;
    return 0;
}

static void ask_file(const struct answered *answered) {
    const char *path = answered->path;
    int native = raw_open(path, O_RDONLY);
    int flags = O_RDONLY | (once_in(2) ? O_CLOEXEC : 0) | (once_in(9) ? O_NONBLOCK : 0);
    int fd = open_somehow(path, flags), error = errno;
    if (native < 0 || fd < 0) {
        report->call = "open", report->path = path;
        if (error == ENOENT && may_be_hidden(path)) {}
        else if (fd >= 0 || error != -native) find("%d, %s; by the kernel %d", fd, error_name(error), native);
        if (native >= 0) raw_close(native);
        if (fd >= 0) raw_close(fd);
        return;
    }
    check_errno(1);
    long kernels_len = read_all(native, kernels, ROOM), len = read_all(fd, ours, 2 * ROOM);
    raw_close(native);
    if (is_still && kernels_len > 0 && len == 0) find("empty");
    struct stat stat;
    int is_ours = raw_fstat(fd, &stat) == 0 && stat.st_nlink == 0 && stat.st_size > 0;
    report->answers += is_ours;
    if (is_ours && is_still && answered->check && !is_damaged(path)) {
        /* Pressure is shown as in the scope's own file. */
        expect(memchr(ours, 0, len) == NULL || answered->check == check_pressure, "a NUL", ours);
        answered->check(ours, kernels);
    }
    use(fd, path, len);
    raw_close(fd);
}

/* A counter never runs backwards within a process, whatever happens to the files. */
static void check_columns(const char *path, const char *before, const char *after, const char *line) {
    const char *one = strstr(before, line), *two = strstr(after, line);
    if (!one || !two) return;
    for (one += strlen(line), two += strlen(line); *one && *one != '\n' && *two && *two != '\n';) {
        char *end_one, *end_two;
        unsigned long long earlier_count = strtoull(one, &end_one, 10), later = strtoull(two, &end_two, 10);
        if (end_one == one || end_two == two) return;
        report->call = "open", report->path = path;
        if (later < earlier_count) return find("%llu after %llu in: %.100s", later, earlier_count, two);
        one = end_one, two = end_two;
    }
}

static int read_answer(const char *path, char *to) {
    int fd = CALL("open", path, open(path, O_RDONLY));
    struct stat stat;
    to[0] = 0;
    if (fd < 0) return 0;
    int is_ours = raw_fstat(fd, &stat) == 0 && stat.st_nlink == 0;
    read_all(fd, to, 2 * ROOM);
    raw_close(fd);
    return is_ours;
}

static void ask_twice(void (*change)(void)) {
    static const char *const counted[][2] = {{"/proc/stat", "cpu  "}, {"/proc/stat", "cpu0 "}, {"/proc/vmstat", "pgpgin "}, {"/proc/vmstat", "pgpgout "}};
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
        const char *path = counted[i][0];
        if (is_damaged(path) || !is_still || !read_answer(path, earlier)) continue;
        change();
        if (read_answer(path, ours)) check_columns(path, earlier, ours, counted[i][1]);
    }
}

static void ask_by_stream(const char *path) {
    path_ = path;
    FILE *file = once_in(2) ? NAMED("fopen64", FILE *(*)(const char *, const char *), NULL, path, "re") : CALL("fopen", path, fopen(path, "r"));
    if (!file) return;
    if (once_in(4)) file = CALL("freopen", path, freopen(ONE_OF(PATHS).path, "r", file));
    if (!file) return;
    for (int times = 1 + below(3); times; times--) {
        size_t got = fread(ours, 1, 1 + below(ROOM), file);
        (void)got;
        switch (below(3)) {
        case 0: CALL_VOID("rewind", path, rewind(file)); break;
        case 1: CALL("fseek", path, fseek(file, 0, SEEK_SET)); break;
        default: CALL("fseeko", path, fseeko(file, 1, SEEK_CUR));
        }
    }
    fclose(file);
}

/* ---- paths that lead somewhere, or nowhere ---- */

static void ask_some_path(void) {
    static const char *const pieces[] = {"/", "/", "/", "proc", "sys", "devices", "system", "cpu", "cpu0", "cpu1", "cpu99", "memory", "memory0", "..", ".",
                                         "self", "fd", "meminfo", "stat", "online", "cwd", "root", "topology", "core_cpus", "node", "node0", "thread-self", "1"};
    static char path[9000];
    struct stat stat_;
    path[0] = 0;
    for (unsigned parts = 1 + below(20); parts; parts--) strcat(path, once_in(2) ? "/" : ONE_OF(pieces));
    if (once_in(8)) {
        size_t len = strlen(path), more = below(6000);
        memset(path + len, "/.a"[below(3)], more), path[len + more] = 0;
    }
    if (once_in(3)) strcat(path, once_in(2) ? "/meminfo" : "/cpu1");
    int flags = once_in(3) ? O_PATH : once_in(4) ? O_DIRECTORY : O_RDONLY | O_NONBLOCK;
    int native = raw_open(path, flags), fd = open_somehow(path, flags), error = errno;
    report->call = "open", report->path = path;
    if (fd < 0 && native >= 0 && error != ENOENT) find("%s", error_name(error));
    if (fd >= 0 && native < 0) find("opened: %s", error_name(-native));
    if (fd < 0 && native < 0 && error != -native) find("%s for %s", error_name(error), error_name(-native));
    if (native >= 0) raw_close(native);
    if (fd >= 0) use(fd, path, -1), raw_close(fd);
    CALL("stat", path, stat(path, &stat_));
    CALL("access", path, access(path, R_OK));
    CALL("lstat", path, lstat(path, &stat_));
}

static void ask_members(void) {
    struct stat stat_;
    char path[64];
    for (int i = below(4); i < 12; i += 1 + below(4)) {
        snprintf(path, sizeof path, once_in(3) ? BLOCKS "/memory%d" : CPUS "/cpu%d", i);
        int result = CALL("stat", path, stat(path, &stat_)), error = errno;
        long native = raw(SYS_newfstatat, AT_FDCWD, (long)path, (long)&stat_, 0, 0, 0);
        if (result == 0 ? native != 0 : error != ENOENT) find("%s, by the kernel %ld", error_name(error), native);
        CALL("faccessat", path, faccessat(AT_FDCWD, path, F_OK, 0));
    }
}

/* Whether the machine has the first CPU that is shown: a cpuset may name others. */
static int is_first_cpu_there(void) {
    char path[64], list[64] = "";
    int fd = open(CPUS "/online", O_RDONLY);
    if (fd >= 0) read_all(fd, list, sizeof list - 1), raw_close(fd);
    snprintf(path, sizeof path, CPUS "/cpu%ld", strtol(list, NULL, 10));
    return is_there(path);
}

static int every(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static void ask_directory(void) {
    static const char *const paths[] = {CPUS, BLOCKS, NODE, "/sys/devices/system/node", "/proc/self/fd"};
    const char *path = ONE_OF(paths);
    int cpus = 0;
    glob_t found;
    struct dirent **list, *entry;
    char room[2048];
    DIR *dir = CALL("opendir", path, opendir(path));
    if (dir) {
        while ((entry = CALL("readdir", path, readdir(dir)))) cpus += !fnmatch("cpu[0-9]*", entry->d_name, 0);
        closedir(dir);
        if (path == paths[0] && cpus == 0 && is_still && is_first_cpu_there()) find("no CPU");
    }
    int count = CALL("scandir", path, scandir(path, &list, every, alphasort));
    for (int i = 0; i < count; i++) free(list[i]);
    if (count >= 0) free(list);
    if (CALL("glob", path, glob(once_in(2) ? CPUS "/cpu[0-9]*" : BLOCKS "/memory*", 0, NULL, &found)) == 0) globfree(&found);
    int fd = CALL("open", path, open(path, O_RDONLY | O_DIRECTORY));
    if (fd < 0) return;
    path_ = path;
    while (CALL("syscall", path, syscall(SYS_getdents64, fd, room, (long)sizeof room)) > 0) {}
    raw(SYS_lseek, fd, 0, SEEK_SET, 0, 0, 0);
    while (NAMED("getdents64", long (*)(int, void *, size_t), 0, fd, room, 40 + below(sizeof room - 40)) > 0) {}
    raw_close(fd);
}

/* ---- calls that return numbers ---- */

static int count_bits(const unsigned long *mask, long bytes) {
    int count = 0;
    for (long i = 0; i < bytes / 8; i++) count += __builtin_popcountl(mask[i]);
    return count;
}

static void ask_affinity(void) {
    unsigned long mask[128] = {0}, native[128] = {0};
    long len = raw(SYS_sched_getaffinity, 0, sizeof native, (long)native, 0, 0, 0);
    path_ = "";
    int result = CALL("sched_getaffinity", "", sched_getaffinity(0, sizeof mask, (cpu_set_t *)mask));
    check_errno(result >= 0);
    if (result < 0) return find("%s", error_name(errno));
    int outside = 0;
    for (long i = 0; i < len / 8; i++) outside |= (mask[i] & ~native[i]) != 0;
    if (outside || count_bits(mask, len) < 1) find("a mask of %d CPUs: %lx", count_bits(mask, len), mask[0]);
    result = CALL("syscall", "", syscall(SYS_sched_getaffinity, 0, sizeof mask, mask));
    if (result != len) find("syscall: %d for %ld", result, len);
    NAMED("pthread_getaffinity_np", int (*)(pthread_t, size_t, void *), 0, pthread_self(), sizeof mask, mask);
    if (once_in(4)) {
        check_errno(CALL("sched_setaffinity", "", sched_setaffinity(0, len, (cpu_set_t *)mask)) == 0);
        raw(SYS_sched_setaffinity, 0, len, (long)native, 0, 0, 0);
    }
}

static void ask_numbers(void) {
    struct sysinfo info, native;
    double loads[3];
    path_ = "";
    raw(SYS_sysinfo, (long)&native, 0, 0, 0, 0, 0);
    int result = CALL("sysinfo", "", once_in(2) ? sysinfo(&info) : (int)syscall(SYS_sysinfo, &info));
    check_errno(result == 0);
    if (result) find("%s", error_name(errno));
    if (info.totalram == 0 || info.mem_unit == 0 || info.freeram > info.totalram || info.freeram + info.bufferram > info.totalram)
        find("memory: %lu of %lu, %lu buffers, unit %u", info.freeram, info.totalram, info.bufferram, info.mem_unit);
    if (info.freeswap > info.totalswap || info.procs == 0) find("swap %lu of %lu, %d, %ld", info.freeswap, info.totalswap, info.procs, info.uptime);
    long online = CALL("sysconf", "", sysconf(_SC_NPROCESSORS_ONLN)), all = CALL("sysconf", "", sysconf(_SC_NPROCESSORS_CONF));
    check_errno(1);
    long pages = CALL("sysconf", "", sysconf(_SC_PHYS_PAGES)), free_pages = CALL("sysconf", "", sysconf(_SC_AVPHYS_PAGES));
    if (online < 1 || pages < 1 || free_pages < 0 || (is_still && free_pages > pages)) find("%ld of %ld CPUs, %ld of %ld pages", online, all, free_pages, pages);
    int nprocs = NAMED("get_nprocs", int (*)(void), -1);
    if (nprocs != -1 && nprocs < 1) find("%d CPUs", nprocs);
    note_cpus("sysconf", online);
    if (nprocs != -1) note_cpus("get_nprocs", nprocs);
    NAMED("get_phys_pages", long (*)(void), 0);
    NAMED("get_avphys_pages", long (*)(void), 0);
    int count = CALL("getloadavg", "", getloadavg(loads, 3));
    for (int i = 0; i < count; i++)
        if (!(loads[i] >= 0 && loads[i] < 1e12)) find("load %f", loads[i]);
}

static void ask_disk(void) {
    struct statvfs room;
    struct statfs where;
    const char *path = once_in(2) ? "/" : "/sys/fs/cgroup";
    if (CALL("statvfs", path, statvfs(path, &room)) == 0) {
        check_errno(1);
        if (room.f_bfree > room.f_blocks || room.f_bavail > room.f_bfree) find("%lu, %lu of %lu", (long)room.f_bavail, (long)room.f_bfree, (long)room.f_blocks);
    }
    if (CALL("statfs", path, statfs(path, &where)) == 0 && where.f_bfree > where.f_blocks) find("%lu of %lu", (long)where.f_bfree, (long)where.f_blocks);
}

/* ---- all of them ---- */

/* The open descriptors, as bits. */
static uint64_t descriptors(void) {
    uint64_t open = 0;
    for (int fd = 0; fd < 64; fd++) open |= (uint64_t)(raw(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) >= 0) << fd;
    return open;
}

static void ask_all(void (*change)(void)) {
    uint64_t before = descriptors();
    enum { FILES_ = sizeof PATHS / sizeof *PATHS };
    if (once_in(2)) ask_numbers(), ask_affinity();
    for (unsigned i = 0, from = below(FILES_); i < FILES_; i++) ask_file(&PATHS[(from + i) % FILES_]);
    ask_numbers();
    ask_affinity();
    ask_disk();
    ask_members();
    ask_directory();
    ask_by_stream(ONE_OF(PATHS).path);
    for (int i = 0; i < 3; i++) ask_some_path();
    ask_twice(change);
    report->call = "all calls", report->path = "";
    if (descriptors() != before) find("descriptors: %llx before, %llx now", (unsigned long long)before, (unsigned long long)descriptors());
    for (int i = 1; is_still && are_all_answered && i < way_count; i++)
        if (ways[i].count != ways[0].count) {
            char all[400] = "";
            for (int j = 0; j < way_count; j++) snprintf(all + strlen(all), sizeof all - strlen(all), " %s %d", ways[j].way, ways[j].count);
            find("numbers of CPUs differ:%s", all);
            break;
        }
}
