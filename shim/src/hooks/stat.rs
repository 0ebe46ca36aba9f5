//! stat(2), statx(2), access(2)

use super::by_kernel;
use crate::{memory_file, next, path, signature, sys};
use libc::{AT_FDCWD, AT_SYMLINK_NOFOLLOW, c_char, c_int, c_uint};

/// `result`, or ENOENT if the path is below a hidden CPU.
unsafe fn unless_hidden(result: c_int, dir: c_int, path: *const c_char) -> c_int {
    // SAFETY: if the call succeeded, the path is a string.
    if result == 0 && unsafe { path::hidden(dir, path) } { next::refuse(libc::ENOENT) } else { result }
}

/// If `stat` describes a memory file of ours, makes it describe the kernel's file: programs compare the two.
///
/// # Safety
/// `stat` is what a successful fstat of `fd` wrote.
unsafe fn as_the_kernels(fd: c_int, stat: *mut libc::stat) {
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
unsafe fn is_empty(path: *const c_char) -> bool {
    // SAFETY: a string, or null since Linux 6.11.
    path.is_null() || unsafe { path.read() } == 0
}

pub(crate) unsafe fn stat(next: Option<signature::stat>, path: *const c_char, to: *mut libc::stat) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { by_path(next.map(|next| next(path, to)), path, to, 0) }
}

pub(crate) unsafe fn lstat(next: Option<signature::lstat>, path: *const c_char, to: *mut libc::stat) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { by_path(next.map(|next| next(path, to)), path, to, AT_SYMLINK_NOFOLLOW) }
}

pub(crate) unsafe fn xstat(
    next: Option<signature::__xstat>,
    version: c_int,
    path: *const c_char,
    to: *mut libc::stat,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { by_path(next.map(|next| next(version, path, to)), path, to, 0) }
}

pub(crate) unsafe fn lxstat(
    next: Option<signature::__lxstat>,
    version: c_int,
    path: *const c_char,
    to: *mut libc::stat,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { by_path(next.map(|next| next(version, path, to)), path, to, AT_SYMLINK_NOFOLLOW) }
}

/// Next's result for `path`, or the kernel's if there is no next, with the `flags` of the function called.
unsafe fn by_path(by_next: Option<c_int>, path: *const c_char, to: *mut libc::stat, flags: c_int) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { unless_hidden(by_next.unwrap_or_else(|| raw_stat(AT_FDCWD, path, to, flags)), AT_FDCWD, path) }
}

pub(crate) unsafe fn fstat(next: Option<signature::fstat>, fd: c_int, to: *mut libc::stat) -> c_int {
    // SAFETY: the caller's arguments; on success `to` is written.
    unsafe {
        let result = match next {
            Some(next) => next(fd, to),
            None => raw_fstat(fd, to),
        };
        if result == 0 {
            as_the_kernels(fd, to);
        }
        result
    }
}

pub(crate) unsafe fn fxstat(
    next: Option<signature::__fxstat>,
    version: c_int,
    fd: c_int,
    to: *mut libc::stat,
) -> c_int {
    // SAFETY: see `fstat`.
    unsafe {
        let result = match next {
            Some(next) => next(version, fd, to),
            None => raw_fstat(fd, to),
        };
        if result == 0 {
            as_the_kernels(fd, to);
        }
        result
    }
}

pub(crate) unsafe fn fstatat(
    next: Option<signature::fstatat>,
    dir: c_int,
    path: *const c_char,
    to: *mut libc::stat,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        let result = match next {
            Some(next) => next(dir, path, to, flags),
            None => raw_stat(dir, path, to, flags),
        };
        at_result(result, dir, path, to)
    }
}

pub(crate) unsafe fn fxstatat(
    next: Option<signature::__fxstatat>,
    version: c_int,
    dir: c_int,
    path: *const c_char,
    to: *mut libc::stat,
    flags: c_int,
) -> c_int {
    // SAFETY: see `fstatat`.
    unsafe {
        let result = match next {
            Some(next) => next(version, dir, path, to, flags),
            None => raw_stat(dir, path, to, flags),
        };
        at_result(result, dir, path, to)
    }
}

unsafe fn at_result(result: c_int, dir: c_int, path: *const c_char, to: *mut libc::stat) -> c_int {
    // SAFETY: next's arguments; on success `to` is written.
    unsafe {
        if result == 0 && is_empty(path) {
            as_the_kernels(dir, to);
        }
        unless_hidden(result, dir, path)
    }
}

pub(crate) unsafe fn statx(
    next: Option<signature::statx>,
    dir: c_int,
    path: *const c_char,
    flags: c_int,
    mask: c_uint,
    to: *mut libc::statx,
) -> c_int {
    // SAFETY: the caller's arguments; on success `to` is written.
    unsafe {
        let result = match next {
            Some(next) => next(dir, path, flags, mask, to),
            None => {
                let args = [dir as usize, path as usize, flags as usize, mask as usize, to as usize, 0];
                by_kernel(libc::SYS_statx, args) as c_int
            }
        };
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

pub(crate) unsafe fn access(next: Option<signature::access>, path: *const c_char, mode: c_int) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        let result = match next {
            Some(next) => next(path, mode),
            None => raw_access(AT_FDCWD, path, mode, 0),
        };
        unless_hidden(result, AT_FDCWD, path)
    }
}

pub(crate) unsafe fn faccessat(
    next: Option<signature::faccessat>,
    dir: c_int,
    path: *const c_char,
    mode: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        let result = match next {
            Some(next) => next(dir, path, mode, flags),
            None => raw_access(dir, path, mode, flags),
        };
        unless_hidden(result, dir, path)
    }
}

/// Like [`access`], but by the rights that the program has at the moment.
pub(crate) unsafe fn eaccess(next: Option<signature::eaccess>, path: *const c_char, mode: c_int) -> c_int {
    let args = [AT_FDCWD as usize, path as usize, mode as usize, libc::AT_EACCESS as usize, 0, 0];
    // SAFETY: the caller's arguments.
    unsafe {
        let result = match next {
            Some(next) => next(path, mode),
            None => by_kernel(libc::SYS_faccessat2, args) as c_int,
        };
        unless_hidden(result, AT_FDCWD, path)
    }
}

unsafe fn raw_stat(dir: c_int, path: *const c_char, to: *mut libc::stat, flags: c_int) -> c_int {
    let args = [dir as usize, path as usize, to as usize, flags as usize, 0, 0];
    // SAFETY: the caller's arguments, which the kernel checks.
    unsafe { by_kernel(libc::SYS_newfstatat, args) as c_int }
}

unsafe fn raw_fstat(fd: c_int, to: *mut libc::stat) -> c_int {
    // SAFETY: the caller's arguments, which the kernel checks.
    unsafe { by_kernel(libc::SYS_fstat, [fd as usize, to as usize, 0, 0, 0, 0]) as c_int }
}

unsafe fn raw_access(dir: c_int, path: *const c_char, mode: c_int, flags: c_int) -> c_int {
    // The older call has no flags.
    let number = if flags == 0 { libc::SYS_faccessat } else { libc::SYS_faccessat2 };
    // SAFETY: the kernel checks the path.
    unsafe { by_kernel(number, [dir as usize, path as usize, mode as usize, flags as usize, 0, 0]) as c_int }
}
