//! Names and forms of cgroup v1's files.

use super::{
    Level, Setting,
    cpu::Used,
    memory::{Counter, Names},
};
use crate::{
    capacity::{Capacity, scale},
    host::USER_HZ,
    lines::Lines,
    scan::{self, Name},
    source::Files,
};
use core::num::NonZero;

/// The memory controller. The `total_` lines include the cgroups below.
pub(super) static MEMORY: Names = Names {
    limit: Name::new("memory.limit_in_bytes"),
    high: None,
    usage: Name::new("memory.usage_in_bytes"),
    swap_limit: Name::new("memory.memsw.limit_in_bytes"),
    swap_usage: Name::new("memory.memsw.usage_in_bytes"),
    swap_includes_memory: true,
    hierarchical: Some(Name::new("memory.use_hierarchy")),
};

/// Lines of `memory.stat`, in the kernel's order.
pub(super) static COUNTERS: [(Name, Counter); 15] = [
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
];

/// The cpu controller's limit at one level; `None` for none that we understand.
pub(crate) fn quota(level: &Level<'_>, files: &impl Files, scratch: &mut [u8]) -> Option<Capacity> {
    let Setting::Of(quota_usec) = level.setting(files, b"cpu.cfs_quota_us", scratch) else { return None };
    Capacity::new(quota_usec, level.number(files, b"cpu.cfs_period_us", scratch)?)
}

/// CPU time used. `cpuacct.usage` is exact; `cpuacct.stat`, which older kernels fill by sampling at ticks, says how it
/// splits: where it does not say, all of it is the user's.
pub(crate) fn used(level: &Level<'_>, files: &impl Files, scratch: &mut [u8]) -> Option<Used> {
    let total_ticks = level.number(files, b"cpuacct.usage", scratch)? / NSEC_PER_TICK;
    let (user, system) = used_by_stat(level, files, scratch);
    let whole = NonZero::new(user.saturating_add(system));
    let user_ticks = whole.map_or(total_ticks, |whole| scale(total_ticks, user, whole));
    Some(Used { user_ticks, nice_ticks: 0, system_ticks: total_ticks.saturating_sub(user_ticks) })
}

const NSEC_PER_TICK: u64 = 1_000_000_000 / USER_HZ;

/// The lines of `cpuacct.stat`: `user 370`, `system 67`.
fn used_by_stat(level: &Level<'_>, files: &impl Files, scratch: &mut [u8]) -> (u64, u64) {
    let (mut user, mut system) = (0, 0);
    let Some(mut file) = level.open(files, b"cpuacct.stat", scratch) else { return (user, system) };
    let mut lines = Lines::new(&mut file, scratch);
    while let Some(Some(line)) = lines.next() {
        match line.whole().and_then(scan::key_value) {
            Some((b"user", ticks)) => user = ticks,
            Some((b"system", ticks)) => system = ticks,
            _ => {}
        }
    }
    (user, system)
}
