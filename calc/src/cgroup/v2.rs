//! Names and forms of cgroup v2's files.

use super::{
    Level,
    cpu::Used,
    memory::{Counter, Names},
};
use crate::{
    capacity::Capacity,
    host::USEC_PER_TICK,
    lines::Lines,
    scan::{self, Name},
    source::Files,
};

/// The memory controller.
pub(super) static MEMORY: Names = Names {
    limit: Name::new("memory.max"),
    high: Some(Name::new("memory.high")),
    usage: Name::new("memory.current"),
    swap_limit: Name::new("memory.swap.max"),
    swap_usage: Name::new("memory.swap.current"),
    swap_includes_memory: false,
    hierarchical: None,
};

/// Lines of `memory.stat`, in the kernel's order.
pub(super) static COUNTERS: [(Name, Counter); 24] = [
    (Name::new("anon"), Counter::Anon),
    (Name::new("file"), Counter::File),
    (Name::new("kernel_stack"), Counter::KernelStack),
    (Name::new("pagetables"), Counter::Pagetables),
    (Name::new("sec_pagetables"), Counter::SecPagetables),
    (Name::new("percpu"), Counter::Percpu),
    (Name::new("vmalloc"), Counter::Vmalloc),
    (Name::new("shmem"), Counter::Shmem),
    (Name::new("zswap"), Counter::Zswap),
    (Name::new("zswapped"), Counter::Zswapped),
    (Name::new("file_mapped"), Counter::FileMapped),
    (Name::new("file_dirty"), Counter::FileDirty),
    (Name::new("file_writeback"), Counter::FileWriteback),
    (Name::new("swapcached"), Counter::Swapcached),
    (Name::new("anon_thp"), Counter::AnonThp),
    (Name::new("file_thp"), Counter::FileThp),
    (Name::new("shmem_thp"), Counter::ShmemThp),
    (Name::new("inactive_anon"), Counter::InactiveAnon),
    (Name::new("active_anon"), Counter::ActiveAnon),
    (Name::new("inactive_file"), Counter::InactiveFile),
    (Name::new("active_file"), Counter::ActiveFile),
    (Name::new("unevictable"), Counter::Unevictable),
    (Name::new("slab_reclaimable"), Counter::SlabReclaimable),
    (Name::new("slab_unreclaimable"), Counter::SlabUnreclaimable),
];

/// The cpu controller's limit at one level, `cpu.max`: `max 100000` or `150000 100000`; `None` for none that we understand.
pub(crate) fn quota(level: &Level<'_>, files: &impl Files, scratch: &mut [u8]) -> Option<Capacity> {
    let (quota, period) = scan::split_at_byte(level.text(files, b"cpu.max", scratch)?, b' ')?;
    Capacity::new(scan::whole_number(quota)?, scan::whole_number(period)?)
}

/// CPU time used: `user_usec` and `system_usec` of `cpu.stat`, which every cgroup has; `nice_usec` since Linux 6.13, which is in
/// `user_usec` too (`cgroup_base_stat_cputime_show`, kernel/cgroup/rstat.c). The kernel adjusts the two one by one.
pub(crate) fn used(level: &Level<'_>, files: &impl Files, scratch: &mut [u8]) -> Option<Used> {
    let mut file = level.open(files, b"cpu.stat", scratch)?;
    let mut lines = Lines::new(&mut file, scratch);
    let (mut user, mut nice, mut system) = (None, 0, None);
    while let Some(line) = lines.next()? {
        match line.whole().and_then(scan::key_value) {
            Some((b"user_usec", usec)) => user = Some(usec),
            Some((b"nice_usec", usec)) => nice = usec,
            Some((b"system_usec", usec)) => system = Some(usec),
            _ => {}
        }
    }
    let all_ticks = user? / USEC_PER_TICK;
    let nice_ticks = (nice / USEC_PER_TICK).min(all_ticks);
    Some(Used { user_ticks: all_ticks.saturating_sub(nice_ticks), nice_ticks, system_ticks: system? / USEC_PER_TICK })
}
