//! The memory controller's files, in the terms that both versions share.

use super::{Hierarchy, Level, Setting};
use crate::{
    lines::Lines,
    scan::{self, Name},
    source::Files,
};

/// The names of the memory controller's files.
pub(crate) struct Names {
    pub(crate) limit: Name,
    /// Where the kernel slows down whoever has more, before the limit.
    pub(crate) high: Option<Name>,
    pub(crate) usage: Name,
    pub(crate) swap_limit: Name,
    pub(crate) swap_usage: Name,
    /// Whether the swap files count memory and swap together.
    pub(crate) swap_includes_memory: bool,
    /// The file that says 0 where a cgroup does not bind those below it.
    pub(crate) hierarchical: Option<Name>,
}

/// A line of `memory.stat`, under v2's name. All are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Counter {
    Anon,
    File,
    KernelStack,
    Pagetables,
    SecPagetables,
    Percpu,
    Vmalloc,
    Shmem,
    Zswap,
    Zswapped,
    FileMapped,
    FileDirty,
    FileWriteback,
    Swapcached,
    AnonThp,
    FileThp,
    ShmemThp,
    InactiveAnon,
    ActiveAnon,
    InactiveFile,
    ActiveFile,
    Unevictable,
    SlabReclaimable,
    SlabUnreclaimable,
    /// v1 alone: the least limit of this cgroup and all above it, those too that a namespace hides.
    EffectiveLimit,
    /// The same of memory and swap together.
    EffectiveSwapLimit,
}

/// How many there are.
const COUNTERS: usize = Counter::EffectiveSwapLimit as usize + 1;

/// What `memory.stat` says; 0 for what it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    bytes: [u64; COUNTERS],
}

impl Counters {
    /// Counters with these numbers, in their order.
    #[cfg(test)]
    pub(crate) fn of(bytes: &[u64; COUNTERS]) -> Self {
        Self { bytes: *bytes }
    }

    /// A counter, in bytes.
    pub(crate) fn get(&self, counter: Counter) -> u64 {
        self.bytes.get(counter as usize).copied().unwrap_or(0)
    }

    /// The effective limit `which`, where `memory.stat` tells it.
    pub(crate) fn effective(&self, which: Counter) -> Option<Setting> {
        Some(self.get(which)).filter(|limit| *limit > 0).map(Setting::of)
    }

    /// Reads `memory.stat` of the cgroup at `depth`, or of the nearest above it that has one. A line of another form costs itself.
    #[inline(never)]
    pub(crate) fn read(&mut self, files: &impl Files, place: &Hierarchy<'_>, depth: usize, scratch: &mut [u8]) {
        let mut levels = place.chain().skip_while(|level| level.depth() > depth);
        let Some(mut file) = levels.find_map(|level: Level<'_>| level.open(files, b"memory.stat", scratch)) else {
            return;
        };
        let mut lines = Lines::new(&mut file, scratch);
        let names = place.version.counters();
        let mut expected = 0;
        while let Some(Some(line)) = lines.next() {
            let Some((key, bytes)) = line.whole().and_then(scan::key_value) else { continue };
            if let Some((index, (_, counter))) = scan::find_from(names, expected, key)
                && let Some(known) = self.bytes.get_mut(*counter as usize)
            {
                *known = bytes;
                expected = index.saturating_add(1);
            }
        }
    }
}
