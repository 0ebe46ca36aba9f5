//! Names and forms of cgroup v2's files.

use super::{
    Level,
    memory::{Counter, Names},
};
use crate::{
    host::USEC_PER_TICK,
    lines::Lines,
    scan,
    source::Files,
    view::{cpu::Capacity, time::Used},
};

/// The memory controller.
pub(super) static MEMORY: Names = Names {
    limit: b"memory.max",
    usage: b"memory.current",
    swap_limit: b"memory.swap.max",
    swap_usage: b"memory.swap.current",
    swap_includes_memory: false,
    hierarchical: None,
    counters: &[
        (b"anon", Counter::Anon),
        (b"file", Counter::File),
        (b"kernel_stack", Counter::KernelStack),
        (b"pagetables", Counter::Pagetables),
        (b"sec_pagetables", Counter::SecPagetables),
        (b"percpu", Counter::Percpu),
        (b"vmalloc", Counter::Vmalloc),
        (b"shmem", Counter::Shmem),
        (b"zswap", Counter::Zswap),
        (b"zswapped", Counter::Zswapped),
        (b"file_mapped", Counter::FileMapped),
        (b"file_dirty", Counter::FileDirty),
        (b"file_writeback", Counter::FileWriteback),
        (b"swapcached", Counter::Swapcached),
        (b"anon_thp", Counter::AnonThp),
        (b"file_thp", Counter::FileThp),
        (b"shmem_thp", Counter::ShmemThp),
        (b"inactive_anon", Counter::InactiveAnon),
        (b"active_anon", Counter::ActiveAnon),
        (b"inactive_file", Counter::InactiveFile),
        (b"active_file", Counter::ActiveFile),
        (b"unevictable", Counter::Unevictable),
        (b"slab_reclaimable", Counter::SlabReclaimable),
        (b"slab_unreclaimable", Counter::SlabUnreclaimable),
    ],
};

/// The cpu controller's limit at one level, `cpu.max`: `max 100000` or `150000 100000`. `Some(None)` for none, `None` on doubt.
pub(crate) fn quota(level: &Level<'_>, files: &impl Files, scratch: &mut [u8]) -> Option<Option<Capacity>> {
    let Some(text) = level.text(files, b"cpu.max", scratch)? else { return Some(None) };
    let (quota, period) = scan::split_at_byte(text, b' ')?;
    let period_usec = scan::whole_number(period)?;
    if quota == b"max" {
        return Some(None);
    }
    Capacity::new(scan::whole_number(quota)?, period_usec).map(Some)
}

/// CPU time used: `user_usec` and `system_usec` of `cpu.stat`, which every cgroup has.
pub(crate) fn used(level: &Level<'_>, files: &impl Files, scratch: &mut [u8]) -> Option<Used> {
    let mut file = level.open(files, b"cpu.stat", scratch)?;
    let mut lines = Lines::new(&mut file, scratch);
    let (mut user, mut system) = (None, None);
    while let (None, _) | (_, None) = (user, system) {
        let (key, usec) = scan::key_value(lines.next()??.whole()?)?;
        match key {
            b"user_usec" => user = Some(usec),
            b"system_usec" => system = Some(usec),
            _ => {}
        }
    }
    Some(Used { user_ticks: user? / USEC_PER_TICK, system_ticks: system? / USEC_PER_TICK })
}
