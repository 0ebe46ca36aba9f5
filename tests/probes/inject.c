/* Every system call that the object makes fails in turn, in a world that stands still: cgroups, /proc and /sys as in
 * hostile-stage.h, with nothing wrong in them.
 *
 *   inject OBJECT v1|v2 EACH [ASK]
 *
 * For each ask, each call and each error there are two runs: only this call fails, or all from this one on. Of these runs
 * each EACHth is played. The program must see what it sees with cgproc off, or what it sees if nothing fails. Prints how
 * often it was which, and whatever else was seen. Needs root, and its own mount namespace. */
#include "probe.h"
#include "../programs/chance.h"
/* Nothing of the stage is left to chance. Its "once in two" are all between equals. */
#define once_in(times) ((times) == 2)
#define below(bound) 0
#include "hostile-stage.h"
#undef below
#undef once_in
#include "board.h"

static void set_figure(const char *name, const char *text) {
    for (int i = 0; i < source_count; i++) {
        const char *end = strrchr(sources[i].path, '/');
        if (end && !strcmp(end + 1, name) && is_there(sources[i].path)) write_file(sources[i].path, text, strlen(text));
    }
}

/* Statistics of memory, or others of the same length: the later half of a text differs too. */
static void set_statistics(int are_others) {
    static char copy[4096];
    for (int i = 0; i < source_count; i++) {
        const char *end = strrchr(sources[i].path, '/');
        if (!end || strcmp(end, "/memory.stat") || !is_there(sources[i].path)) continue;
        snprintf(copy, sizeof copy, "%s", sources[i].text);
        for (char *at = copy; are_others && *at; at++) *at += *at >= '1' && *at <= '5';
        write_file(sources[i].path, copy, strlen(copy));
    }
}

/* The figures that a file is reread after. */
static void change_figures(void) {
    set_statistics(1);
    set_figure("memory.current", "223456789\n");
    set_figure("memory.usage_in_bytes", "223456789\n");
    set_figure("io.stat", "7:0 rbytes=8192 wbytes=1024 rios=4 wios=2 dbytes=0 dios=0\n");
    set_figure("cpu.stat", "usage_usec 7000000\nuser_usec 4000000\nsystem_usec 3000000\nnr_periods 0\nnr_throttled 0\n");
    set_figure("cpuacct.usage", "7000000000\n");
    set_figure("cpuacct.stat", "user 400\nsystem 300\n");
    set_figure("pids.max", "40\n"); /* a shorter text */
}

/* A container of 512 MiB and one CPU, which differs from any machine that has more. */
static void reset_figures(void) {
    set_statistics(0);
    set_figure("memory.current", "123456789\n");
    set_figure("memory.usage_in_bytes", "123456789\n");
    set_figure("io.stat", "7:0 rbytes=4096 wbytes=512 rios=2 wios=1 dbytes=0 dios=0\n");
    set_figure("cpu.stat", "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\nnr_periods 0\nnr_throttled 0\n");
    set_figure("cpuacct.usage", "5000000000\n");
    set_figure("cpuacct.stat", "user 300\nsystem 200\n");
    set_figure("pids.max", "500\n");
    set_figure("cpu.max", "100000 100000\n");
    set_figure("cpu.cfs_quota_us", "100000\n");
    set_figure("cpuset.cpus", "0-511\n");
    set_figure("cpuset.cpus.effective", "0-511\n");
    set_figure("cpuset.effective_cpus", "0-511\n");
}

enum { DISK_BYTES = 64 << 20, DECLARED = 6 };

static void figures_of_the_board(uint64_t *slot) {
    struct stat own;
    raw(SYS_newfstatat, AT_FDCWD, (long)(form == V1 ? "/sys/fs/cgroup/cpuacct" : "/sys/fs/cgroup"), (long)&own, 0, 0, 0);
    slot[1] = form == V1 ? CPUACCT : DECLARED, slot[2] = own.st_ino;
    slot[7] = KNOWS_LOAD | KNOWS_DISK;
    slot[8] = 5120 | 2560ull << 32; /* 2.50, 1.25 */
    slot[9] = 1024 | 3ull << 32;    /* 0.50 */
    slot[10] = 9ull << 32;
    slot[28] = DISK_BYTES / 4;
}

#include "inject-trace.h"
#include "inject-asks.h"

static const struct ask ASKS[] = {
    {"open /proc/meminfo", "/proc/meminfo", NULL, ask_open},
    {"open /proc/swaps", "/proc/swaps", NULL, ask_open},
    {"open /proc/stat", "/proc/stat", NULL, ask_open},
    {"open /proc/cpuinfo", "/proc/cpuinfo", NULL, ask_open},
    {"open /proc/uptime", "/proc/uptime", NULL, ask_open},
    {"open /proc/loadavg", "/proc/loadavg", NULL, ask_open},
    {"open /proc/diskstats", "/proc/diskstats", NULL, ask_open},
    {"open /proc/vmstat", "/proc/vmstat", NULL, ask_open},
    {"open /proc/schedstat", "/proc/schedstat", NULL, ask_open},
    {"open /proc/pressure/cpu", "/proc/pressure/cpu", NULL, ask_open},
    {"open /proc/pressure/memory", "/proc/pressure/memory", NULL, ask_open},
    {"open /proc/pressure/io", "/proc/pressure/io", NULL, ask_open},
    {"open /proc/sys/kernel/threads-max", "/proc/sys/kernel/threads-max", NULL, ask_open},
    {"open cpu/online", CPUS "/online", NULL, ask_open},
    {"open cpu/present", CPUS "/present", NULL, ask_open},
    {"open cpu0/topology/core_siblings_list", CPUS "/cpu0/topology/core_siblings_list", NULL, ask_open},
    {"open cpu0/topology/core_cpus", CPUS "/cpu0/topology/core_cpus", NULL, ask_open},
    {"open node0/cpulist", NODE "/cpulist", NULL, ask_open},
    {"open node0/meminfo", NODE "/meminfo", NULL, ask_node},
    {"open memory/block_size_bytes", BLOCKS "/block_size_bytes", NULL, ask_open},
    {"open loop0/stat", "/sys/devices/virtual/block/loop0/stat", NULL, ask_open},
    {"open cpu1/topology/core_cpus_list", CPUS "/cpu1/topology/core_cpus_list", NULL, ask_open},
    {"fopen /proc/meminfo", "/proc/meminfo", NULL, ask_fopen},
    {"lseek /proc/meminfo", "/proc/meminfo", hold, ask_lseek},
    {"lseek /proc/stat", "/proc/stat", hold, ask_lseek},
    {"lseek /proc/uptime", "/proc/uptime", hold, ask_lseek},
    {"lseek /proc/diskstats", "/proc/diskstats", hold, ask_lseek},
    {"lseek /proc/sys/kernel/threads-max", "/proc/sys/kernel/threads-max", hold, ask_lseek},
    {"lseek cpu/online", CPUS "/online", hold, ask_lseek},
    {"pread /proc/meminfo", "/proc/meminfo", hold, ask_pread},
    {"rewind /proc/meminfo", "/proc/meminfo", hold_stream, ask_rewind},
    {"fstat /proc/meminfo", "/proc/meminfo", keep, ask_fstat},
    {"mmap /proc/meminfo", "/proc/meminfo", keep, ask_mmap},
    {"stat cpu1", CPUS "/cpu1", NULL, ask_stat},
    {"access cpu1", CPUS "/cpu1", NULL, ask_access},
    {"readdir cpu", CPUS, NULL, ask_readdir},
    {"scandir cpu", CPUS, NULL, ask_scandir},
    {"glob cpu", CPUS "/cpu[0-9]*", NULL, ask_glob},
    {"sysinfo", NULL, NULL, ask_sysinfo},
    {"sched_getaffinity", NULL, NULL, ask_affinity},
    {"sysconf(_SC_NPROCESSORS_ONLN)", NULL, NULL, ask_online},
    {"sysconf(_SC_PHYS_PAGES)", NULL, NULL, ask_pages},
    {"get_nprocs", NULL, NULL, ask_nprocs},
    {"getloadavg", NULL, NULL, ask_loads},
    {"statvfs /", "/", NULL, ask_statvfs},
};

static const struct { const char *name; int error; } ERRORS[] = {
    {"EMFILE", EMFILE}, {"ENFILE", ENFILE}, {"ENOMEM", ENOMEM}, {"EINTR", EINTR}, {"EACCES", EACCES},
    {"ENOENT", ENOENT}, {"EIO", EIO}, {"EPERM", EPERM}, {"ENOSYS", ENOSYS}, {"short", SHORT},
};
enum { ERRORS_ = sizeof ERRORS / sizeof *ERRORS };

/* ---- whose answer it is ---- */

/* What an ask gave. */
static struct answer {
    int value, error;
    long len;
    char text[ROOM + 1];
} kernels, ours, later;

static void keep_answer(struct answer *to) {
    to->value = seen->value, to->error = seen->error, to->len = seen->len;
    memcpy(to->text, seen->text, seen->len + 1);
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* The same text, whose numbers lie between those of `from` and `to`: the clock goes on even here. */
static int lies_between(const char *text, const char *from, const char *to) {
    while (*text && *from && *to) {
        if (!is_digit(*text) || !is_digit(*from) || !is_digit(*to)) {
            if (*text != *from || *text != *to) return 0;
            text++, from++, to++;
            continue;
        }
        char *end, *end_from, *end_to;
        double number = strtod(text, &end), least = strtod(from, &end_from), most = strtod(to, &end_to);
        if (number < least || number > most) return 0;
        text = end, from = end_from, to = end_to;
    }
    return *text == *from && *text == *to;
}

static int is_same(const struct answer *one, const struct answer *other) {
    return one->value == other->value && (one->value == 0 || one->error == other->error) && one->len == other->len && !memcmp(one->text, other->text, one->len);
}

/* Finds the line of `text` that begins with the same word as `line`. */
static int find_line(const char *text, const char *line, const char **found) {
    size_t len = strcspn(line, " \t:\n");
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
        if (!strncmp(text, line, len) && strcspn(text, " \t:\n") == len) return *found = text, 1;
    return 0;
}

static const char *next_word(const char *at) {
    at += strcspn(at, " \t\n");
    return at + strspn(at, " \t");
}

static int is_word(const char *word, const char *as) {
    size_t len = strcspn(word, " \t\n");
    return len == strcspn(as, " \t\n") && !memcmp(word, as, len);
}

/* Whether each word of the line is one of these lines'; a missing line offers none. */
static int is_line_of(const char *line, const char *native, const char *from, const char *to, const char *less) {
    for (; *line && *line != '\n'; line = next_word(line)) {
        double number = strtod(line, NULL);
        int is_native = native && is_word(line, native), is_own = from && is_word(line, from);
        if (!is_own && from && is_digit(*line) && is_digit(*from)) is_own = number >= strtod(from, NULL) && number <= strtod(to, NULL);
        if (!is_native && !is_own && !(less && is_word(line, less))) return 0;
        if (less) less = next_word(less);
        if (native) native = next_word(native);
        if (from) from = next_word(from), to = next_word(to);
    }
    return (!native || !*native || *native == '\n') && (!from || !*from || *from == '\n');
}

static const char *next_line(const char *at) {
    at += strcspn(at, "\n");
    return at + (*at == '\n');
}

/* Whether each figure is the kernel's, ours, or that of `without` (or NULL), and no line that both have is missing. */
static int is_in_part(const struct answer *now, const struct answer *without) {
    const char *line, *native, *from, *to, *less;
    for (line = now->text; *line; line = next_line(line)) {
        if (!find_line(kernels.text, line, &native)) native = NULL;
        if (!find_line(ours.text, line, &from) || !find_line(later.text, line, &to)) from = to = NULL;
        if (!native && !from) return 0;
        if (!without || !find_line(without->text, line, &less)) less = NULL;
        if (!is_line_of(line, native, from, to, less)) return 0;
    }
    for (line = ours.text; *line; line = next_line(line))
        if (find_line(kernels.text, line, &native) && !find_line(now->text, line, &native)) return 0;
    return now->value == 0 && now->len && (now->text[now->len - 1] == '\n' || kernels.text[kernels.len - 1] != '\n');
}

/* Takes a file away, or brings it back. Returns whether it could. */
static int take_away(const char *path, int is_back) {
    static const char *const bound[] = {"/proc/1/cgroup", "/proc/1/stat"}; /* sources 0 and 1, see open_stage() */
    char aside[PATH + 8];
    for (int i = 0; i < 2; i++)
        if (!strcmp(path, bound[i])) {
            write_file(sources[i].path, is_back ? sources[i].text : "", is_back ? strlen(sources[i].text) : 0);
            return 1;
        }
    snprintf(aside, sizeof aside, "%s.aside", path);
    if (strncmp(path, "/sys/", 5)) return 0;
    return raw(SYS_renameat, AT_FDCWD, (long)(is_back ? aside : path), AT_FDCWD, (long)(is_back ? path : aside), 0, 0) == 0;
}

/* Plays once more, and leaves the figures as they were. */
static void replay(const struct ask *ask, struct shot shot, struct answer *to) {
    const char *how;
    play(ask, shot, 0, &how);
    reset_figures();
    keep_answer(to);
}

static const struct shot NO_SHOT;

/* Whether this is what we answer if what failed calls were about is not there at all, or was not at another look. */
static int is_as_if_absent(const struct ask *ask, struct shot shot) {
    static struct answer before, again, after;
    static struct paths away;
    away.count = 0;
    for (int i = 0; i < missed.count; i++)
        if (take_away(missed.at[i], 0)) strcpy(away.at[away.count++], missed.at[i]);
    if (!away.count) return 0;
    replay(ask, NO_SHOT, &before);
    for (int i = away.count; i--;) take_away(away.at[i], 1);
    replay(ask, shot, &again);
    for (int i = 0; i < away.count; i++) take_away(away.at[i], 0);
    replay(ask, NO_SHOT, &after);
    for (int i = away.count; i--;) take_away(away.at[i], 1);
    return again.value == before.value && (lies_between(again.text, before.text, after.text) || is_in_part(&again, &before));
}

enum whose { KERNELS, OURS, PART, BEFORE, OTHER, KINDS };

/* Whose answer `now` is, which the child has just given. */
static enum whose judge(const struct ask *ask, struct shot shot, const struct answer *now) {
    if (is_same(now, &kernels)) return KERNELS;
    if (is_same(now, &ours)) return OURS;
    static struct answer before;
    before.len = seen->before_len;
    memcpy(before.text, seen->before, before.len), before.text[before.len] = 0;
    int is_as_before = before.len && now->len == before.len && !memcmp(now->text, before.text, now->len);
    /* If no call works any more, nothing can take the place of a text that was rewritten to its middle. */
    int may_be_mixed = before.len && shot.goes_on && shot.error != SHORT;
    replay(ask, NO_SHOT, &later);
    if (now->value == 0 && lies_between(now->text, ours.text, later.text)) return OURS;
    if (is_as_before) return BEFORE;
    if (is_in_part(now, NULL)) return PART;
    if (may_be_mixed && is_in_part(now, &before)) return BEFORE;
    return is_as_if_absent(ask, shot) ? PART : OTHER;
}

/* ---- all of them ---- */

static long counts[ERRORS_][KINDS], findings, runs;

static void find(const struct ask *ask, int error, int goes_on, const char *what, const struct answer *now) {
    if (findings++ > 200) return;
    printf("finding: %s, %s%s at %s: %s", ask->name, ERRORS[error].name, goes_on ? " from then on" : "", hit, what);
    if (now) printf(": %d, %s", now->value, error_name(now->error));
    puts("");
    if (!now || now->value) return;
    const char *line = now->text, *own = ours.text;
    for (int shown = 0; *line && shown < 6;) {
        int len = strcspn(line, "\n"), own_len = strcspn(own, "\n");
        if (len != own_len || memcmp(line, own, len)) printf("    %.*s\n    for %.*s\n", len > 200 ? 200 : len, line, own_len > 200 ? 200 : own_len, own), shown++;
        line += len + (line[len] == '\n'), own += own_len + (own[own_len] == '\n');
    }
}

/* One run; returns whether the call was reached. */
static int fire(const struct ask *ask, int error, int from, int goes_on) {
    static struct answer now;
    const char *how;
    struct shot shot = {from, ERRORS[error].error, goes_on};
    runs++;
    play(ask, shot, 0, &how);
    reset_figures();
    if (!hit[0]) return 0;
    if (how) return find(ask, error, goes_on, how, NULL), 1;
    if (seen->leaked) find(ask, error, goes_on, "a descriptor is left", NULL);
    if (seen->value == 0 && seen->error != UNTOUCHED) find(ask, error, goes_on, "errno is changed", NULL);
    keep_answer(&now);
    enum whose whose = judge(ask, shot, &now);
    counts[error][whose]++;
    if (whose == OTHER) find(ask, error, goes_on, "neither answer", &now);
    return 1;
}

static void need(const struct ask *ask, int holds, const char *what) {
    if (!holds) printf("finding: %s: %s\n", ask->name, what), findings++;
}

static void ask_in_turn(const struct ask *ask, int each) {
    const char *how;
    memset(counts, 0, sizeof counts);
    publish("/run/board", figures_of_the_board);
    play(ask, NO_SHOT, 1, &how);
    reset_figures();
    need(ask, !how, "cgproc off");
    keep_answer(&kernels);
    int calls = play(ask, NO_SHOT, 0, &how);
    reset_figures();
    need(ask, !how, how);
    keep_answer(&ours);
    int is_answered = !is_same(&ours, &kernels);
    for (int error = 0; error < ERRORS_; error++)
        for (int goes_on = 0; goes_on < 2; goes_on++) {
            /* Other calls with each error, so that each call fails with some. */
            int first = 1 + (int)(ask - ASKS + error + goes_on * (each / 2)) % each;
            for (int from = first; from < calls + 50 && fire(ask, error, from, goes_on); from += each) {}
        }
    printf("calls|%s|%d|%s\n", ask->name, calls, is_answered ? "answered" : "as the kernel");
    for (int error = 0; error < ERRORS_; error++)
        printf("cell|%s|%s|%ld|%ld|%ld|%ld|%ld\n", ask->name, ERRORS[error].name, counts[error][KERNELS], counts[error][OURS], counts[error][PART], counts[error][BEFORE], counts[error][OTHER]);
    fflush(stdout);
}

int main(int argc, char **argv) {
    static struct host schedstat;
    int each = argc < 4 ? 0 : atoi(argv[3]);
    if (each < 1) return fprintf(stderr, "usage: inject OBJECT v1|v2 EACH [ASK]\n"), 2;
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    find_object(argv[1]);
    if (!object_from) return fprintf(stderr, "%s is not loaded\n", argv[1]), 2;
    access("/", F_OK); /* makes the object find next: a forked child could no longer do it */
    open_stage();
    if (is_there("/proc/schedstat")) start_host(&schedstat, "/proc/schedstat");
    lay_stage(strcmp(argv[2], "v1") ? V2 : V1);
    reset_figures();
    setenv("CGPROC_BOARD", "/run/board", 1);
    setenv("CGPROC_DISK", "64M", 1);
    for (size_t i = 0; i < sizeof ASKS / sizeof *ASKS; i++)
        if (argc < 5 || !strcmp(argv[4], ASKS[i].name)) ask_in_turn(&ASKS[i], each);
    printf("%ld runs, %ld findings\n", runs, findings);
    return findings != 0;
}
