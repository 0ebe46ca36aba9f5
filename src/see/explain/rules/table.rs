//! The table of the rules.

use super::Rule;
use crate::see::explain::limit::Resource;

/// Means the board, among sources.
pub(super) const BOARD: &str = "board";

/// Means the files that say when the scope began, among sources.
pub(super) const BEGAN: &str = "began";

/// Means only a setting.
const SETTING: &str = "setting";

/// Figures that follow another's rule: vmstat counts in pages what meminfo has in kB.
pub(super) const SAME: [(&str, &str); 38] = [
    ("memory.total", "meminfo.MemTotal"),
    ("memory.free", "meminfo.MemFree"),
    ("memory.available", "meminfo.MemAvailable"),
    ("swap.total", "meminfo.SwapTotal"),
    ("swap.free", "meminfo.SwapFree"),
    ("vmstat.nr_free_pages", "meminfo.MemFree"),
    ("vmstat.nr_zone_inactive_anon", "meminfo.Inactive(anon)"),
    ("vmstat.nr_zone_active_anon", "meminfo.Active(anon)"),
    ("vmstat.nr_zone_inactive_file", "meminfo.Inactive(file)"),
    ("vmstat.nr_zone_active_file", "meminfo.Active(file)"),
    ("vmstat.nr_zone_unevictable", "meminfo.Unevictable"),
    ("vmstat.nr_bounce", "meminfo.Bounce"),
    ("vmstat.nr_unstable", "meminfo.NFS_Unstable"),
    ("vmstat.nr_zspages", "meminfo.Zswap"),
    ("vmstat.nr_inactive_anon", "meminfo.Inactive(anon)"),
    ("vmstat.nr_active_anon", "meminfo.Active(anon)"),
    ("vmstat.nr_inactive_file", "meminfo.Inactive(file)"),
    ("vmstat.nr_active_file", "meminfo.Active(file)"),
    ("vmstat.nr_unevictable", "meminfo.Unevictable"),
    ("vmstat.nr_slab_reclaimable", "meminfo.SReclaimable"),
    ("vmstat.nr_slab_unreclaimable", "meminfo.SUnreclaim"),
    ("vmstat.nr_anon_pages", "meminfo.AnonPages"),
    ("vmstat.nr_mapped", "meminfo.Mapped"),
    ("vmstat.nr_file_pages", "meminfo.Cached"),
    ("vmstat.nr_dirty", "meminfo.Dirty"),
    ("vmstat.nr_writeback", "meminfo.Writeback"),
    ("vmstat.nr_writeback_temp", "meminfo.WritebackTmp"),
    ("vmstat.nr_shmem", "meminfo.Shmem"),
    ("vmstat.nr_shmem_hugepages", "meminfo.ShmemHugePages"),
    ("vmstat.nr_shmem_pmdmapped", "meminfo.ShmemPmdMapped"),
    ("vmstat.nr_file_hugepages", "meminfo.FileHugePages"),
    ("vmstat.nr_file_pmdmapped", "meminfo.FilePmdMapped"),
    ("vmstat.nr_anon_transparent_hugepages", "meminfo.AnonHugePages"),
    ("vmstat.nr_vmalloc", "meminfo.VmallocUsed"),
    ("vmstat.nr_kernel_stack", "meminfo.KernelStack"),
    ("vmstat.nr_page_table_pages", "meminfo.PageTables"),
    ("vmstat.nr_sec_page_table_pages", "meminfo.SecPageTables"),
    ("vmstat.nr_swapcached", "meminfo.SwapCached"),
];

const LIMITS: &[&str] = &[
    "memory.max",
    "memory.high",
    "memory.limit_in_bytes",
    "memory.use_hierarchy",
    "memory.stat:hierarchical_memory_limit",
];
const LIMITS_AND_USE: &[&str] = &[
    "memory.max",
    "memory.high",
    "memory.current",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "memory.use_hierarchy",
    "memory.stat:hierarchical_memory_limit",
];
const AVAILABLE: &[&str] = &[
    "memory.max",
    "memory.high",
    "memory.current",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "memory.use_hierarchy",
    "memory.stat:hierarchical_memory_limit,active_file,inactive_file,slab_reclaimable,total_active_file,total_inactive_file",
];
const SWAP: &[&str] = &[
    "memory.swap.max",
    "memory.swap.current",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.memsw.usage_in_bytes",
];
const QUOTAS: &[&str] = &["cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us", BOARD];
const CPUSETS: &[&str] = &["cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus", "online"];
const CPUS: &[&str] = &[
    "cpuset.cpus.effective",
    "cpuset.effective_cpus",
    "cpuset.cpus",
    "online",
    "cpu.max",
    "cpu.cfs_quota_us",
    "cpu.cfs_period_us",
    "cpu.weight",
    "cpu.shares",
];
const TIMES: &[&str] = &["cpu.stat:user_usec,system_usec", "cpuacct.usage", "cpuacct.stat"];
const IDLE: &[&str] = &[
    "cpu.stat:user_usec,system_usec",
    "cpuacct.usage",
    "cpuacct.stat",
    "cpu.max",
    "cpu.cfs_quota_us",
    "cpu.cfs_period_us",
    "cpuset.cpus.effective",
    "cpuset.effective_cpus",
    "cpuset.cpus",
    "online",
    BEGAN,
    BOARD,
];
const BYTES: &[&str] = &[
    "io.stat",
    "blkio.throttle.io_service_bytes_recursive",
    "blkio.throttle.io_service_bytes",
    "blkio.bfq.io_service_bytes_recursive",
];
const MEMINFO: &str = "kernel fs/proc/meminfo.c, memory.stat";

/// A column of diskstats that no cgroup has.
const fn no_source(of: &'static str) -> Rule {
    rule(of, "0: no cgroup counts it.", "kernel block/genhd.c, docs/figures.md", &["io.stat"], None)
}

const fn rule(
    of: &'static str,
    sentence: &'static str,
    reference: &'static str,
    sources: &'static [&'static str],
    limit: Option<Resource>,
) -> Rule {
    Rule { of, sentence, reference, sources, limit }
}

/// A line of meminfo that is a counter of the cgroup.
const fn counter(of: &'static str, sources: &'static [&'static str]) -> Rule {
    rule(of, "The cgroup's counter, at most the total; 0 if it has none.", MEMINFO, sources, None)
}

/// A line that no cgroup has a figure for.
const fn zero(of: &'static str) -> Rule {
    rule(of, "0: no cgroup has any.", MEMINFO, &["proc/meminfo:$"], None)
}

/// A line that shows the machine's figure.
const fn machines(of: &'static str) -> Rule {
    rule(of, "The machine's: a constant of the hardware or of the kernel.", MEMINFO, &["proc/meminfo:$"], None)
}

const PGSCAN: &[&str] = &["memory.stat:pgscan", "proc/vmstat:$"];
const PGSTEAL: &[&str] = &["memory.stat:pgsteal", "proc/vmstat:$"];

/// The number of CPUs that a runtime takes by its own rule.
const fn own_rule(of: &'static str, sentence: &'static str, reference: &'static str) -> Rule {
    rule(of, sentence, reference, CPUS, Some(Resource::Quota))
}

/// A line of vmstat that shows the machine's figure up to a limit.
const fn at_most(of: &'static str, sentence: &'static str) -> Rule {
    rule(of, sentence, "kernel mm/vmstat.c", &["proc/vmstat:$"], None)
}

/// An event for one kind of page, which cgroups do not distinguish.
const fn of_kind(of: &'static str, sentence: &'static str, sources: &'static [&'static str]) -> Rule {
    rule(of, sentence, "kernel mm/vmscan.c, mm/memcontrol.c", sources, None)
}

/// The rule of a figure that is in no row.
pub(super) static OTHER: Rule = rule("*", "The machine's.", "docs/figures.md", &[], None);

/// The rules of figures that a setting declares instead of a limit.
pub(super) static DECLARED: &[Rule] = &[
    rule(
        "meminfo.MemTotal",
        "The amount in CGPROC_MEMORY, whatever the limits are.",
        "docs/settings.md",
        &[SETTING],
        None,
    ),
    rule(
        "meminfo.MemFree",
        "The amount in CGPROC_MEMORY − usage.",
        "docs/settings.md",
        &["memory.current", "memory.usage_in_bytes"],
        None,
    ),
    rule("memory.block", "The amount in CGPROC_MEMORY, as one block.", "docs/settings.md", &[SETTING], None),
    rule(
        "node*.MemTotal",
        "The node's share of the amount in CGPROC_MEMORY, in proportion to its memory.",
        "docs/settings.md",
        &[SETTING],
        None,
    ),
    rule("cpus.quota", "The number in CGPROC_CPUS.", "docs/settings.md", &[SETTING], None),
    rule(
        "cpus.*",
        "The number in CGPROC_CPUS, whatever the quota is, at most the CPUs of the cpuset.",
        "docs/settings.md",
        CPUSETS,
        None,
    ),
];

/// The first row that matches a name is its rule.
pub(super) static RULES: &[Rule] = &[
    rule(
        "cgroup.*",
        "The scope: the cgroup that was asked for; otherwise that of pid 1, if this process is in it; otherwise this process's own.",
        "docs/figures.md, lxcfs lookup_initpid_in_store",
        &[],
        None,
    ),
    rule(
        "memory.block",
        "All the memory as one block.",
        "kernel drivers/base/memory.c",
        LIMITS,
        Some(Resource::Memory),
    ),
    rule("swap.used", "Swap total − swap free.", "proc_meminfo(5)", SWAP, None),
    rule(
        "meminfo.MemTotal",
        "The least memory limit of the cgroup and of those above it.",
        "lxcfs get_min_memlimit",
        LIMITS,
        Some(Resource::Memory),
    ),
    rule(
        "meminfo.MemFree",
        "The least of limit − usage over the cgroups that have a limit.",
        "lxcfs proc_meminfo_read, without its wrapping",
        LIMITS_AND_USE,
        Some(Resource::MemoryLeft),
    ),
    rule(
        "meminfo.MemAvailable",
        "Free and what the kernel can reclaim: active_file + inactive_file + slab_reclaimable, at most the total.",
        "kernel si_mem_available, lxcfs since 6.0.6",
        AVAILABLE,
        Some(Resource::MemoryLeft),
    ),
    zero("meminfo.Buffers"),
    rule(
        "meminfo.Cached",
        "The cgroup's file pages, at most what is in use.",
        MEMINFO,
        &["memory.stat:file,total_cache"],
        None,
    ),
    counter("meminfo.SwapCached", &["memory.stat:swapcached,total_swapcached"]),
    counter("meminfo.Active", &["memory.stat:active_anon,active_file,total_active_anon,total_active_file"]),
    counter("meminfo.Inactive", &["memory.stat:inactive_anon,inactive_file,total_inactive_anon,total_inactive_file"]),
    counter("meminfo.Active(anon)", &["memory.stat:active_anon,total_active_anon"]),
    counter("meminfo.Inactive(anon)", &["memory.stat:inactive_anon,total_inactive_anon"]),
    counter("meminfo.Active(file)", &["memory.stat:active_file,total_active_file"]),
    counter("meminfo.Inactive(file)", &["memory.stat:inactive_file,total_inactive_file"]),
    counter("meminfo.Unevictable", &["memory.stat:unevictable,total_unevictable"]),
    rule(
        "meminfo.Mlocked",
        "The machine's, at most what the cgroup has unevictable.",
        MEMINFO,
        &["memory.stat:unevictable,total_unevictable", "proc/meminfo:Mlocked"],
        None,
    ),
    rule(
        "meminfo.SwapTotal",
        "The least swap limit of the cgroup and of those above it (version 1: memsw − memory), at most the machine's.",
        "lxcfs get_swap_info",
        SWAP,
        Some(Resource::Swap),
    ),
    rule(
        "meminfo.SwapFree",
        "The least of what the cgroup, those above it and the machine have left.",
        "lxcfs get_swap_info, without its wrapping",
        SWAP,
        Some(Resource::Swap),
    ),
    counter("meminfo.Zswap", &["memory.stat:zswap"]),
    counter("meminfo.Zswapped", &["memory.stat:zswapped"]),
    counter("meminfo.Dirty", &["memory.stat:file_dirty,total_dirty"]),
    counter("meminfo.Writeback", &["memory.stat:file_writeback,total_writeback"]),
    counter("meminfo.AnonPages", &["memory.stat:anon,total_rss"]),
    counter("meminfo.Mapped", &["memory.stat:file_mapped,total_mapped_file"]),
    counter("meminfo.Shmem", &["memory.stat:shmem,total_shmem"]),
    counter("meminfo.KReclaimable", &["memory.stat:slab_reclaimable"]),
    counter("meminfo.Slab", &["memory.stat:slab_reclaimable,slab_unreclaimable"]),
    counter("meminfo.SReclaimable", &["memory.stat:slab_reclaimable"]),
    counter("meminfo.SUnreclaim", &["memory.stat:slab_unreclaimable"]),
    counter("meminfo.KernelStack", &["memory.stat:kernel_stack"]),
    counter("meminfo.PageTables", &["memory.stat:pagetables"]),
    counter("meminfo.SecPageTables", &["memory.stat:sec_pagetables"]),
    zero("meminfo.NFS_Unstable"),
    zero("meminfo.Bounce"),
    zero("meminfo.WritebackTmp"),
    rule("meminfo.Commit*", "The machine's, at most the total of memory and swap.", MEMINFO, &["proc/meminfo:$"], None),
    counter("meminfo.VmallocUsed", &["memory.stat:vmalloc"]),
    counter("meminfo.Percpu", &["memory.stat:percpu"]),
    counter("meminfo.AnonHugePages", &["memory.stat:anon_thp,total_rss_huge"]),
    counter("meminfo.ShmemHugePages", &["memory.stat:shmem_thp"]),
    zero("meminfo.ShmemPmdMapped"),
    counter("meminfo.FileHugePages", &["memory.stat:file_thp"]),
    zero("meminfo.FilePmdMapped"),
    machines("meminfo.Vmalloc*"),
    machines("meminfo.Huge*"),
    machines("meminfo.HardwareCorrupted"),
    machines("meminfo.DirectMap*"),
    rule("meminfo.*", "The machine's, at most the container's total.", MEMINFO, &["proc/meminfo:$"], None),
    rule(
        "cpus.count",
        "The CPUs of the cpuset, at most the least quota rounded up.",
        "lxcfs max_cpu_count",
        CPUS,
        Some(Resource::Cpus),
    ),
    rule(
        "cpus.online",
        "The first N CPUs of the cpuset, under their own numbers; N is the least quota rounded up.",
        "lxcfs max_cpu_count, without its renumbering",
        CPUS,
        Some(Resource::Cpus),
    ),
    rule(
        "cpus.quota",
        "The least quota ÷ period of the cgroup and of those above it.",
        "lxcfs get_min_cpu_count_cfs",
        QUOTAS,
        Some(Resource::Quota),
    ),
    rule(
        "cpus.capacity",
        "What may be used: the least quota, or the CPUs of the cpuset if they are fewer.",
        "docs/figures.md",
        CPUS,
        Some(Resource::Capacity),
    ),
    own_rule(
        "runtimes.jdk",
        "The JDK, .NET, num_cpus and loky round the quota up, as cpus.count is.",
        "docs/cpus.md, JDK CgroupUtil::processor_count",
    ),
    own_rule(
        "runtimes.go",
        "Go from 1.25 rounds the quota up and takes at least 2; it bypasses libc, and cgproc run --static leaves it those 2.",
        "docs/cpus.md, Go adjustCgroupGOMAXPROCS",
    ),
    own_rule(
        "runtimes.node",
        "Node from 24 (os.availableParallelism) rounds the quota of version 2 down, to at least 1, and so takes fewer than cpus.count.",
        "docs/cpus.md, libuv uv_available_parallelism",
    ),
    own_rule(
        "runtimes.rust",
        "Rust's standard library rounds the quota down, to at least 1, and so takes fewer than cpus.count.",
        "docs/cpus.md, std::thread::available_parallelism",
    ),
    own_rule(
        "runtimes.erlang",
        "Erlang rounds the quota down, to at least 1, and so has fewer schedulers online than cpus.count.",
        "docs/cpus.md, erts/lib_src/common/erl_misc_utils.c",
    ),
    own_rule(
        "runtimes.nproc",
        "nproc from coreutils 9.8 rounds the quota of version 2 to the nearest number, half up, to at least 1; older ones see cpus.count.",
        "docs/cpus.md, gnulib nproc.c",
    ),
    own_rule(
        "runtimes.others",
        "OpenMP, older releases of nproc, and everything that counts the CPUs of its mask see cpus.count.",
        "docs/cpus.md",
    ),
    rule(
        "cpuinfo.*",
        "Counted over the CPUs that are shown.",
        "kernel arch/x86/kernel/cpu/proc.c, arch/arm64/kernel/cpuinfo.c",
        CPUS,
        None,
    ),
    rule("cpu*", "The kernel's list, as far as its CPUs are shown.", "kernel drivers/base/topology.c", CPUS, None),
    rule(
        "time.user",
        "CPU time of the scope in user mode, without time.nice.",
        "kernel cgroup_base_stat_cputime_show, cpuacct_stats_show",
        TIMES,
        None,
    ),
    rule(
        "time.system",
        "CPU time of the scope in the kernel.",
        "kernel cgroup_base_stat_cputime_show, cpuacct_stats_show",
        TIMES,
        None,
    ),
    rule(
        "time.nice",
        "CPU time of the scope in user mode at lower priority; 0 if the kernel counts that with the rest.",
        "kernel cgroup_base_stat_cputime_show",
        TIMES,
        None,
    ),
    rule(
        "time.idle",
        "What the scope could have used since its beginning − user − nice − system.",
        "docs/figures.md",
        IDLE,
        None,
    ),
    rule(
        "time.boot",
        "The machine's, since start times of processes use that clock; the container's with CGPROC_BTIME=container.",
        "proc_stat(5)",
        &["proc/stat:btime"],
        None,
    ),
    rule(
        "uptime",
        "Time since the scope's first process began.",
        "kernel fs/proc/uptime.c, lxcfs get_reaper_start_time",
        &[BEGAN],
        None,
    ),
    rule(
        "uptime.idle",
        "As time.idle: what the scope could have used and did not.",
        "kernel fs/proc/uptime.c",
        IDLE,
        None,
    ),
    rule(
        "load.threads",
        "Threads of the scope, as the board has them or as counted now, whichever is more.",
        "kernel fs/proc/loadavg.c",
        &["pids.current", BOARD],
        None,
    ),
    rule(
        "load.running",
        "Threads of the scope that run or wait for a CPU; at least 1, the one that asks.",
        "kernel fs/proc/stat.c",
        &[BOARD],
        None,
    ),
    rule("load.blocked", "Threads of the scope that wait uninterruptibly.", "kernel fs/proc/stat.c", &[BOARD], None),
    rule(
        "load.*",
        "The kernel's average over the scope's running and blocked threads, kept by the sampler.",
        "kernel calc_load",
        &[BOARD],
        None,
    ),
    no_source("diskstats.*_time"),
    no_source("diskstats.*_merged"),
    no_source("diskstats.*.in_flight"),
    no_source("diskstats.*.flushes"),
    rule("diskstats.*", "What the scope did with the device.", "kernel block/genhd.c, block/blk-throttle.c", &[], None),
    rule(
        "vmstat.pgpgin",
        "What the scope read from disks; the machine's if nobody counts that.",
        "kernel mm/vmstat.c, block/blk-cgroup.c",
        BYTES,
        None,
    ),
    rule(
        "vmstat.pgpgout",
        "What the scope wrote to disks; the machine's if nobody counts that.",
        "kernel mm/vmstat.c, block/blk-cgroup.c",
        BYTES,
        None,
    ),
    rule(
        "vmstat.oom_kill",
        "Processes of the scope that were killed because memory ran out.",
        "kernel mm/memcontrol.c",
        &["memory.events:$", "memory.oom_control:$"],
        None,
    ),
    at_most("vmstat.nr_free_pages_blocks", "The machine's, at most MemFree."),
    at_most("vmstat.nr_free_cma", "The machine's, at most MemFree."),
    at_most("vmstat.nr_dirty*threshold", "The machine's, at most MemTotal."),
    rule(
        "vmstat.nr_mlock",
        "The machine's, at most what the cgroup has unevictable.",
        MEMINFO,
        &["memory.stat:unevictable,total_unevictable", "proc/vmstat:$"],
        None,
    ),
    rule(
        "vmstat.nr_zone_write_pending",
        "The cgroup's pages that are dirty, and those under writeback.",
        MEMINFO,
        &["memory.stat:file_dirty,file_writeback,total_dirty,total_writeback"],
        None,
    ),
    of_kind("vmstat.pgscan_file", "All of memory.stat's pgscan; the machine's if it has none.", PGSCAN),
    of_kind("vmstat.pgsteal_file", "All of memory.stat's pgsteal; the machine's if it has none.", PGSTEAL),
    of_kind("vmstat.pgscan_anon", "0 if pgscan_file has all; otherwise the machine's.", PGSCAN),
    of_kind("vmstat.pgsteal_anon", "0 if pgsteal_file has all; otherwise the machine's.", PGSTEAL),
    rule("vmstat.nr_*", "The machine's: no cgroup counts it.", "kernel mm/vmstat.c", &["proc/vmstat:$"], None),
    rule(
        "vmstat.*",
        "The scope's, if memory.stat has it under the same name; otherwise the machine's.",
        "kernel mm/vmstat.c, mm/memcontrol.c",
        &["memory.stat:$,total_$", "proc/vmstat:$"],
        None,
    ),
    rule(
        "pressure.*",
        "The scope's own file replaces the kernel's.",
        "kernel Documentation/accounting/psi.rst",
        &[],
        None,
    ),
    rule(
        "threads-max",
        "The least pids.max of the cgroup and of those above it, at most the machine's.",
        "kernel kernel/cgroup/pids.c",
        &["pids.max"],
        Some(Resource::Pids),
    ),
    rule(
        "disk.*",
        "The size in CGPROC_DISK; used is what the sampler measured, free is at most what the machine has.",
        "statfs(2), docs/figures.md",
        &[BOARD],
        Some(Resource::Disk),
    ),
    rule("node*.cpulist", "The kernel's list, as far as its CPUs are shown.", "kernel drivers/base/node.c", CPUS, None),
    rule(
        "node*.MemTotal",
        "The node's share of the container's total, in proportion to its memory.",
        "docs/figures.md",
        LIMITS,
        Some(Resource::Memory),
    ),
    rule(
        "node*",
        "The node's share of what the container has.",
        "kernel drivers/base/node.c, docs/figures.md",
        &["meminfo:$"],
        None,
    ),
];
