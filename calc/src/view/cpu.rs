//! The container's CPUs.

use crate::{cgroup::places::Places, cpus::CpuSet, source::Files};

/// CPU time allowed per time, `quota_usec / period_usec` CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Capacity {
    /// CPU time per period, in microseconds.
    pub quota_usec: u64,
    /// Length of the period, in microseconds, never 0.
    pub period_usec: u64,
}

/// The CPUs that the container sees. Plain words without padding, so that it can be kept in atomic words.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Cpus {
    /// The first N of the cpuset's CPUs, with their real numbers. Never empty.
    pub online: CpuSet,
    /// The least quota of the chain; `count/1` CPUs where none is set.
    pub capacity: Capacity,
}

/// The view's CPUs. `None` when there is any doubt.
///
/// `only` is a declared number of CPUs in thousandths (`CGPROC_CPUS=1.5` is 1500), taken in place of the quota.
pub fn cpus(files: &impl Files, places: &Places, only: Option<u64>, scratch: &mut [u8]) -> Option<Cpus> {
    let _ = (files, places, only, scratch);
    None
}
