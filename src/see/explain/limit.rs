//! Which cgroup imposed a limit: found in the record of the calculation that went by it.

use crate::see::recorder::Read;
use calc::{board::Above, cpus::CpuSet, settings::LEAST_BYTES};
use serde::Serialize;
use std::{fs, os::unix::fs::MetadataExt, path::Path};

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// How much memory there may be.
    Memory,
    /// How much of it is left.
    MemoryLeft,
    Swap,
    /// CPU time per period.
    Quota,
    /// Which CPUs, by the cpuset and the quota.
    Cpus,
    /// CPU time, by the quota or the number of CPUs.
    Capacity,
    Pids,
    /// Room on the root's file system.
    Disk,
}

/// Who imposed a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", content = "name", rename_all = "snake_case")]
pub(super) enum Imposer {
    /// The cgroup with this directory.
    Cgroup(String),
    /// A cgroup above what is in sight: by the board, or by version 1's `hierarchical_memory_limit`.
    OutOfSight(&'static str),
    /// A setting.
    Setting(&'static str),
}

/// The files of one cgroup that were read.
struct Level<'r> {
    directory: &'r str,
    files: Vec<&'r Read>,
}

impl<'r> Level<'r> {
    /// The cgroups whose files were read, in the order of the calculation: upward.
    fn all(reads: &'r [Read]) -> Vec<Self> {
        let mut levels: Vec<Self> = Vec::new();
        for read in reads {
            match levels.iter_mut().find(|level| level.directory == read.directory()) {
                Some(level) => level.files.push(read),
                None => levels.push(Self { directory: read.directory(), files: vec![read] }),
            }
        }
        levels
    }

    fn text(&self, name: &str) -> Option<&'r str> {
        self.files.iter().find(|read| read.name() == name).map(|read| read.text.trim())
    }

    /// A limit's number; none for `max`, and for the number that version 1 has in its place.
    fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok().filter(|number: &u64| *number < 1 << 62)
    }

    fn imposer(&self) -> Imposer {
        Imposer::Cgroup(self.directory.to_owned())
    }

    /// Version 1: whether it stands above the end of the chain, and binds nobody below.
    fn binds(&self) -> bool {
        self.text("memory.use_hierarchy") != Some("0")
    }

    /// Version 1: the least limit of this cgroup and all above it, which `memory.stat` tells.
    fn effective_limit(&self) -> Option<&'r str> {
        self.text("memory.stat")?.lines().find_map(|line| line.strip_prefix("hierarchical_memory_limit "))
    }

    /// Those that it may run on; the machine's, where no cgroup says any.
    fn cpus(&self) -> Option<CpuSet> {
        [CPUSETS, &["online"]].concat().into_iter().filter_map(|name| self.text(name)).find_map(cpus_of_list)
    }

    fn memory_limit(&self) -> Option<u64> {
        let limits = ["memory.max", "memory.high", "memory.limit_in_bytes"];
        let shown = limits.into_iter().filter_map(|name| self.number(name)).filter(|limit| *limit >= LEAST_BYTES);
        shown.min().filter(|_| self.binds())
    }

    fn memory_left(&self) -> Option<u64> {
        let usage = ["memory.current", "memory.usage_in_bytes"].into_iter().find_map(|name| self.number(name));
        Some(self.memory_limit()?.saturating_sub(usage?))
    }

    /// Of swap alone.
    fn swap_limit(&self) -> Option<u64> {
        let both = self.number("memory.memsw.limit_in_bytes").filter(|_| self.binds());
        let alone = || Some(both?.saturating_sub(self.number("memory.limit_in_bytes")?));
        self.number("memory.swap.max").or_else(alone)
    }

    /// CPU time and its period.
    fn quota(&self) -> Option<(u64, u64)> {
        let v2 = self.text("cpu.max").and_then(|text| text.split_once(' '));
        let v1 = || self.text("cpu.cfs_quota_us").zip(self.text("cpu.cfs_period_us"));
        let (quota, period) = v2.or_else(v1)?;
        quota.parse().ok().zip(period.parse().ok())
    }
}

/// The files that hold the CPUs of a cgroup, the best first.
const CPUSETS: &[&str] = &["cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus", "effective_cpus", "cpus"];

fn cpus_of_list(list: &str) -> Option<CpuSet> {
    CpuSet::parse(list.trim().as_bytes()).filter(|set| *set != CpuSet::EMPTY)
}

/// The CPUs of the cgroup in this directory.
fn cpus_of(directory: &Path) -> Option<CpuSet> {
    CPUSETS.iter().find_map(|name| cpus_of_list(&fs::read_to_string(directory.join(name)).ok()?))
}

/// The first level with the least of what `limit` says, and that.
fn least<'l, 'r, T>(
    levels: &'l [Level<'r>],
    limit: impl Fn(&Level<'r>) -> Option<T>,
    is_less: impl Fn(&T, &T) -> bool,
) -> Option<(T, &'l Level<'r>)> {
    let limited = levels.iter().filter_map(|level| Some((limit(level)?, level)));
    limited.reduce(|least, next| if is_less(&next.0, &least.0) { next } else { least })
}

/// What the calculation goes by beside the files.
pub(super) struct Beside<'v> {
    /// The limits out of sight.
    pub(super) above: &'v Above,
    /// Whether an amount of memory is declared.
    pub(super) has_memory: bool,
    /// Whether a number of CPUs is declared.
    pub(super) has_cpus: bool,
    /// The CPUs that are shown.
    pub(super) online: Option<CpuSet>,
}

/// Whoever the board tells of.
pub(super) const BOARD: Imposer = Imposer::OutOfSight("the board");

/// Who imposed the limit of `resource` by which a figure was calculated that read `reads`.
pub(super) fn imposer(resource: Resource, reads: &[Read], beside: &Beside<'_>) -> Option<Imposer> {
    let levels = Level::all(reads);
    let above = beside.above;
    match resource {
        Resource::Memory | Resource::MemoryLeft if beside.has_memory => Some(Imposer::Setting("CGPROC_MEMORY")),
        Resource::Memory | Resource::MemoryLeft if is_alone(&levels) => effective_memory(&levels),
        Resource::Memory => least_bytes(&levels, Level::memory_limit, above.memory_limit_bytes),
        Resource::MemoryLeft => least_bytes(&levels, Level::memory_left, above.memory_free_bytes),
        Resource::Swap => least_bytes(&levels, Level::swap_limit, above.swap_limit_bytes),
        Resource::Pids => least_bytes(&levels, |level| level.number("pids.max").filter(|most| *most > 0), u64::MAX),
        Resource::Quota if beside.has_cpus => Some(Imposer::Setting("CGPROC_CPUS")),
        Resource::Quota => least_quota(&levels, above).map(|(_, imposer)| imposer),
        Resource::Disk => Some(Imposer::Setting("CGPROC_DISK")),
        Resource::Cpus => cpus(&levels, beside),
        Resource::Capacity => quota_below(beside.online?.count(), &levels, beside).or_else(|| cpus(&levels, beside)),
    }
}

/// The least quota that a calculation found which read `reads`, in CPUs.
pub(super) fn quota_cpus(reads: &[Read], above: &Above) -> Option<f64> {
    least_quota(&Level::all(reads), above).map(|((quota, period), _)| quota as f64 / period as f64)
}

/// The CPUs of the cpuset that a calculation found which read `reads`.
pub(super) fn allowed_cpus(reads: &[Read], above: &Above) -> Option<CpuSet> {
    let mut allowed = Level::all(reads).iter().find_map(Level::cpus)?;
    above.narrow(&mut allowed);
    Some(allowed)
}

/// The level with the least limit, unless that above is no more; `u64::MAX` for none.
fn least_bytes<'r>(levels: &[Level<'r>], limit: impl Fn(&Level<'r>) -> Option<u64>, above: u64) -> Option<Imposer> {
    let least = least(levels, limit, |one, other| one < other).filter(|(least, _)| *least < above);
    least.map(|(_, level)| level.imposer()).or((above < u64::MAX).then_some(BOARD))
}

fn least_quota(levels: &[Level<'_>], above: &Above) -> Option<((u64, u64), Imposer)> {
    let is_less = |one: &(u64, u64), other: &(u64, u64)| {
        u128::from(one.0) * u128::from(other.1) < u128::from(other.0) * u128::from(one.1)
    };
    let above = above.quota().map(|quota| (quota.quota_usec, quota.period_usec));
    let least = least(levels, Level::quota, is_less);
    let least = least.filter(|(least, _)| above.is_none_or(|above| is_less(least, &above)));
    least.map(|(quota, level)| (quota, level.imposer())).or(above.map(|above| (above, BOARD)))
}

/// The quota that allows less than `count` CPUs do.
fn quota_below(count: u64, levels: &[Level<'_>], beside: &Beside<'_>) -> Option<Imposer> {
    let is_less = |(quota, period): &(u64, u64)| *quota < period.saturating_mul(count);
    let declared = beside.has_cpus.then_some(Imposer::Setting("CGPROC_CPUS"));
    declared
        .or_else(|| least_quota(levels, beside.above).filter(|(quota, _)| is_less(quota)).map(|(_, imposer)| imposer))
}

/// Version 1, where one cgroup is all there is to see: its counters were read before its limit.
fn is_alone(levels: &[Level<'_>]) -> bool {
    levels.iter().any(|level| level.effective_limit().is_some() && level.text("memory.limit_in_bytes").is_none())
}

/// Its `memory.stat` has the least limit of those above too.
fn effective_memory(levels: &[Level<'_>]) -> Option<Imposer> {
    let (level, effective) = levels.iter().find_map(|level| Some((level, level.effective_limit()?)))?;
    let own = fs::read_to_string(Path::new(level.directory).join("memory.limit_in_bytes")).ok();
    let is_own = own.is_some_and(|own| own.trim() == effective);
    Some(if is_own { level.imposer() } else { Imposer::OutOfSight("hierarchical_memory_limit") })
}

/// What cuts down the CPUs: their number, by a quota, or the set of those that are allowed.
fn cpus(levels: &[Level<'_>], beside: &Beside<'_>) -> Option<Imposer> {
    let (level, allowed) = levels.iter().find_map(|level| Some((level, level.cpus()?)))?;
    let mut left = allowed;
    beside.above.narrow(&mut left);
    if beside.online?.count() < left.count() {
        return imposer_of_count(levels, beside);
    }
    if left != allowed {
        return Some(BOARD);
    }
    // No cgroup has more than the one above it.
    let highest = Path::new(level.directory).ancestors().take_while(|it| cpus_of(it) == Some(allowed)).last()?;
    let is_of_all = fs::metadata(highest).is_ok_and(|top| top.ino() == 1);
    (!is_of_all).then(|| Imposer::Cgroup(highest.display().to_string()))
}

/// What makes the CPUs fewer than the cpuset leaves.
fn imposer_of_count(levels: &[Level<'_>], beside: &Beside<'_>) -> Option<Imposer> {
    let shown = beside.online?.count();
    if beside.has_cpus {
        return Some(Imposer::Setting("CGPROC_CPUS"));
    }
    let by_quota = least_quota(levels, beside.above).filter(|((quota, period), _)| quota.div_ceil(*period) == shown);
    let has_weight = |level: &&Level<'_>| ["cpu.weight", "cpu.shares"].iter().any(|name| level.text(name).is_some());
    by_quota.map(|(_, imposer)| imposer).or_else(|| levels.iter().find(has_weight).map(Level::imposer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(files: &[(&str, &str)]) -> Vec<Read> {
        files.iter().map(|(path, text)| Read { path: format!("/c{path}"), text: (*text).to_owned() }).collect()
    }

    fn beside(above: &Above) -> Beside<'_> {
        Beside { above, has_memory: false, has_cpus: false, online: CpuSet::parse(b"0") }
    }

    /// The cgroup that imposed the limit, or what else did.
    fn found(resource: Resource, files: &[(&str, &str)], beside: &Beside<'_>) -> Option<String> {
        imposer(resource, &reads(files), beside).map(|imposer| match imposer {
            Imposer::Cgroup(directory) => directory,
            Imposer::OutOfSight(name) | Imposer::Setting(name) => name.to_owned(),
        })
    }

    fn plainly(resource: Resource, files: &[(&str, &str)]) -> Option<String> {
        found(resource, files, &beside(&Above::NONE))
    }

    #[test]
    fn the_least_of_the_chain() {
        let files = [("/a/b/memory.max", "max\n"), ("/a/memory.max", "200000000\n"), ("/memory.max", "300000000\n")];
        assert_eq!(plainly(Resource::Memory, &files).as_deref(), Some("/c/a"));
        let equal = [("/a/b/memory.max", "200000000\n"), ("/a/memory.max", "200000000\n")];
        assert_eq!(plainly(Resource::Memory, &equal).as_deref(), Some("/c/a/b"));
        let pids = [("/a/b/pids.max", "20\n"), ("/a/pids.max", "max\n"), ("/pids.max", "9\n")];
        assert_eq!(plainly(Resource::Pids, &pids).as_deref(), Some("/c"));
        assert_eq!(plainly(Resource::Memory, &[("/a/memory.max", "max\n")]), None);
        let none = [("/a/memory.limit_in_bytes", "9223372036854771712\n")];
        assert_eq!(plainly(Resource::Memory, &none), None);
    }

    #[test]
    fn a_level_above_the_end_of_the_chain_binds_nobody() {
        let files = [
            ("/a/b/memory.limit_in_bytes", "200000000\n"),
            ("/a/memory.limit_in_bytes", "100000000\n"),
            ("/a/memory.use_hierarchy", "0\n"),
        ];
        assert_eq!(plainly(Resource::Memory, &files).as_deref(), Some("/c/a/b"));
        assert_eq!(plainly(Resource::Memory, &files[..2]).as_deref(), Some("/c/a"));
    }

    #[test]
    fn what_is_left_may_be_left_elsewhere() {
        let files = [
            ("/a/b/memory.max", "100000000\n"),
            ("/a/b/memory.current", "30000000\n"),
            ("/a/memory.max", "200000000\n"),
            ("/a/memory.current", "190000000\n"),
        ];
        assert_eq!(plainly(Resource::Memory, &files).as_deref(), Some("/c/a/b"));
        assert_eq!(plainly(Resource::MemoryLeft, &files).as_deref(), Some("/c/a"));
    }

    #[test]
    fn swap_alone_counts() {
        let v1 = [
            ("/a/b/memory.limit_in_bytes", "100\n"),
            ("/a/b/memory.memsw.limit_in_bytes", "300\n"),
            ("/a/memory.limit_in_bytes", "500\n"),
            ("/a/memory.memsw.limit_in_bytes", "600\n"),
        ];
        assert_eq!(plainly(Resource::Swap, &v1).as_deref(), Some("/c/a"));
        let v2 = [("/a/b/memory.swap.max", "5\n"), ("/a/memory.swap.max", "6\n")];
        assert_eq!(plainly(Resource::Swap, &v2).as_deref(), Some("/c/a/b"));
    }

    #[test]
    fn quotas_are_compared_by_their_share() {
        let v2 = [("/a/b/cpu.max", "300000 200000\n"), ("/a/cpu.max", "10000 10000\n"), ("/cpu.max", "max 100000\n")];
        assert_eq!(plainly(Resource::Quota, &v2).as_deref(), Some("/c/a"));
        let v1 = [("/a/b/cpu.cfs_quota_us", "-1\n"), ("/a/cpu.cfs_quota_us", "5\n"), ("/a/cpu.cfs_period_us", "9\n")];
        assert_eq!(plainly(Resource::Quota, &v1).as_deref(), Some("/c/a"));
    }

    #[test]
    fn out_of_sight_and_declared() {
        let files = [("/a/memory.max", "200000000\n"), ("/a/cpu.max", "200000 100000\n")];
        let of = |resource, memory_limit_bytes, quota_usec| {
            let above = Above { memory_limit_bytes, quota_usec, period_usec: 100_000, ..Above::NONE };
            found(resource, &files, &beside(&above)).unwrap()
        };
        assert_eq!(of(Resource::Memory, 201_000_000, 0), "/c/a");
        assert_eq!(of(Resource::Memory, 200_000_000, 0), "the board");
        assert_eq!(of(Resource::Quota, 0, 300_000), "/c/a");
        assert_eq!(of(Resource::Quota, 0, 100_000), "the board");
        let declared = Beside { has_memory: true, has_cpus: true, ..beside(&Above::NONE) };
        assert_eq!(found(Resource::Memory, &files, &declared).as_deref(), Some("CGPROC_MEMORY"));
        assert_eq!(found(Resource::Quota, &files, &declared).as_deref(), Some("CGPROC_CPUS"));
    }

    #[test]
    fn the_one_cgroup_in_sight_tells_of_those_above() {
        let all = [("/a/memory.stat", "hierarchical_memory_limit 200000000\n")];
        assert_eq!(plainly(Resource::Memory, &all).as_deref(), Some("hierarchical_memory_limit"));
        let chain = [("/a/memory.limit_in_bytes", "-1\n"), ("/memory.limit_in_bytes", "200000000\n"), all[0]];
        assert_eq!(plainly(Resource::Memory, &chain).as_deref(), Some("/c"));
    }

    #[test]
    fn a_number_of_cpus_is_the_quotas_or_the_weights() {
        let files = [("/a/cpu.max", "50000 100000\n"), ("/a/cpuset.cpus.effective", "0-3\n")];
        assert_eq!(plainly(Resource::Cpus, &files).as_deref(), Some("/c/a"));
        assert_eq!(plainly(Resource::Capacity, &files).as_deref(), Some("/c/a"));
        let files = [("/s/cpu.max", "200000 100000\n"), ("/s/cpu.weight", "39\n"), ("/a/cpuset.cpus", "0-3\n")];
        assert_eq!(plainly(Resource::Cpus, &files).as_deref(), Some("/c/s"));
        assert_eq!(plainly(Resource::Cpus, &[("/s/online", "0-3\n"), ("/a/cpuset.cpus", "\n")]), None);
        let above = Above { cpus: [1, 0, 0, 0, 0, 0, 0, 0], ..Above::NONE };
        let shown = found(Resource::Cpus, &[("/a/cpuset.cpus", "0-3\n")], &beside(&above));
        assert_eq!(shown.as_deref(), Some("the board"));
    }
}
