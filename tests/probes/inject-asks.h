/* What the programs of tests/probes/inject.c ask for, each as a text that says what came out. */
#include <dirent.h>
#include <glob.h>
#include <stdarg.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...) {
    va_list list;
    va_start(list, format);
    seen->len += vsnprintf(seen->text + seen->len, ROOM - seen->len, format, list);
    va_end(list);
}

/* ---- files ---- */

#define FSTAT "mode %o\nlinks %lu\nbytes %ld\n"

static int held = -1; /* the descriptor that is reread */
static FILE *stream;
static char some[ROOM + 1];

static long read_all(int fd, char *to) {
    long len = 0, n;
    while (len < ROOM && (n = raw(SYS_read, fd, (long)(to + len), ROOM - len, 0, 0, 0)) > 0) len += n;
    to[len] = 0;
    return len;
}

static void take(int fd) {
    seen->value = fd < 0 ? -1 : 0;
    if (fd < 0) return;
    seen->len = read_all(fd, seen->text);
    raw_close(fd);
}

static void ask_open(const struct ask *ask) {
    begin();
    int fd = open(ask->path, O_RDONLY);
    end();
    take(fd);
}

static void ask_fopen(const struct ask *ask) {
    begin();
    FILE *file = fopen(ask->path, "r");
    end();
    seen->value = file ? 0 : -1;
    if (!file) return;
    seen->len = read_all(fileno(file), seen->text);
    fclose(file);
}

/* After the tick in which an answer was composed, it is composed anew. */
static void await_next_tick(void) {
    struct timespec then, now, moment = {0, 500 * 1000};
    raw(SYS_clock_gettime, CLOCK_REALTIME_COARSE, (long)&then, 0, 0, 0, 0);
    do {
        raw(SYS_nanosleep, (long)&moment, 0, 0, 0, 0, 0);
        raw(SYS_clock_gettime, CLOCK_REALTIME_COARSE, (long)&now, 0, 0, 0, 0);
    } while (now.tv_sec == then.tv_sec && now.tv_nsec == then.tv_nsec);
}

static void hold(const struct ask *ask) {
    held = open(ask->path, O_RDONLY);
    seen->before_len = read_all(held, seen->before);
    change_figures();
    await_next_tick();
}

static void ask_lseek(const struct ask *ask) {
    (void)ask;
    begin();
    long at = lseek(held, 0, SEEK_SET);
    end();
    take(held);
    if (at) seen->value = -1;
}

static void ask_pread(const struct ask *ask) {
    (void)ask;
    begin();
    long got = pread(held, some, ROOM, 0);
    end();
    raw(SYS_lseek, held, 0, SEEK_SET, 0, 0, 0);
    take(held);
    if (got <= 0 || memcmp(some, seen->text, got)) seen->value = -1;
}

static void hold_stream(const struct ask *ask) {
    stream = fopen(ask->path, "r");
    seen->before_len = fread(seen->before, 1, ROOM, stream);
    change_figures();
    await_next_tick();
}

static void ask_rewind(const struct ask *ask) {
    (void)ask;
    begin();
    rewind(stream);
    end();
    seen->len = fread(seen->text, 1, ROOM, stream);
    fclose(stream);
}

/* Of the machine's own only what stands still: no file of procfs passes for one of sysfs. */
static void ask_node(const struct ask *ask) {
    begin();
    int fd = open(ask->path, O_RDONLY);
    end();
    seen->value = fd < 0 ? -1 : 0;
    if (fd < 0) return;
    read_all(fd, some);
    raw_close(fd);
    long figures[3] = {-1, -1, -1};
    static const char *const keys[] = {"MemTotal:", "MemFree:", "MemUsed:"};
    for (int i = 0; i < 3; i++) {
        const char *at = strstr(some, keys[i]);
        if (at) figures[i] = strtol(at + strlen(keys[i]), NULL, 10);
    }
    say("MemTotal: %ld\nsum: %d\n", figures[0], figures[0] == figures[1] + figures[2]);
}

static void keep(const struct ask *ask) {
    struct stat status;
    held = open(ask->path, O_RDONLY);
    raw_fstat(held, &status);
    seen->before_len = sprintf(seen->before, FSTAT, status.st_mode, (long)status.st_nlink, (long)status.st_size);
}

/* What the program is told of a descriptor of ours: as of the kernel's file. */
static void ask_fstat(const struct ask *ask) {
    struct stat status = {0};
    (void)ask;
    begin();
    seen->value = fstat(held, &status);
    end();
    say(FSTAT, status.st_mode, (long)status.st_nlink, (long)status.st_size);
    raw_close(held);
}

static void ask_mmap(const struct ask *ask) {
    (void)ask;
    begin();
    void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, held, 0);
    end();
    seen->value = at == MAP_FAILED ? -1 : 0;
    raw_close(held);
}

/* ---- directories ---- */

static void ask_stat(const struct ask *ask) {
    struct stat status;
    begin();
    seen->value = stat(ask->path, &status);
    end();
}

static void ask_access(const struct ask *ask) {
    begin();
    seen->value = access(ask->path, F_OK);
    end();
}

/* Which of the first CPUs were listed. */
static int is_listed[10];

static int is_cpu(const char *name) { return !strncmp(name, "cpu", 3) && name[3] >= '0' && name[3] <= '9'; }

static void list(const char *name) {
    if (is_cpu(name) && !name[4]) is_listed[name[3] - '0'] = 1;
}

static void say_listed(void) {
    for (int cpu = 0; cpu < 10; cpu++) say("cpu%d %d\n", cpu, is_listed[cpu]);
}

static void ask_readdir(const struct ask *ask) {
    struct dirent *entry;
    begin();
    DIR *directory = opendir(ask->path);
    while (directory && (entry = readdir(directory))) list(entry->d_name);
    end();
    seen->value = directory ? 0 : -1;
    if (directory) closedir(directory);
    say_listed();
}

static int cpus_only(const struct dirent *entry) { return is_cpu(entry->d_name); }

static void ask_scandir(const struct ask *ask) {
    struct dirent **list_ = NULL;
    begin();
    int count = scandir(ask->path, &list_, cpus_only, alphasort);
    end();
    seen->value = count < 0 ? -1 : 0;
    for (int i = 0; i < count; i++) list(list_[i]->d_name);
    say_listed();
}

static void ask_glob(const struct ask *ask) {
    glob_t found;
    begin();
    seen->value = glob(ask->path, 0, NULL, &found) ? -1 : 0;
    end();
    for (size_t i = 0; !seen->value && i < found.gl_pathc; i++) list(strrchr(found.gl_pathv[i], '/') + 1);
    say_listed();
}

/* ---- calls ---- */

static void ask_sysinfo(const struct ask *ask) {
    struct sysinfo info, native;
    (void)ask;
    begin();
    seen->value = sysinfo(&info);
    end();
    raw(SYS_sysinfo, (long)&native, 0, 0, 0, 0, 0);
    int is_ours = info.totalram < native.totalram;
    say("total %lu\nswap %lu\nunit %u\n", info.totalram, info.totalswap, info.mem_unit);
    say("free %ld\nshared %ld\n", is_ours ? (long)info.freeram : -1, is_ours ? (long)info.sharedram : -1);
    say("load %d\n", info.loads[0] == 5120ul << 5);
    say("young %d\n", info.uptime + 2 < native.uptime);
}

static void ask_affinity(const struct ask *ask) {
    cpu_set_t set;
    (void)ask;
    begin();
    seen->value = sched_getaffinity(0, sizeof set, &set) ? -1 : 0;
    end();
    say("%d\n", CPU_COUNT(&set));
}

static void ask_online(const struct ask *ask) {
    (void)ask;
    begin();
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    end();
    say("%ld\n", online);
}

static void ask_nprocs(const struct ask *ask) {
    (void)ask;
    begin();
    int online = get_nprocs();
    end();
    say("%d\n", online);
}

static void ask_pages(const struct ask *ask) {
    (void)ask;
    begin();
    long pages = sysconf(_SC_PHYS_PAGES);
    end();
    say("%ld\n", pages);
}

static void ask_loads(const struct ask *ask) {
    double loads[3] = {-1, -1, -1};
    (void)ask;
    begin();
    int count = getloadavg(loads, 3);
    end();
    /* The machine's move. */
    say("count %d\none %d\nfive %d\nfifteen %d\n", count, loads[0] == 2.5, loads[1] == 1.25, loads[2] == 0.5);
}

/* The room itself changes, if it is the machine's. */
static void ask_statvfs(const struct ask *ask) {
    struct statvfs room = {0};
    begin();
    seen->value = statvfs(ask->path, &room);
    end();
    unsigned long all = room.f_blocks * room.f_frsize;
    say("size %lu\nfree %ld\n", all, all == DISK_BYTES ? (long)(room.f_bfree * room.f_frsize) : -1);
}
