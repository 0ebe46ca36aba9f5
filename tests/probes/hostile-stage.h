/* The stage of a case: cgroups, /proc and /sys, mounted over the real ones in this process's mount namespace.
 *
 * Whatever the object takes for the kernel's own must be on procfs. So the answered files of /proc are environments of
 * helpers (/proc/PID/environ), which may contain anything. Those of /sys are real ones, or other real ones in their
 * place. All other sources of figures are plain files. */
#include "hostile-texts.h"
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static void stop(const char *what, const char *path) {
    fprintf(stderr, "%s %s: %s\n", what, path, strerror(errno));
    exit(2);
}

/* A raw system call that must succeed. */
static long must(const char *what, const char *path, long result) {
    if (result < 0) errno = -result, stop(what, path);
    return result;
}

static void make_directories(const char *path) {
    char upto[1024];
    for (size_t i = 1; i <= strlen(path); i++)
        if (path[i] == '/' || !path[i]) {
            snprintf(upto, sizeof upto, "%.*s", (int)i, path);
            raw(SYS_mkdirat, AT_FDCWD, (long)upto, 0755, 0, 0, 0);
        }
}

static void write_file(const char *path, const char *bytes, long len) {
    int fd = must("open", path, raw_open(path, O_WRONLY | O_CREAT | O_TRUNC));
    for (long done = 0; done < len;) done += must("write", path, raw(SYS_write, fd, (long)(bytes + done), len - done, 0, 0, 0));
    raw_close(fd);
}

static long read_file(const char *path, char *to, long room) {
    int fd = raw_open(path, O_RDONLY | O_NONBLOCK);
    long len = 0, n;
    if (fd < 0) return fd;
    while (len < room && (n = raw(SYS_read, fd, (long)(to + len), room - len, 0, 0, 0)) > 0) len += n;
    raw_close(fd);
    return len;
}

static int is_there(const char *path) { return raw(SYS_faccessat, AT_FDCWD, (long)path, F_OK, 0, 0, 0) == 0; }

static void mount_tmpfs(const char *at) {
    must("mount", at, raw(SYS_mount, (long)"tmpfs", (long)at, (long)"tmpfs", 0, (long)"mode=755", 0));
}

/* Mounts `from` over `to`, which is created if it does not exist. */
static void bind(const char *from, const char *to, int is_directory) {
    char above[1024];
    snprintf(above, sizeof above, "%s", to);
    if (!is_there(to)) {
        if (!is_directory) *strrchr(above, '/') = 0;
        make_directories(above);
        if (!is_directory) write_file(to, "", 0);
    }
    must("bind", to, raw(SYS_mount, (long)from, (long)to, 0, MS_BIND | (is_directory ? MS_REC : 0), 0, 0));
}

/* ---- plain files ---- */

struct source {
    char path[900];
    const char *text;
    int is_damaged, is_bound; /* mounted over another file: never removed */
};

enum { SOURCES = 3000 };
static struct source sources[SOURCES];
static int source_count;

static struct source *add_source(const char *path, const char *text) {
    struct source *source = &sources[source_count];
    if (source_count == SOURCES) stop("no room for", path);
    source_count++;
    strcpy(source->path, path);
    source->text = text, source->is_damaged = source->is_bound = 0;
    write_file(path, text, strlen(text));
    return source;
}

/* ---- the answered files of /proc ---- */

static const char *const ANSWERED[] = {
    "/proc/meminfo", "/proc/swaps", "/proc/stat", "/proc/cpuinfo", "/proc/uptime", "/proc/loadavg", "/proc/diskstats",
    "/proc/vmstat", "/proc/pressure/cpu", "/proc/pressure/memory", "/proc/pressure/io", "/proc/sys/kernel/threads-max",
};
enum { HOSTS = sizeof ANSWERED / sizeof *ANSWERED };

static struct host {
    int request, answer, is_damaged;
    char *environment; /* the helper's, in shared memory */
    struct bytes own;  /* the kernel's text */
} hosts[HOSTS];

/* Field `number` of /proc/self/stat. */
static uint64_t field(const char *stat, int number) {
    const char *at = strrchr(stat, ')') + 1;
    for (int i = 2; i < number; i++) at = strchr(at, ' ') + 1;
    return strtoull(at, NULL, 10);
}

/* Makes the kernel take this memory for the process's environment. */
static long set_environment_at(long at, long len) {
    static char stat[4096];
    struct prctl_mm_map map = {0};
    stat[read_file("/proc/self/stat", stat, sizeof stat - 1)] = 0;
    map.start_code = field(stat, 26), map.end_code = field(stat, 27), map.start_stack = field(stat, 28);
    map.start_data = field(stat, 45), map.end_data = field(stat, 46), map.start_brk = field(stat, 47), map.brk = (uint64_t)sbrk(0);
    map.arg_start = field(stat, 48), map.arg_end = field(stat, 49);
    map.env_start = at, map.env_end = at + len, map.exe_fd = -1;
    return raw(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, (long)&map, sizeof map, 0, 0);
}

/* A process whose environment is whatever it is told. */
static void serve_environment(struct host *host, int request, int answer) {
    long len;
    raw(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
    /* The kernel shows no environment in shared memory: a file system might be behind it. */
    char *own = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (own == MAP_FAILED) stop("mmap", "an environment");
    while (raw(SYS_read, request, (long)&len, sizeof len, 0, 0, 0) == sizeof len) {
        memcpy(own, host->environment, len);
        len = set_environment_at((long)own, len);
        raw(SYS_write, answer, (long)&len, sizeof len, 0, 0, 0);
    }
    raw(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

static void give_host(struct host *host, const char *text, long len) {
    memcpy(host->environment, text, len);
    raw(SYS_write, host->request, (long)&len, sizeof len, 0, 0, 0);
    raw(SYS_read, host->answer, (long)&len, sizeof len, 0, 0, 0);
    must("an environment of one's own", "", len);
}

static void start_host(struct host *host, const char *path) {
    int request[2], answer[2];
    char environment[64];
    host->own.len = read_file(path, host->own.at, ROOM);
    host->environment = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must("pipe", "", raw(SYS_pipe2, (long)request, O_CLOEXEC, 0, 0, 0, 0));
    must("pipe", "", raw(SYS_pipe2, (long)answer, O_CLOEXEC, 0, 0, 0, 0));
    int pid = fork();
    if (pid == 0) serve_environment(host, request[0], answer[1]);
    host->request = request[1], host->answer = answer[0];
    snprintf(environment, sizeof environment, "/proc/%d/environ", pid);
    give_host(host, host->own.at, host->own.len);
    bind(environment, path, 0);
}

/* ---- cgroups ---- */

static const struct file { const char *controller, *name, *text; } FILES[] = {
    {"", "cgroup.procs", "1\n"},
    {"", "cgroup.controllers", "cpuset cpu io memory pids\n"},
    {"", "memory.max", "536870912\n"},
    {"", "memory.high", "436870912\n"},
    {"", "memory.current", "123456789\n"},
    {"", "memory.swap.max", "max\n"},
    {"", "memory.swap.current", "4096\n"},
    {"", "memory.stat", "anon 5242880\nfile 70000640\nkernel_stack 16384\npagetables 4096\nsock 0\nshmem 4096\nfile_mapped 4096\n"
     "file_dirty 0\nfile_writeback 0\nanon_thp 0\ninactive_anon 4096\nactive_anon 5242880\ninactive_file 60000000\n"
     "active_file 10000000\nunevictable 0\nslab_reclaimable 65536\nslab_unreclaimable 32768\nslab 98304\npgfault 9000\npgmajfault 2\n"},
    {"", "memory.events", "low 0\nhigh 0\nmax 4\noom 3\noom_kill 2\n"},
    {"", "memory.pressure", "some avg10=0.00 avg60=0.10 avg300=0.00 total=5000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"},
    {"", "cpu.pressure", "some avg10=0.00 avg60=0.10 avg300=0.00 total=5000\n"},
    {"", "io.pressure", "some avg10=0.00 avg60=0.10 avg300=0.00 total=5000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"},
    {"", "cpu.max", "150000 100000\n"},
    {"", "cpu.weight", "174\n"},
    {"", "cpu.stat", "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\nnr_periods 0\nnr_throttled 0\n"},
    {"", "cpuset.cpus", "0-1\n"},
    {"", "cpuset.cpus.effective", "0-1\n"},
    {"", "cpuset.mems.effective", "0\n"},
    {"", "io.stat", "254:0 rbytes=4096 wbytes=512 rios=2 wios=1 dbytes=0 dios=0\n8:0 rbytes=9096 wbytes=0 rios=7 wios=0 dbytes=0 dios=0\n"},
    {"", "pids.max", "500\n"},
    {"", "pids.current", "7\n"},
    {"", "cgproc.began", "4242\n"},
    {"memory", "memory.limit_in_bytes", "536870912\n"},
    {"memory", "memory.usage_in_bytes", "123456789\n"},
    {"memory", "memory.memsw.limit_in_bytes", "636870912\n"},
    {"memory", "memory.memsw.usage_in_bytes", "123466789\n"},
    {"memory", "memory.use_hierarchy", "1\n"},
    {"memory", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n"},
    {"memory", "memory.stat", "cache 70000640\nrss 5242880\nmapped_file 4096\ntotal_cache 70000640\ntotal_rss 5242880\ntotal_rss_huge 0\n"
     "total_mapped_file 4096\ntotal_dirty 0\ntotal_writeback 0\ntotal_swap 4096\ntotal_pgpgin 9\ntotal_pgpgout 4\ntotal_pgfault 9000\n"
     "total_inactive_anon 4096\ntotal_active_anon 5242880\ntotal_inactive_file 60000000\ntotal_active_file 10000000\ntotal_unevictable 0\n"},
    {"cpu", "cpu.cfs_quota_us", "150000\n"},
    {"cpu", "cpu.cfs_period_us", "100000\n"},
    {"cpu", "cpu.shares", "3072\n"},
    {"cpu", "cpu.stat", "nr_periods 5\nnr_throttled 1\nthrottled_time 900\n"},
    {"cpuacct", "cpuacct.usage", "5000000000\n"},
    {"cpuacct", "cpuacct.usage_user", "3000000000\n"},
    {"cpuacct", "cpuacct.usage_sys", "2000000000\n"},
    {"cpuacct", "cpuacct.stat", "user 300\nsystem 200\n"},
    {"cpuset", "cpuset.cpus", "0-1\n"},
    {"cpuset", "cpuset.effective_cpus", "0-1\n"},
    {"cpuset", "cpuset.effective_mems", "0\n"},
    {"cpuset", "cpuset.mems", "0\n"},
    {"blkio", "blkio.throttle.io_service_bytes_recursive", "254:0 Read 4096\n254:0 Write 512\n254:0 Sync 4608\n254:0 Total 4608\nTotal 4608\n"},
    {"blkio", "blkio.throttle.io_serviced_recursive", "254:0 Read 2\n254:0 Write 1\n254:0 Total 3\nTotal 3\n"},
    {"blkio", "blkio.bfq.io_service_bytes", "8:0 Read 512\n8:0 Total 512\nTotal 512\n"},
    {"pids", "pids.max", "500\n"},
    {"pids", "pids.current", "7\n"},
};

static const char *const HIERARCHIES[] = {"memory", "cpu", "cpuacct", "cpuset", "blkio", "pids"};

enum form { V2, V1, HYBRID, REAL, FORMS };
static enum form form;
static char own_path[512]; /* from the hierarchies' root */
static char base[256];     /* where the hierarchies are mounted */

enum { MADE = 8192 };
static char made_cgroup[MADE], made_init[MADE], made_mountinfo[8 * MADE];

/* The cgroups of one hierarchy, from its top down to its own. */
static void make_hierarchy(const char *controller, const char *top) {
    char at[900], file[1000];
    size_t len = strlen(top);
    snprintf(at, sizeof at, "%s%s", top, own_path);
    for (size_t end = len; end <= strlen(at); end++) {
        if (at[end] != '/' && at[end]) continue;
        char cut = at[end];
        at[end] = 0;
        make_directories(at);
        for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
            if (!strcmp(FILES[i].controller, controller)) {
                snprintf(file, sizeof file, "%s/%s", at, FILES[i].name);
                add_source(file, FILES[i].text);
            }
        at[end] = cut;
    }
}

static void choose_path(void) {
    static const char *const names[] = {"a", "docker", "user.slice", "with blank", "back\\slash", "tab\there", "\xff\xfe", "init.scope", "..x"};
    own_path[0] = 0;
    for (unsigned depth = once_in(4) ? below(30) : below(5); depth; depth--) {
        char name[256];
        unsigned len = once_in(8) ? 1 + below(200) : 0;
        if (len) memset(name, 'd', len), name[len] = 0;
        else strcpy(name, ONE_OF(names));
        if (strlen(own_path) + strlen(name) + 1 < 420) strcat(own_path, "/"), strcat(own_path, name);
    }
}

static void escape(char *to, const char *from) {
    for (; *from; from++) {
        if (strchr(" \t\n\\", *from)) to += sprintf(to, "\\%03o", (unsigned char)*from);
        else *to++ = *from;
    }
    *to = 0;
}

static void say_mount(const char *point, const char *kind, const char *options) {
    char escaped[1200], *end = made_mountinfo + strlen(made_mountinfo);
    escape(escaped, point);
    if (once_in(3)) end += sprintf(end, "36 24 0:31 / /var/lib/docker/overlay2/%0*d/merged rw - overlay overlay rw,lowerdir=/l/A:/l/B\n", once_in(9) ? 3000 : 64, 7);
    sprintf(end, "51 24 0:32 %s %s rw,nosuid shared:4 - %s none %s\n", once_in(40) ? "/.." : "/", escaped, kind, options);
}

static void make_cgroups(void) {
    char top[600];
    int number = 12;
    choose_path();
    strcpy(base, once_in(5) ? "/sys/made/my cgroups" : "/sys/fs/cgroup");
    made_cgroup[0] = made_init[0] = made_mountinfo[0] = 0;
    if (form != V2)
        for (size_t i = 0; i < sizeof HIERARCHIES / sizeof *HIERARCHIES; i++) {
            snprintf(top, sizeof top, "%s/%s", base, HIERARCHIES[i]);
            make_hierarchy(HIERARCHIES[i], top);
            say_mount(top, "cgroup", HIERARCHIES[i]);
            sprintf(made_cgroup + strlen(made_cgroup), "%d:%s:%s\n", number, HIERARCHIES[i], own_path[0] ? own_path : "/");
            sprintf(made_init + strlen(made_init), "%d:%s:%s\n", number--, HIERARCHIES[i], once_in(2) ? "/" : own_path);
        }
    snprintf(top, sizeof top, "%s%s", base, form == V2 ? "" : "/unified");
    if (form != V1) {
        make_hierarchy("", top);
        say_mount(top, "cgroup2", "rw");
    }
    sprintf(made_cgroup + strlen(made_cgroup), "0::%s\n", own_path[0] ? own_path : "/");
    sprintf(made_init + strlen(made_init), "0::%s\n", once_in(3) ? "/init.scope" : once_in(2) ? "/" : own_path);
}

/* ---- /sys ---- */

static char real_sys[64]; /* sysfs itself, without our mounts */

/* Real files of sysfs that may replace an answered one. */
static const char *const OTHERS[] = {
    "kernel/notes", "kernel/btf/vmlinux", "kernel/uevent_seqnum", "kernel/mm/transparent_hugepage/enabled", "power/state",
    "devices/system/cpu/possible", "devices/system/cpu/kernel_max", "devices/system/cpu/modalias", "devices/system/clocksource/clocksource0/available_clocksource",
};

static void show_sysfs(const char *path) {
    char real[256], shown[256];
    snprintf(real, sizeof real, "%s/%s", real_sys, once_in(6) ? ONE_OF(OTHERS) : path);
    if (!is_there(real)) snprintf(real, sizeof real, "%s/%s", real_sys, path);
    snprintf(shown, sizeof shown, "/sys/%s", path);
    if (is_there(real)) bind(real, shown, 0);
}

static void make_sys(void) {
    static const char *const shown[] = {
        "devices/system/cpu/online", "devices/system/cpu/present", "devices/system/cpu/possible", "devices/system/cpu/cpu0/topology/core_cpus",
        "devices/system/cpu/cpu0/topology/core_cpus_list", "devices/system/cpu/cpu0/topology/thread_siblings_list",
        "devices/system/cpu/cpu0/topology/core_siblings_list", "devices/system/cpu/cpu0/cache/index0/shared_cpu_list",
        "devices/system/cpu/cpu0/cache/index0/shared_cpu_map", "devices/system/node/node0/meminfo", "devices/system/node/node0/cpulist",
        "devices/system/node/node0/cpumap", "devices/system/node/online", "devices/system/memory/block_size_bytes",
        "devices/virtual/block/loop0/stat", "devices/virtual/block/loop0/dev",
    };
    char path[256];
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) show_sysfs(shown[i]);
    for (int cpu = 1; cpu < 10; cpu++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology", cpu);
        make_directories(path);
        strcat(path, "/thread_siblings_list"), add_source(path, "0-1\n");
        strcpy(strrchr(path, '/'), "/core_cpus_list"), add_source(path, "0-1\n");
        strcpy(strrchr(path, '/'), "/core_siblings_list"), add_source(path, "0-3\n");
        strcpy(strrchr(path, '/'), "/physical_package_id"), add_source(path, "0\n");
        snprintf(path, sizeof path, "/sys/devices/system/memory/memory%d", cpu * 7 % 10);
        make_directories(path);
    }
    make_directories("/sys/devices/system/node/node1");
    add_source("/sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:       8000000 kB\nNode 1 MemFree:        7000000 kB\n");
    make_directories("/sys/kernel/mm/transparent_hugepage");
    add_source("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152\n");
}

/* ---- all of it ---- */

/* Once, before any stage. */
static void open_stage(void) {
    static const char *const read[] = {"/proc/1/cgroup", "/proc/1/stat", "/proc/devices", "/proc/zoneinfo"};
    must("unshare", "", raw(SYS_unshare, CLONE_NEWNS, 0, 0, 0, 0, 0));
    must("mount", "/", raw(SYS_mount, (long)"none", (long)"/", 0, MS_REC | MS_PRIVATE, 0, 0));
    snprintf(real_sys, sizeof real_sys, "/proc/self/fd/%ld", must("open", "/sys", raw_open("/sys", O_PATH | O_DIRECTORY)));
    mount_tmpfs("/etc");
    mount_tmpfs("/run");
    for (int i = 0; i < HOSTS; i++)
        if (is_there(ANSWERED[i])) start_host(&hosts[i], ANSWERED[i]);
    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        char *own = malloc(ROOM), copy[64];
        long len = read_file(read[i], own, ROOM - 1);
        own[len < 0 ? 0 : len] = 0;
        snprintf(copy, sizeof copy, "/run/%zu", i);
        add_source(copy, own)->is_bound = 1;
        bind(copy, read[i], 0);
    }
}

static int first_source; /* the first source that belongs to a stage */
static const char *own_init;

/* A stage whose cgroups have this form. */
static void lay_stage(enum form wanted) {
    static int is_set;
    form = wanted;
    if (is_set) must("umount", "/sys", raw(SYS_umount2, (long)"/sys", MNT_DETACH, 0, 0, 0, 0));
    else first_source = source_count, own_init = sources[0].text;
    is_set = 1, source_count = first_source;
    mount_tmpfs("/sys");
    make_directories("/sys/made");
    make_directories("/sys/fs/cgroup");
    if (form == REAL) {
        char cgroups[96];
        snprintf(cgroups, sizeof cgroups, "%s/fs/cgroup", real_sys);
        bind(cgroups, "/sys/fs/cgroup", 1);
    } else {
        make_cgroups();
        add_source("/sys/made/cgroup", made_cgroup)->is_bound = 1;
        add_source("/sys/made/mountinfo", made_mountinfo)->is_bound = 1;
    }
    sources[0].text = form == REAL ? own_init : made_init, sources[0].is_damaged = 1;
    make_sys();
}

UNUSED static void set_stage(uint64_t number) {
    throw_from(number);
    lay_stage(below(FORMS));
}

/* Mounts the stage's contents over a new process's own files. */
static void enter_stage(void) {
    if (form == REAL) return;
    bind("/sys/made/cgroup", "/proc/self/cgroup", 0);
    bind("/sys/made/mountinfo", "/proc/self/mountinfo", 0);
}

static struct bytes scene;

UNUSED static void damage_source(struct source *source) {
    scene.len = 0, add_text(&scene, source->text);
    damage(&scene);
    source->is_damaged = 1;
    if (once_in(12) && !source->is_bound) raw(SYS_unlinkat, AT_FDCWD, (long)source->path, 0, 0, 0, 0);
    else write_file(source->path, scene.at, scene.len);
}

UNUSED static void damage_host(struct host *host) {
    if (!host->environment) return;
    scene.len = 0, add(&scene, host->own.at, host->own.len);
    damage(&scene);
    host->is_damaged = 1;
    give_host(host, scene.at, scene.len);
}

UNUSED static void mend(void) {
    for (int i = 0; i < source_count; i++)
        if (sources[i].is_damaged) sources[i].is_damaged = 0, write_file(sources[i].path, sources[i].text, strlen(sources[i].text));
    for (int i = 0; i < HOSTS; i++)
        if (hosts[i].is_damaged) hosts[i].is_damaged = 0, give_host(&hosts[i], hosts[i].own.at, hosts[i].own.len);
}
