//! open(2)

use super::stand_ins;
use crate::{serve, signature};
use libc::{AT_FDCWD, c_char, c_int, mode_t, size_t};

#[inline(always)]
pub(crate) unsafe fn open(next: signature::open, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller's arguments; the path is a string if the kernel could open it.
    unsafe { serve::opened(next(path, flags, mode), path, flags) }
}

#[inline(always)]
pub(crate) unsafe fn openat(
    next: signature::openat,
    dir: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    // SAFETY: see `open`.
    unsafe { serve::opened(next(dir, path, flags, mode), path, flags) }
}

pub(crate) unsafe fn open_2(next: signature::__open_2, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: see `open`.
    unsafe { serve::opened(next(path, flags), path, flags) }
}

pub(crate) unsafe fn openat_2(next: signature::__openat_2, dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: see `open`.
    unsafe { serve::opened(next(dir, path, flags), path, flags) }
}

/// openat2(2), in glibc since 2.43. `how` begins with the flags.
pub(crate) unsafe fn openat2(
    next: signature::openat2,
    dir: c_int,
    path: *const c_char,
    how: *const u64,
    len: size_t,
) -> c_int {
    // SAFETY: see `open`; on success the kernel has read `how`.
    unsafe {
        let fd = next(dir, path, how, len);
        if fd < 0 { fd } else { serve::opened(fd, path, how.read() as c_int) }
    }
}

stand_ins! {
    raw_open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int = SYS_openat(AT_FDCWD, path, flags, mode);
    raw_openat(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int = SYS_openat(dir, path, flags, mode);
    raw_open_2(path: *const c_char, flags: c_int) -> c_int = SYS_openat(AT_FDCWD, path, flags);
    raw_openat_2(dir: c_int, path: *const c_char, flags: c_int) -> c_int = SYS_openat(dir, path, flags);
    raw_openat2(dir: c_int, path: *const c_char, how: *const u64, len: size_t) -> c_int = SYS_openat2(dir, path, how, len);
}
