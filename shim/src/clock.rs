//! Facts about the machine and the time, directly from the kernel.

use crate::{next, sys};
use calc::host::Host;
use core::ffi::c_int;
use core::mem::MaybeUninit;

/// The machine's memory. The time since boot is left out.
pub(crate) fn memory(info: &libc::sysinfo) -> Host {
    let unit = u64::from(info.mem_unit.max(1));
    Host {
        memory_bytes: info.totalram.wrapping_mul(unit),
        swap_bytes: info.totalswap.wrapping_mul(unit),
        swap_free_bytes: info.freeswap.wrapping_mul(unit),
        since_boot_usec: 0,
    }
}

/// The machine's age. Its memory is left out.
pub(crate) fn age() -> Option<Host> {
    Some(Host { since_boot_usec: since_boot_usec()?, ..Host::default() })
}

/// The machine's memory, according to the kernel.
#[inline(never)]
pub(crate) fn machine() -> Option<Host> {
    sys::sysinfo().map(|info| memory(&info))
}

fn since_boot_usec() -> Option<u64> {
    usec(libc::CLOCK_BOOTTIME)
}

/// The time of day in microseconds, the same in every time namespace.
pub(crate) fn realtime_usec() -> Option<u64> {
    usec(libc::CLOCK_REALTIME)
}

#[inline(never)]
fn usec(clock: c_int) -> Option<u64> {
    let now = now(clock)?;
    Some((now.tv_sec as u64).wrapping_mul(1_000_000).wrapping_add(now.tv_nsec as u64 / 1_000))
}

/// A moment of a clock that never runs backwards and advances with the kernel's tick: the seconds, and in the lower 30
/// bits the nanoseconds. So less than a second lies between two moments if their difference is less than [`SECOND`].
pub(crate) fn tick() -> Option<u64> {
    let now = now(libc::CLOCK_MONOTONIC_COARSE)?;
    Some((now.tv_sec as u64).wrapping_mul(SECOND) | now.tv_nsec as u64)
}

/// A second between two moments of [`tick`].
pub(crate) const SECOND: u64 = 1 << 30;

/// The time by `clock`. libc reads it in memory that the kernel shares with all processes (the vdso), wherever that is:
/// only libc knows it for sure.
#[inline(never)]
fn now(clock: c_int) -> Option<libc::timespec> {
    let Some(clock_gettime) = next::needed::clock_gettime() else { return sys::clock(clock) };
    let mut to = MaybeUninit::uninit();
    let mut result = -1;
    // SAFETY: there is room for the time.
    next::keeping_errno(|| result = unsafe { clock_gettime(clock, to.as_mut_ptr()) });
    // SAFETY: on success it is written.
    (result == 0).then(|| unsafe { to.assume_init() })
}
