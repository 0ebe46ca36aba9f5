//! Facts of the machine, passed in and never read here.

/// Ticks a second of every time in /proc (`USER_HZ`, fixed at 100 on all architectures Linux still supports but alpha).
pub const USER_HZ: u64 = 100;

/// Microseconds in a tick.
pub(crate) const USEC_PER_TICK: u64 = 1_000_000 / USER_HZ;

/// What the kernel says of the whole machine (`sysinfo(2)`, `clock_gettime(CLOCK_BOOTTIME)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// RAM, as MemTotal of the host's /proc/meminfo.
    pub memory_bytes: u64,
    /// Swap, as SwapTotal of the host's /proc/meminfo.
    pub swap_bytes: u64,
    /// Free swap of the host.
    pub swap_free_bytes: u64,
    /// Time since boot, suspended time included, in the caller's time namespace.
    pub since_boot_usec: u64,
}
