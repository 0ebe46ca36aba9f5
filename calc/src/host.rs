//! Facts about the machine, passed in and never read here.

/// Ticks a second in every time in /proc (`USER_HZ`, 100 on every architecture that Linux still supports, except
/// alpha).
pub const USER_HZ: u64 = 100;

/// Microseconds in a tick.
pub const USEC_PER_TICK: u64 = 1_000_000 / USER_HZ;

/// What the kernel says about the whole machine (`sysinfo(2)`, `clock_gettime(CLOCK_BOOTTIME)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// RAM, like MemTotal in the host's /proc/meminfo.
    pub memory_bytes: u64,
    /// Swap, like SwapTotal in the host's /proc/meminfo.
    pub swap_bytes: u64,
    /// The host's free swap.
    pub swap_free_bytes: u64,
    /// Time since boot, including suspension, in the caller's time namespace.
    pub since_boot_usec: u64,
}
