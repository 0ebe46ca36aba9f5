//! Facts about the machine and the time, from the kernel.

use crate::{next, sys};
use calc::host::Host;
use core::{ffi::c_int, mem::MaybeUninit};

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

/// Asks the kernel itself: without a system call, the processor's counter would be read, and a program may have forbidden
/// that (`PR_SET_TSC`).
#[inline(never)]
fn usec(clock: c_int) -> Option<u64> {
    let now = sys::clock(clock)?;
    Some((now.tv_sec as u64).wrapping_mul(1_000_000).wrapping_add(now.tv_nsec as u64 / 1_000))
}

/// A moment of a clock that never runs backwards and advances with the kernel's tick: the seconds, and in the lower 30
/// bits the nanoseconds. So less than a second lies between two moments if their difference is less than [`SECOND`].
pub(crate) fn tick() -> Option<u64> {
    let now = coarse()?;
    Some((now.tv_sec as u64).wrapping_mul(SECOND) | now.tv_nsec as u64)
}

/// A second between two moments of [`tick`].
pub(crate) const SECOND: u64 = 1 << 30;

/// The time when the kernel's clock last ticked. libc reads it in memory that the kernel shares with all processes (the
/// vdso), wherever that is: only libc knows it for sure.
///
/// glibc before 2.31 finds the vdso in a constructor of its own, and must not be asked earlier. It sets `environ` there,
/// just before.
#[inline(never)]
fn coarse() -> Option<libc::timespec> {
    const CLOCK: c_int = libc::CLOCK_MONOTONIC_COARSE;
    if next::environ().is_null() {
        return sys::clock(CLOCK);
    }
    let mut to = MaybeUninit::uninit();
    let mut result = -1;
    // SAFETY: there is room for the time.
    next::keeping_errno(|| result = unsafe { next::clock_gettime(by_kernel)(CLOCK, to.as_mut_ptr()) });
    // SAFETY: on success it is written.
    (result == 0).then(|| unsafe { to.assume_init() })
}

/// In place of a libc's function that is not there.
unsafe extern "C" fn by_kernel(clock: c_int, to: *mut libc::timespec) -> c_int {
    // SAFETY: the caller has room for the time.
    sys::clock(clock).map_or(-1, |now| unsafe {
        to.write(now);
        0
    })
}
