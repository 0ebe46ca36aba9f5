/* The settings of a case's programs, in the environment and in the file, and a board. */
#include "hostile-stage.h"

static const char *const KEYS[] = {
    "CGPROC", "CGPROC_FILES", "CGPROC_CPUS", "CGPROC_MEMORY", "CGPROC_DISK", "CGPROC_CGROUP", "CGPROC_BOARD", "CGPROC_UPTIME",
    "CGPROC_BTIME", "CGPROC_AFFINITY", "CGPROC_DEBUG", "UV_USE_IO_URING",
};
enum { CGROUP = 5, BOARD = 6, DEBUG = 10 };

static const char BOARD_PATH[] = "/run/board";
/* The directory whose slots are on the board. */
static char published[600];

static void some_value(int key, char *to, size_t room) {
    static const char *const switches[] = {"on", "on", "off", ""}, *const cpus[] = {"1", "1.5", "0.001", "999999", "weight", "quota", "0.5", "18446744073709551", "2"},
        *const sizes[] = {"1M", "64M", "1G", "9999999T", "18446744073709551615", "high", "max", "1048576", "16777215T"},
        *const files[] = {"meminfo", "stat,cpuinfo,cpu", "uptime,loadavg,diskstats,vmstat", "pressure,node,threads-max", "", "swaps,stat,meminfo"},
        *const whose[] = {"container", "host", "kernel"},
        *const paths[] = {"/", "/a", "/proc/1/cgroup", "/proc/self/cgroup", "/sys/fs/cgroup", "/no/where", "/proc/self/fd/0", "/dev/zero", "/run/pipe", "/run/loop",
                          "/sys/fs/cgroup/../cgroup", "/proc/0/cgroup", "/proc/self/root/sys/fs/cgroup", "//", "/dev/full"};
    switch (key) {
    case 0: snprintf(to, room, "%s", ONE_OF(switches)); break;
    case 1: snprintf(to, room, "%s", ONE_OF(files)); break;
    case 2: snprintf(to, room, "%s", ONE_OF(cpus)); break;
    case 3: case 4: snprintf(to, room, "%s", ONE_OF(sizes)); break;
    case CGROUP: {
        const char *name = once_in(3) ? "" : own_path;
        snprintf(to, room, "%s%s", once_in(2) && form == V2 ? base : form == HYBRID && once_in(2) ? "/sys/fs/cgroup/unified" : "", name);
        if (once_in(3) || !*to) snprintf(to, room, "%s", ONE_OF(paths));
        break;
    }
    case BOARD: snprintf(to, room, "%s", once_in(6) ? ONE_OF(paths) : BOARD_PATH); break;
    case DEBUG: snprintf(to, room, "%s", once_in(2) ? "/run/notes" : ONE_OF(paths)); break;
    default: snprintf(to, room, "%s", ONE_OF(whose));
    }
    if (once_in(40)) {
        scene.len = 0, add_text(&scene, to), damage(&scene);
        scene.at[scene.len < (long)room ? scene.len : (long)room - 1] = 0;
        for (long i = 0; i < scene.len && i < (long)room - 1; i++)
            if (!scene.at[i]) scene.at[i] = '?';
        snprintf(to, room, "%s", scene.at);
    }
}

/* Whether a case answers all files, so that they can be compared. */
static int are_all_answered;
static char directory[600]; /* what CGPROC_CGROUP names; empty for none */

static void set_environment(void) {
    static char values[4][700];
    clearenv();
    are_all_answered = 1, directory[0] = 0;
    for (unsigned times = below(5); times; times--) {
        int key = below(sizeof KEYS / sizeof *KEYS);
        if (key == 0 && !once_in(10)) continue;
        some_value(key, values[times - 1], sizeof values[0]);
        setenv(KEYS[key], values[times - 1], 1);
        if (key == 1 || key == 7 || key == 9) are_all_answered = 0;
        if (key == CGROUP) snprintf(directory, sizeof directory, "%s", values[times - 1]);
    }
    if (once_in(3)) setenv("CGPROC_BOARD", BOARD_PATH, 1);
}

static void write_settings(void) {
    static char value[700];
    raw(SYS_unlinkat, AT_FDCWD, (long)"/etc/cgproc.conf", 0, 0, 0, 0);
    if (!once_in(4)) return;
    are_all_answered = 0;
    scene.len = 0;
    for (unsigned lines = below(12); lines; lines--) {
        int key = below(sizeof KEYS / sizeof *KEYS);
        if (key == 0 && !once_in(10)) continue;
        some_value(key, value, sizeof value);
        if (once_in(5)) add_text(&scene, once_in(2) ? "[hostile]\n" : "[a b c]\n");
        add_text(&scene, KEYS[key]), add_text(&scene, once_in(2) ? " = " : "="), add_text(&scene, value), add_text(&scene, "\n");
    }
    if (once_in(3)) damage(&scene);
    write_file("/etc/cgproc.conf", scene.at, scene.len);
}

/* ---- a board ---- */

enum { WORDS = 32, SLOTS_MOST = 32 };

static void seal(uint64_t *words) {
    uint64_t sum = 0xcbf29ce484222325;
    for (int i = 0; i < WORDS - 1; i++) sum = ((sum << 29 | sum >> 35) ^ words[i]) * 0x9e3779b97f4a7c15;
    words[WORDS - 1] = sum;
}

static uint64_t some_word(void) {
    static const uint64_t odd[] = {0, 1, 2, 2048, 100000, 150000, 1ull << 20, 1ull << 31, 1ull << 32, 1ull << 62, 1ull << 63, ~0ull, ~0ull - 1, 1ull << 40};
    return once_in(2) ? ONE_OF(odd) : thrown() >> below(64);
}

static void write_board(void) {
    static uint64_t blocks[1 + SLOTS_MOST][WORDS];
    struct stat own = {0};
    struct timespec now = {0};
    unsigned slots = 1u << below(6);
    int kind = 6;
    raw(SYS_clock_gettime, CLOCK_REALTIME, (long)&now, 0, 0, 0, 0);
    uint64_t usec = now.tv_sec * 1000000ull + now.tv_nsec / 1000;
    snprintf(published, sizeof published, "%s", directory[0] ? directory : base);
    if (form == REAL && !directory[0]) {
        static const char *const tops[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/cpuset"};
        kind = is_there("/sys/fs/cgroup/memory") ? 2 + below(4) : 1;
        strcpy(published, tops[kind - 1]);
    }
    raw(SYS_newfstatat, AT_FDCWD, (long)published, (long)&own, 0, 0, 0);
    memset(blocks, 0, sizeof blocks);
    for (const char *letter = "cgprocbd"; *letter; letter++) blocks[0][1] = blocks[0][1] << 8 | (unsigned char)*letter;
    blocks[0][2] = 1;
    blocks[0][7] = slots;
    for (unsigned block = 0; block <= slots; block++) {
        uint64_t *words = blocks[block];
        words[0] = once_in(20) ? some_word() : 2;
        if (block) {
            words[1] = once_in(20) ? some_word() : (uint64_t)kind, words[2] = own.st_ino;
            for (int i = 7; i < WORDS - 1; i++) words[i] = some_word();
            if (!once_in(4)) words[7] = 15;
        }
        words[3] = usec, words[4] = some_word(), words[5] = some_word(), words[6] = usec + 600000000;
        if (once_in(10)) words[3 + below(4)] = some_word();
        if (block == 0 && once_in(12)) words[1 + below(30)] = some_word();
        if (!once_in(12)) seal(words);
    }
    scene.len = 0, add(&scene, (const char *)blocks, (1 + slots) * sizeof blocks[0]);
    if (once_in(10)) scene.len = below(scene.len + 1);
    if (once_in(30)) fill_with_anything(&scene);
    write_file(BOARD_PATH, scene.at, scene.len);
}
