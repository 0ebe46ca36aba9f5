//! stat(2), statx(2), access(2)

use super::{by_kernel, stand_ins, words};
use crate::{memory_file, next, path, signature, sys};
use libc::{AT_FDCWD, AT_SYMLINK_NOFOLLOW, c_char, c_int, c_uint};

/// `result`, or ENOENT if the path is below a hidden CPU.
#[inline(always)]
unsafe fn unless_hidden(result: c_int, dir: c_int, path: *const c_char) -> c_int {
    // SAFETY: if the call succeeded, the path is a string.
    if result == 0 && unsafe { path::hidden(dir, path) } { next::refuse(libc::ENOENT) } else { result }
}

/// If `stat` describes a memory file of ours, makes it describe the kernel's file: programs compare the two.
///
/// # Safety
/// `stat` is what a successful fstat of `fd` wrote.
#[inline(always)]
unsafe fn as_the_kernels(fd: c_int, stat: *mut libc::stat) {
    // SAFETY: the caller guarantees it. Our files have no name, which rules most others out.
    unsafe {
        if (*stat).st_nlink == 0 {
            as_the_kernels_if_ours(fd, stat);
        }
    }
}

/// # Safety
/// That of [`as_the_kernels`].
#[cold]
#[inline(never)]
unsafe fn as_the_kernels_if_ours(fd: c_int, stat: *mut libc::stat) {
    // SAFETY: the caller guarantees it.
    unsafe {
        if let Some(own) =
            memory_file::carried_by(fd, &*stat).and_then(|answer| memory_file::with_path(answer, fd, sys::stat))
        {
            *stat = own;
        }
    }
}

/// Whether the path of an `*at` call is empty: with AT_EMPTY_PATH the call is then about the descriptor itself.
#[inline(always)]
unsafe fn is_empty(path: *const c_char) -> bool {
    // SAFETY: a string, or null since Linux 6.11.
    path.is_null() || unsafe { path.read() } == 0
}

#[inline(always)]
pub(crate) unsafe fn stat(next: signature::stat, path: *const c_char, to: *mut libc::stat) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { unless_hidden(next(path, to), AT_FDCWD, path) }
}

pub(crate) unsafe fn xstat(
    next: signature::__xstat,
    version: c_int,
    path: *const c_char,
    to: *mut libc::stat,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { unless_hidden(next(version, path, to), AT_FDCWD, path) }
}

#[inline(always)]
pub(crate) unsafe fn fstat(next: signature::fstat, fd: c_int, to: *mut libc::stat) -> c_int {
    // SAFETY: the caller's arguments; on success `to` is written.
    unsafe {
        let result = next(fd, to);
        if result == 0 {
            as_the_kernels(fd, to);
        }
        result
    }
}

pub(crate) unsafe fn fxstat(next: signature::__fxstat, version: c_int, fd: c_int, to: *mut libc::stat) -> c_int {
    // SAFETY: see `fstat`.
    unsafe {
        let result = next(version, fd, to);
        if result == 0 {
            as_the_kernels(fd, to);
        }
        result
    }
}

#[inline(always)]
pub(crate) unsafe fn fstatat(
    next: signature::fstatat,
    dir: c_int,
    path: *const c_char,
    to: *mut libc::stat,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { at_result(next(dir, path, to, flags), dir, path, to) }
}

pub(crate) unsafe fn fxstatat(
    next: signature::__fxstatat,
    version: c_int,
    dir: c_int,
    path: *const c_char,
    to: *mut libc::stat,
    flags: c_int,
) -> c_int {
    // SAFETY: see `fstatat`.
    unsafe { at_result(next(version, dir, path, to, flags), dir, path, to) }
}

#[inline(always)]
unsafe fn at_result(result: c_int, dir: c_int, path: *const c_char, to: *mut libc::stat) -> c_int {
    // SAFETY: next's arguments; on success `to` is written.
    unsafe {
        if result == 0 && is_empty(path) {
            as_the_kernels(dir, to);
        }
        unless_hidden(result, dir, path)
    }
}

#[inline(always)]
pub(crate) unsafe fn statx(
    next: signature::statx,
    dir: c_int,
    path: *const c_char,
    flags: c_int,
    mask: c_uint,
    to: *mut libc::statx,
) -> c_int {
    // SAFETY: the caller's arguments; on success `to` is written.
    unsafe {
        let result = next(dir, path, flags, mask, to);
        if result == 0
            && is_empty(path)
            && let Some(answer) = memory_file::carried(dir)
        {
            // On failure, next's result stays.
            let _ = memory_file::with_path(answer, dir, |path| sys::statx(path, mask, to));
        }
        unless_hidden(result, dir, path)
    }
}

#[inline(always)]
pub(crate) unsafe fn access(next: signature::access, path: *const c_char, mode: c_int) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { unless_hidden(next(path, mode), AT_FDCWD, path) }
}

#[inline(always)]
pub(crate) unsafe fn faccessat(
    next: signature::faccessat,
    dir: c_int,
    path: *const c_char,
    mode: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { unless_hidden(next(dir, path, mode, flags), dir, path) }
}

/// Like [`access`], but by the rights that the program has at the moment.
pub(crate) unsafe fn eaccess(next: signature::eaccess, path: *const c_char, mode: c_int) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { unless_hidden(next(path, mode), AT_FDCWD, path) }
}

stand_ins! {
    raw_stat(path: *const c_char, to: *mut libc::stat) -> c_int = SYS_newfstatat(AT_FDCWD, path, to);
    raw_lstat(path: *const c_char, to: *mut libc::stat) -> c_int
        = SYS_newfstatat(AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW);
    raw_fstat(fd: c_int, to: *mut libc::stat) -> c_int = SYS_fstat(fd, to);
    raw_fstatat(dir: c_int, path: *const c_char, to: *mut libc::stat, flags: c_int) -> c_int
        = SYS_newfstatat(dir, path, to, flags);
    raw_xstat(_version: c_int, path: *const c_char, to: *mut libc::stat) -> c_int = SYS_newfstatat(AT_FDCWD, path, to);
    raw_lxstat(_version: c_int, path: *const c_char, to: *mut libc::stat) -> c_int
        = SYS_newfstatat(AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW);
    raw_fxstat(_version: c_int, fd: c_int, to: *mut libc::stat) -> c_int = SYS_fstat(fd, to);
    raw_fxstatat(_version: c_int, dir: c_int, path: *const c_char, to: *mut libc::stat, flags: c_int) -> c_int
        = SYS_newfstatat(dir, path, to, flags);
    raw_statx(dir: c_int, path: *const c_char, flags: c_int, mask: c_uint, to: *mut libc::statx) -> c_int
        = SYS_statx(dir, path, flags, mask, to);
    raw_access(path: *const c_char, mode: c_int) -> c_int = SYS_faccessat(AT_FDCWD, path, mode);
    raw_eaccess(path: *const c_char, mode: c_int) -> c_int
        = SYS_faccessat2(AT_FDCWD, path, mode, libc::AT_EACCESS);
}

pub(crate) unsafe extern "C" fn raw_faccessat(dir: c_int, path: *const c_char, mode: c_int, flags: c_int) -> c_int {
    // The older call has no flags.
    let number = if flags == 0 { libc::SYS_faccessat } else { libc::SYS_faccessat2 };
    // SAFETY: the kernel checks the arguments.
    unsafe { by_kernel(number, words([dir as usize, path as usize, mode as usize, flags as usize])) as c_int }
}
