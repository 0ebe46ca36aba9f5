//! Who asks for an answer, and what he lends for it: the object in a program, the command, a test.

use crate::{
    board::{Above, Block},
    cgroup::places::Places,
    host::Host,
    settings::CpuCount,
    source::{Files, Scratch, Source},
    view::{
        blocks,
        cpu::Cpus,
        io::{Device, Traffic},
        ratchet::Onward,
        shown::Times as ShownTimes,
    },
};
use core::ffi::CStr;

/// Whoever asks for the text of one file.
///
/// What is large is lent to a closure, so that it lies on the stack only as long as one step needs it.
pub trait Asker {
    /// The kernel's files.
    type Files: Files;
    /// The kernel's own text of the file, and the scope's.
    type Text: Source;

    /// The kernel's files.
    fn files(&self) -> &Self::Files;

    /// The kernel's own text of the file, from its start; `is_iterated` where a short read is not the end.
    fn kernels_own(&self, is_iterated: bool) -> Option<Self::Text>;

    /// Lends the path of the file.
    fn with_path<T>(&self, use_it: impl FnOnce(&CStr) -> Option<T>) -> Option<T>;

    /// Opens the scope's own file at `path`, which stands in the place of the kernel's.
    fn open_scopes(&self, path: &CStr) -> Option<Self::Text>;

    /// Lends the places of the cgroups.
    fn with_places<T>(&self, use_it: impl FnOnce(&Places) -> Option<T>) -> Option<T>;

    /// Lends the limits out of sight.
    fn with_above<T>(&self, use_it: impl FnOnce(&Above) -> Option<T>) -> Option<T>;

    /// Makes sure that the CPUs are known.
    fn count_cpus(&self) -> Option<()>;

    /// Lends the CPUs, once they have been counted.
    fn with_cpus<T>(&self, use_it: impl FnOnce(&Cpus) -> Option<T>) -> Option<T>;

    /// How the number of CPUs is chosen (`CGPROC_CPUS`).
    fn cpu_count(&self) -> CpuCount;

    /// The only memory block that is shown, of the machine's numbers.
    fn first_block(&self) -> Option<u64> {
        blocks::first(self.files(), &mut [0; size_of::<Scratch>()])
    }

    /// The machine's memory and swap.
    fn machine(&self) -> Option<Host>;

    /// The machine's age.
    fn age(&self) -> Option<Host>;

    /// Whether the time of boot is when the container began (`CGPROC_BTIME`).
    fn btime_is_the_containers(&self) -> bool;

    /// Copies the scope's slot on the board; the moment on the board's clock, in microseconds.
    fn copy_slot(&self, into: &mut Block) -> Option<u64>;

    /// What this process was shown before, which it goes on from.
    type Shown: Shown;

    /// What this process was shown before.
    fn shown(&self) -> &Self::Shown;
}

/// What a process was shown before: counters go on from there.
pub trait Shown {
    /// Lends the times that were shown last, to be changed to what is shown now.
    fn times<T>(&self, change: impl FnOnce(&mut ShownTimes) -> T) -> T;

    /// Whether the idle time was shown under this key last.
    fn is_idle_of(&self, key: u64) -> bool;

    /// Lends the bytes read and written in all, to be changed.
    fn paging<T>(&self, change: impl FnOnce(&mut [Onward; 2]) -> T) -> T;

    /// A device's figures as they are to be shown; `None` for one that the scope did not use.
    fn device(&self, device: Device, traffic: Option<Traffic>) -> Traffic;

    /// Whether the counters of the scope that `key` stands for may be shown.
    fn may_count(&self, key: u64) -> bool;
}

/// The memory of one who looks once: nothing was shown before.
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
