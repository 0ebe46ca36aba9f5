//! open(2)

use super::by_kernel;
use crate::{serve, signature};
use libc::{AT_FDCWD, SYS_openat, c_char, c_int, mode_t, size_t};

pub(crate) unsafe fn open(next: Option<signature::open>, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller's arguments; the path is a string if the kernel could open it.
    unsafe {
        let fd = match next {
            Some(next) => next(path, flags, mode),
            None => raw(AT_FDCWD, path, flags, mode),
        };
        serve::opened(fd, path, flags)
    }
}

pub(crate) unsafe fn openat(
    next: Option<signature::openat>,
    dir: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    // SAFETY: see `open`.
    unsafe {
        let fd = match next {
            Some(next) => next(dir, path, flags, mode),
            None => raw(dir, path, flags, mode),
        };
        serve::opened(fd, path, flags)
    }
}

pub(crate) unsafe fn open_2(next: Option<signature::__open_2>, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: see `open`.
    unsafe {
        let fd = next.map_or_else(|| raw(AT_FDCWD, path, flags, 0), |next| next(path, flags));
        serve::opened(fd, path, flags)
    }
}

pub(crate) unsafe fn openat_2(
    next: Option<signature::__openat_2>,
    dir: c_int,
    path: *const c_char,
    flags: c_int,
) -> c_int {
    // SAFETY: see `open`.
    unsafe {
        let fd = next.map_or_else(|| raw(dir, path, flags, 0), |next| next(dir, path, flags));
        serve::opened(fd, path, flags)
    }
}

/// openat2(2), in glibc since 2.43. `how` begins with the flags.
pub(crate) unsafe fn openat2(
    next: Option<signature::openat2>,
    dir: c_int,
    path: *const c_char,
    how: *const u64,
    len: size_t,
) -> c_int {
    // SAFETY: see `open`; on success the kernel has read `how`.
    unsafe {
        let fd = match next {
            Some(next) => next(dir, path, how, len),
            None => by_kernel(libc::SYS_openat2, [dir as usize, path as usize, how as usize, len, 0, 0]) as c_int,
        };
        if fd < 0 { fd } else { serve::opened(fd, path, how.read() as c_int) }
    }
}

unsafe fn raw(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the kernel checks the path.
    unsafe { by_kernel(SYS_openat, [dir as usize, path as usize, flags as usize, mode as usize, 0, 0]) as c_int }
}
