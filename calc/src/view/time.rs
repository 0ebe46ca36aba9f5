//! CPU time used, idle time and age of the container.

use crate::{cgroup::places::Places, host::Host, source::Files, view::cpu::Cpus};

/// CPU time of the scope, all its CPUs together, in ticks of 1/100 s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Time in user mode.
    pub user_ticks: u64,
    /// Time in the kernel.
    pub system_ticks: u64,
    /// capacity × age − user − system. Negative when the scope used more than today's limit allows: see [`crate::view::time`].
    pub idle_ticks: i64,
}

/// The scope's CPU time. `None` when the scope is the real root, or there is any doubt: the kernel's figures stand.
pub fn times(files: &impl Files, places: &Places, cpus: &Cpus, host: &Host, scratch: &mut [u8]) -> Option<Times> {
    let _ = (files, places, cpus, host, scratch);
    None
}

/// Hundredths of a second since the container's first process; `None` when that is not known.
pub fn age_ticks(places: &Places, host: &Host) -> Option<u64> {
    let _ = (places, host);
    None
}
