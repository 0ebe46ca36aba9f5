//! The rule of each figure in a sentence, with what it follows and the files that it goes by. docs/figures.md has them in full.

use super::limit::Resource;

/// How a figure comes about.
#[derive(Debug)]
pub(super) struct Rule {
    /// The figure's name; a `*` in it stands for anything.
    of: &'static str,
    /// One sentence.
    pub(super) sentence: &'static str,
    /// Where that is from: the kernel's source, lxcfs, a manual page.
    pub(super) reference: &'static str,
    /// How the paths of the files end that it goes by, each with the lines of it that count, `memory.stat:file,total_cache`;
    /// all that were read, where there are none. `$` stands for the figure's own key.
    pub(super) sources: &'static [&'static str],
    /// What is limited, where a cgroup can be named that did it.
    pub(super) limit: Option<Resource>,
}

impl Rule {
    /// The rule of the figure by this name.
    pub(super) fn of(name: &str) -> &'static Self {
        if let Some((_, line)) = PAGES.iter().find(|(key, _)| name.strip_prefix("vmstat.nr_") == Some(*key)) {
            return Self::of(line);
        }
        let is_of = |rule: &&Self| match rule.of.split_once('*') {
            Some((beginning, end)) => name.starts_with(beginning) && name.ends_with(end),
            None => rule.of == name,
        };
        RULES.iter().find(is_of).unwrap_or(&OTHER)
    }

    /// Whether the board tells it.
    pub(super) fn is_of_board(&self) -> bool {
        self.sources.contains(&BOARD)
    }

    /// Whether nobody but the board tells it.
    pub(super) fn is_of_board_alone(&self) -> bool {
        self.sources == [BOARD]
    }

    /// What counts of the file at `path` for the figure by this name: `None` for nothing, an empty list for all of it.
    pub(super) fn lines_of(&self, path: &str, name: &str) -> Option<Vec<String>> {
        if self.sources.is_empty() {
            return Some(Vec::new());
        }
        let is_meant = |end: &str| path.strip_suffix(end).is_some_and(|before| before.ends_with('/'));
        self.sources.iter().find_map(|source| match source.split_once(':') {
            Some((end, lines)) => {
                is_meant(end).then(|| lines.split(',').map(|line| line.replace('$', key_of(name))).collect())
            }
            None => is_meant(source).then(Vec::new),
        })
    }
}

/// What a figure's line is called: `MemFree` of `meminfo.MemFree`.
fn key_of(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, key)| key)
}

/// Lines of vmstat, without `nr_`, that count the pages of a line of meminfo.
const PAGES: [(&str, &str); 38] = [
    ("free_pages", "meminfo.MemFree"),
    ("free_pages_blocks", "meminfo.MemFree"),
    ("free_cma", "meminfo.MemFree"),
    ("zone_inactive_anon", "meminfo.Inactive(anon)"),
    ("zone_active_anon", "meminfo.Active(anon)"),
    ("zone_inactive_file", "meminfo.Inactive(file)"),
    ("zone_active_file", "meminfo.Active(file)"),
    ("zone_unevictable", "meminfo.Unevictable"),
    ("zone_write_pending", "meminfo.Dirty"),
    ("mlock", "meminfo.Unevictable"),
    ("bounce", "meminfo.Bounce"),
    ("zspages", "meminfo.Zswap"),
    ("inactive_anon", "meminfo.Inactive(anon)"),
    ("active_anon", "meminfo.Active(anon)"),
    ("inactive_file", "meminfo.Inactive(file)"),
    ("active_file", "meminfo.Active(file)"),
    ("unevictable", "meminfo.Unevictable"),
    ("slab_reclaimable", "meminfo.SReclaimable"),
    ("slab_unreclaimable", "meminfo.SUnreclaim"),
    ("anon_pages", "meminfo.AnonPages"),
    ("mapped", "meminfo.Mapped"),
    ("file_pages", "meminfo.Cached"),
    ("dirty", "meminfo.Dirty"),
    ("writeback", "meminfo.Writeback"),
    ("writeback_temp", "meminfo.WritebackTmp"),
    ("shmem", "meminfo.Shmem"),
    ("shmem_hugepages", "meminfo.ShmemHugePages"),
    ("shmem_pmdmapped", "meminfo.ShmemPmdMapped"),
    ("file_hugepages", "meminfo.FileHugePages"),
    ("file_pmdmapped", "meminfo.FilePmdMapped"),
    ("anon_transparent_hugepages", "meminfo.AnonHugePages"),
    ("vmalloc", "meminfo.VmallocUsed"),
    ("kernel_stack", "meminfo.KernelStack"),
    ("page_table_pages", "meminfo.PageTables"),
    ("sec_page_table_pages", "meminfo.SecPageTables"),
    ("swapcached", "meminfo.SwapCached"),
    ("dirty_threshold", "meminfo.MemTotal"),
    ("dirty_background_threshold", "meminfo.MemTotal"),
];

/// Stands for the board among the sources.
const BOARD: &str = "board";

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
    "memory.stat:active_file,inactive_file,slab_reclaimable,total_active_file,total_inactive_file",
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
    "1/stat",
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

/// A line of meminfo that is a counter of the cgroup's.
const fn counter(of: &'static str, sources: &'static [&'static str]) -> Rule {
    rule(of, "The cgroup's counter, at most the total.", MEMINFO, sources, None)
}

/// A line that no cgroup has a figure for.
const fn zero(of: &'static str) -> Rule {
    rule(of, "0: no cgroup has any.", MEMINFO, &["proc/meminfo:$"], None)
}

/// A line that is the machine's.
const fn machines(of: &'static str) -> Rule {
    rule(of, "The machine's: a constant of the hardware or of the kernel.", MEMINFO, &["proc/meminfo:$"], None)
}

static OTHER: Rule = rule("*", "The machine's.", "docs/figures.md", &[], None);

#[rustfmt::skip]
static RULES: &[Rule] = &[
    rule("cgroup.*", "The scope: the cgroup that was asked for; else that of pid 1, where the own one is in it; else the own one.", "docs/figures.md, lxcfs lookup_initpid_in_store", &[], None),

    rule("memory.total", "The least memory limit of the cgroup and of those above it.", "lxcfs get_min_memlimit", LIMITS, Some(Resource::Memory)),
    rule("memory.free", "The least of limit − usage over the cgroups that have a limit.", "lxcfs proc_meminfo_read, without its wrapping", LIMITS_AND_USE, Some(Resource::MemoryLeft)),
    rule("memory.available", "Free and what the kernel can reclaim: active_file + inactive_file + slab_reclaimable, at most the total.", "kernel si_mem_available, lxcfs since 6.0.6", AVAILABLE, Some(Resource::MemoryLeft)),
    rule("memory.block", "All the memory as one block.", "kernel drivers/base/memory.c", LIMITS, Some(Resource::Memory)),
    rule("swap.total", "The least swap limit of the cgroup and of those above it (version 1: memsw − memory), at most the machine's.", "lxcfs get_swap_info", SWAP, Some(Resource::Swap)),
    rule("swap.free", "The least of what the cgroup, those above it and the machine have left.", "lxcfs get_swap_info, without its wrapping", SWAP, Some(Resource::Swap)),
    rule("swap.used", "Swap total − swap free.", "proc_meminfo(5)", SWAP, None),

    rule("meminfo.MemTotal", "The least memory limit of the cgroup and of those above it.", "lxcfs get_min_memlimit", LIMITS, Some(Resource::Memory)),
    rule("meminfo.MemFree", "The least of limit − usage over the cgroups that have a limit.", "lxcfs proc_meminfo_read, without its wrapping", LIMITS_AND_USE, Some(Resource::MemoryLeft)),
    rule("meminfo.MemAvailable", "Free and what the kernel can reclaim: active_file + inactive_file + slab_reclaimable, at most the total.", "kernel si_mem_available, lxcfs since 6.0.6", AVAILABLE, Some(Resource::MemoryLeft)),
    zero("meminfo.Buffers"),
    rule("meminfo.Cached", "The cgroup's file pages, at most what is in use.", MEMINFO, &["memory.stat:file,total_cache"], None),
    counter("meminfo.SwapCached", &["memory.stat:swapcached,total_swapcached"]),
    counter("meminfo.Active", &["memory.stat:active_anon,active_file,total_active_anon,total_active_file"]),
    counter("meminfo.Inactive", &["memory.stat:inactive_anon,inactive_file,total_inactive_anon,total_inactive_file"]),
    counter("meminfo.Active(anon)", &["memory.stat:active_anon,total_active_anon"]),
    counter("meminfo.Inactive(anon)", &["memory.stat:inactive_anon,total_inactive_anon"]),
    counter("meminfo.Active(file)", &["memory.stat:active_file,total_active_file"]),
    counter("meminfo.Inactive(file)", &["memory.stat:inactive_file,total_inactive_file"]),
    counter("meminfo.Unevictable", &["memory.stat:unevictable,total_unevictable"]),
    rule("meminfo.Mlocked", "The machine's, at most what the cgroup has unevictable.", MEMINFO, &["memory.stat:unevictable,total_unevictable", "proc/meminfo:Mlocked"], None),
    rule("meminfo.SwapTotal", "The least swap limit of the cgroup and of those above it (version 1: memsw − memory), at most the machine's.", "lxcfs get_swap_info", SWAP, Some(Resource::Swap)),
    rule("meminfo.SwapFree", "The least of what the cgroup, those above it and the machine have left.", "lxcfs get_swap_info, without its wrapping", SWAP, Some(Resource::Swap)),
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
    rule("meminfo.CommitLimit", "The machine's, at most the total of memory and swap.", MEMINFO, &["proc/meminfo:CommitLimit"], None),
    rule("meminfo.Committed_AS", "The machine's, at most the total of memory and swap.", MEMINFO, &["proc/meminfo:Committed_AS"], None),
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

    rule("cpus.count", "The CPUs of the cpuset, at most the least quota rounded up.", "lxcfs max_cpu_count", CPUS, Some(Resource::Cpus)),
    rule("cpus.online", "The first N CPUs of the cpuset, under their own numbers; N is the least quota rounded up.", "lxcfs max_cpu_count, without its renumbering", CPUS, Some(Resource::Cpus)),
    rule("cpus.quota", "The least quota ÷ period of the cgroup and of those above it.", "lxcfs get_min_cpu_count_cfs", QUOTAS, Some(Resource::Quota)),
    rule("cpus.capacity", "What may be used: the least quota, or the CPUs of the cpuset where none is less.", "docs/figures.md", CPUS, Some(Resource::Capacity)),
    rule("cpuinfo.*", "Counted over the CPUs that are shown.", "kernel arch/x86/kernel/cpu/proc.c", CPUS, None),
    rule("cpu*", "The kernel's list, as far as its CPUs are shown.", "kernel drivers/base/topology.c", CPUS, None),

    rule("time.user", "CPU time of the scope in user mode.", "kernel cgroup_base_stat_cputime_show, cpuacct_stats_show", TIMES, None),
    rule("time.system", "CPU time of the scope in the kernel.", "kernel cgroup_base_stat_cputime_show, cpuacct_stats_show", TIMES, None),
    rule("time.nice", "0: no cgroup counts it apart from user time.", "proc_stat(5)", TIMES, None),
    rule("time.idle", "What the scope could have used since its beginning − user − system.", "docs/figures.md", IDLE, None),
    rule("time.boot", "The machine's, since start times of processes are on that clock; the container's by CGPROC_BTIME=container.", "proc_stat(5)", &["proc/stat:btime"], None),
    rule("uptime", "Time since the scope's first process began.", "kernel fs/proc/uptime.c, lxcfs get_reaper_start_time", &["stat"], None),
    rule("uptime.idle", "As time.idle: what the scope could have used and did not.", "kernel fs/proc/uptime.c", IDLE, None),

    rule("load.threads", "Threads of the scope, by the board or at this moment, whichever are more.", "kernel fs/proc/loadavg.c", &["pids.current", BOARD], None),
    rule("load.running", "Threads of the scope that run or wait for a CPU, at least the one that asks.", "kernel fs/proc/stat.c", &[BOARD], None),
    rule("load.blocked", "Threads of the scope that wait uninterruptibly.", "kernel fs/proc/stat.c", &[BOARD], None),
    rule("load.*", "The kernel's average over the scope's running and blocked threads, kept by the sampler.", "kernel calc_load", &[BOARD], None),

    no_source("diskstats.*_time"),
    no_source("diskstats.*_merged"),
    no_source("diskstats.*.in_flight"),
    no_source("diskstats.*.flushes"),
    rule("diskstats.*", "What the scope did with the device; devices that it did not use are not shown.", "kernel block/genhd.c, block/blk-throttle.c", &[], None),
    rule("partitions.*", "The kernel's line, for devices that the scope used.", "kernel block/genhd.c", &[], None),
    rule("vmstat.pgpgin", "What the scope read from disks; the machine's where nobody counts that.", "kernel mm/vmstat.c, block/blk-cgroup.c", BYTES, None),
    rule("vmstat.pgpgout", "What the scope wrote to disks; the machine's where nobody counts that.", "kernel mm/vmstat.c, block/blk-cgroup.c", BYTES, None),
    rule("vmstat.oom_kill", "Processes of the scope that were killed for want of memory.", "kernel mm/memcontrol.c", &["memory.events:$", "memory.oom_control:$"], None),
    rule("vmstat.nr_*", "The machine's: no cgroup counts it.", "kernel mm/vmstat.c", &["proc/vmstat:$"], None),
    rule("vmstat.*", "The scope's, where memory.stat has it under the same name; else the machine's.", "kernel mm/vmstat.c, mm/memcontrol.c", &["memory.stat:$,total_$", "proc/vmstat:$"], None),
    rule("pressure.*", "The scope's own file stands in the place of the kernel's.", "kernel Documentation/accounting/psi.rst", &[], None),
    rule("pid_max", "The least pids.max of the cgroup and of those above it, at most the machine's.", "kernel kernel/cgroup/pids.c", &["pids.max"], Some(Resource::Pids)),
    rule("threads-max", "The least pids.max of the cgroup and of those above it, at most the machine's.", "kernel kernel/cgroup/pids.c", &["pids.max"], Some(Resource::Pids)),
    rule("disk.*", "The size that CGPROC_DISK names; used is what the sampler measured of the container's files, free at most the machine's.", "statfs(2), docs/figures.md", &[BOARD], Some(Resource::Disk)),
    rule("node*.cpulist", "The kernel's list, as far as its CPUs are shown.", "kernel drivers/base/node.c", CPUS, None),
    rule("node*.MemTotal", "The node's share of the container's total, as its memory is to that of all nodes.", "docs/figures.md", LIMITS, Some(Resource::Memory)),
    rule("node*", "The node's share of what the container has.", "kernel drivers/base/node.c, docs/figures.md", &["meminfo:$"], None),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_fits() {
        let sentence = |name| Rule::of(name).sentence;
        assert!(sentence("meminfo.Cached").starts_with("The cgroup's file pages"));
        assert!(sentence("meminfo.Unheard_Of").starts_with("The machine's, at most"));
        assert!(sentence("cpu3.core_cpus_list").starts_with("The kernel's list"));
        assert!(sentence("cpus.count").starts_with("The CPUs of the cpuset"));
        assert!(sentence("load.5min").starts_with("The kernel's average"));
        assert!(sentence("diskstats.sda.read_time").starts_with("0:"));
        assert!(sentence("diskstats.sda.read").starts_with("What the scope did"));
        assert!(sentence("load.running").starts_with("Threads of the scope that run"));
    }

    #[test]
    fn what_counts_of_a_file() {
        let lines = |name, path| Rule::of(name).lines_of(path, name).map(|lines| lines.join(" "));
        let all = Some(String::new());
        assert_eq!(lines("meminfo.Cached", "/c/memory.stat").as_deref(), Some("file total_cache"));
        assert_eq!(lines("meminfo.Cached", "/c/memory.max"), None);
        assert_eq!(lines("meminfo.Hugepagesize", "/proc/meminfo").as_deref(), Some("Hugepagesize"));
        assert_eq!(lines("vmstat.pgfault", "/c/memory.stat").as_deref(), Some("pgfault total_pgfault"));
        assert_eq!(lines("vmstat.nr_mapped", "/c/memory.stat").as_deref(), Some("file_mapped total_mapped_file"));
        assert_eq!(lines("pid_max", "/c/pids.max"), all);
        assert_eq!(lines("pid_max", "/c/my-pids.max"), None);
        assert_eq!(lines("time.idle", "/proc/1/stat"), all);
        assert_eq!(lines("time.idle", "/proc/stat"), None);
        assert_eq!(lines("pressure.io.some.total", "/c/io.pressure"), all);
    }

    #[test]
    fn every_rule_is_a_sentence() {
        for rule in RULES {
            assert!(rule.sentence.ends_with('.') && !rule.reference.is_empty(), "{}", rule.of);
        }
    }
}
