//! Names and forms of cgroup v1's files.

use super::{
    Level, Setting,
    memory::{Counter, Names},
};
use crate::{
    capacity::Capacity,
    host::USER_HZ,
    lines::Lines,
    scan::{self, Name},
    source::Files,
    view::time::Used,
};

/// The memory controller. The `total_` lines include the cgroups below.
pub(super) static MEMORY: Names = Names {
    limit: b"memory.limit_in_bytes",
    high: None,
    usage: b"memory.usage_in_bytes",
    swap_limit: b"memory.memsw.limit_in_bytes",
    swap_usage: b"memory.memsw.usage_in_bytes",
    swap_includes_memory: true,
    hierarchical: Some(b"memory.use_hierarchy"),
    counters: &[
        (Name::new("hierarchical_memory_limit"), Counter::EffectiveLimit),
        (Name::new("hierarchical_memsw_limit"), Counter::EffectiveSwapLimit),
        (Name::new("total_cache"), Counter::File),
        (Name::new("total_rss"), Counter::Anon),
        (Name::new("total_rss_huge"), Counter::AnonThp),
        (Name::new("total_shmem"), Counter::Shmem),
        (Name::new("total_mapped_file"), Counter::FileMapped),
        (Name::new("total_dirty"), Counter::FileDirty),
        (Name::new("total_writeback"), Counter::FileWriteback),
        (Name::new("total_swapcached"), Counter::Swapcached),
        (Name::new("total_inactive_anon"), Counter::InactiveAnon),
        (Name::new("total_active_anon"), Counter::ActiveAnon),
        (Name::new("total_inactive_file"), Counter::InactiveFile),
        (Name::new("total_active_file"), Counter::ActiveFile),
        (Name::new("total_unevictable"), Counter::Unevictable),
    ],
};

/// The cpu controller's limit at one level; `None` for none that we understand.
pub(crate) fn quota(level: &Level<'_>, files: &impl Files, scratch: &mut [u8]) -> Option<Capacity> {
    let Setting::Of(quota_usec) = level.setting(files, b"cpu.cfs_quota_us", scratch) else { return None };
    Capacity::new(quota_usec, level.number(files, b"cpu.cfs_period_us", scratch)?)
}

/// CPU time used. `cpuacct.usage` is exact; `cpuacct.stat`, which older kernels fill by sampling at ticks, says how it
/// splits: where it does not say, all of it is the user's.
pub(crate) fn used(level: &Level<'_>, files: &impl Files, scratch: &mut [u8]) -> Option<Used> {
    let total_ticks = level.number(files, b"cpuacct.usage", scratch)? / NSEC_PER_TICK;
    Some(used_by_stat(level, files, scratch).scaled_to(total_ticks))
}

const NSEC_PER_TICK: u64 = 1_000_000_000 / USER_HZ;

/// The lines of `cpuacct.stat`: `user 370`, `system 67`.
fn used_by_stat(level: &Level<'_>, files: &impl Files, scratch: &mut [u8]) -> Used {
    let mut used = Used::NONE;
    let Some(mut file) = level.open(files, b"cpuacct.stat", scratch) else { return used };
    let mut lines = Lines::new(&mut file, scratch);
    while let Some(Some(line)) = lines.next() {
        match line.whole().and_then(scan::key_value) {
            Some((b"user", ticks)) => used.user_ticks = ticks,
            Some((b"system", ticks)) => used.system_ticks = ticks,
            _ => {}
        }
    }
    used
}
