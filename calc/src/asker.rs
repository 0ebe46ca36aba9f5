//! The callers of an answer, and what they lend for it: the object in a program, the command, a test.

use crate::{
    board::{Above, Block},
    cgroup::places::Places,
    compose::MemoryFigures,
    host::Host,
    settings::CpuCount,
    source::{Files, Scratch, Source},
    view::{
        blocks,
        cpu::Cpus,
        io::{Device, Traffic},
        memory::Memory,
        ratchet::Onward,
        shown::Times as ShownTimes,
    },
};
use core::ffi::CStr;

/// A caller that wants the text of one file.
///
/// Large things are lent to a closure, so they lie on the stack only while one step needs them.
pub trait Asker {
    /// The kernel's files.
    type Files: Files;
    /// The kernel's own text of the file, and the scope's.
    type Text: Source;

    /// The kernel's files.
    fn files(&self) -> &Self::Files;

    /// The kernel's own text of the file, from its start; `is_iterated` if a short read does not mean the end.
    fn kernels_own(&self, is_iterated: bool) -> Option<Self::Text>;

    /// Lends the path of the file.
    fn with_path<T>(&self, use_it: impl FnOnce(&CStr) -> Option<T>) -> Option<T>;

    /// Opens the scope's own file at `path`, which replaces the kernel's.
    fn open_scopes(&self, path: &CStr) -> Option<Self::Text>;

    /// Lends the places of the cgroups.
    fn with_places<T>(&self, use_it: impl FnOnce(&Places) -> Option<T>) -> Option<T>;

    /// Lends the limits out of the container's sight.
    fn with_above<T>(&self, use_it: impl FnOnce(&Above) -> Option<T>) -> Option<T>;

    /// Ensures that the CPUs are known.
    fn count_cpus(&self) -> Option<()>;

    /// Lends the CPUs, once they have been counted.
    fn with_cpus<T>(&self, use_it: impl FnOnce(&Cpus) -> Option<T>) -> Option<T>;

    /// How the number of CPUs is chosen (`CGPROC_CPUS`).
    fn cpu_count(&self) -> CpuCount;

    /// The number of the one memory block that is shown.
    fn first_block(&self) -> Option<u64> {
        blocks::first(self.files(), &mut [0; size_of::<Scratch>()])
    }

    /// The container's memory, if it is limited.
    fn memory(&self) -> Option<Memory>;

    /// The machine's memory and swap.
    fn machine(&self) -> Option<Host>;

    /// Sets `figures` by `read`, or to those that it read within the current tick of the clock.
    fn memory_figures(
        &self,
        figures: &mut MemoryFigures,
        read: impl FnOnce(&mut MemoryFigures) -> Option<()>,
    ) -> Option<()> {
        read(figures)
    }

    /// The machine's age.
    fn age(&self) -> Option<Host>;

    /// Whether the container's start is shown as the time of boot (`CGPROC_BTIME`).
    fn btime_is_the_containers(&self) -> bool;

    /// Copies the scope's slot from the board; returns the time by the board's clock, in microseconds.
    fn copy_slot(&self, into: &mut Block) -> Option<u64>;

    /// What this process was shown before, to continue from.
    type Shown: Shown;

    /// What this process was shown before.
    fn shown(&self) -> &Self::Shown;
}

/// What a process was shown before. Counters continue from there.
pub trait Shown {
    /// Lends the times last shown, to be updated.
    fn times<T>(&self, change: impl FnOnce(&mut ShownTimes) -> T) -> T;

    /// Whether the idle time last shown was under this key.
    fn is_idle_of(&self, key: u64) -> bool;

    /// Lends the totals of bytes read and written, to be updated.
    fn paging<T>(&self, change: impl FnOnce(&mut [Onward; 2]) -> T) -> T;

    /// A device's figures to show; without `traffic`, those of a device that the scope did not use.
    fn device(&self, device: Device, traffic: Option<Traffic>) -> Traffic;

    /// Whether counters may be shown of the scope that `key` identifies.
    fn may_count(&self, key: u64) -> bool;
}

/// For a caller that looks once: nothing was shown before.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Shown for Nothing {
    fn times<T>(&self, change: impl FnOnce(&mut ShownTimes) -> T) -> T {
        change(&mut ShownTimes::default())
    }

    fn is_idle_of(&self, _: u64) -> bool {
        false
    }

    fn paging<T>(&self, change: impl FnOnce(&mut [Onward; 2]) -> T) -> T {
        change(&mut Default::default())
    }

    fn device(&self, _: Device, traffic: Option<Traffic>) -> Traffic {
        traffic.unwrap_or_default()
    }

    fn may_count(&self, _: u64) -> bool {
        true
    }
}
