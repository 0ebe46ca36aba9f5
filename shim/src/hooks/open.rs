//! open(2)

use super::by_kernel;
use crate::serve;
use libc::{AT_FDCWD, SYS_openat, c_char, c_int, mode_t, size_t};

type Open = unsafe extern "C" fn(*const c_char, c_int, mode_t) -> c_int;
type Openat = unsafe extern "C" fn(c_int, *const c_char, c_int, mode_t) -> c_int;
type Open2 = unsafe extern "C" fn(*const c_char, c_int) -> c_int;
type Openat2 = unsafe extern "C" fn(c_int, *const c_char, c_int) -> c_int;

type OpenHow = unsafe extern "C" fn(c_int, *const c_char, *const u64, size_t) -> c_int;

/// What `open` really is: its mode is a variadic argument, which some machines pass differently.
type VariadicOpen = unsafe extern "C" fn(*const c_char, c_int, ...) -> c_int;
type VariadicOpenat = unsafe extern "C" fn(c_int, *const c_char, c_int, ...) -> c_int;

pub(crate) unsafe fn open(next: Option<Open>, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: next's true type; the path is a string if the kernel could open it.
    unsafe {
        let fd = match next {
            Some(next) => core::mem::transmute::<Open, VariadicOpen>(next)(path, flags, mode),
            None => raw(AT_FDCWD, path, flags, mode),
        };
        serve::opened(fd, path, flags)
    }
}

pub(crate) unsafe fn openat(
    next: Option<Openat>,
    dir: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    // SAFETY: as in `open`.
    unsafe {
        let fd = match next {
            Some(next) => core::mem::transmute::<Openat, VariadicOpenat>(next)(dir, path, flags, mode),
            None => raw(dir, path, flags, mode),
        };
        serve::opened(fd, path, flags)
    }
}

pub(crate) unsafe fn open_2(next: Option<Open2>, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: as in `open`.
    unsafe {
        let fd = next.map_or_else(|| raw(AT_FDCWD, path, flags, 0), |next| next(path, flags));
        serve::opened(fd, path, flags)
    }
}

pub(crate) unsafe fn openat_2(next: Option<Openat2>, dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: as in `open`.
    unsafe {
        let fd = next.map_or_else(|| raw(dir, path, flags, 0), |next| next(dir, path, flags));
        serve::opened(fd, path, flags)
    }
}

/// openat2(2), which glibc has since 2.43. `how` begins with the flags.
pub(crate) unsafe fn openat2(
    next: Option<OpenHow>,
    dir: c_int,
    path: *const c_char,
    how: *const u64,
    len: size_t,
) -> c_int {
    // SAFETY: as in `open`; where it succeeded, the kernel has read `how`.
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
