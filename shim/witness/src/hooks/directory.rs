//! opendir(3), readdir(3), scandir(3), glob(3)

use crate::asked::{self, path};
use crate::door::doors;
use crate::{got, marked, watch};
use libc::{AT_FDCWD, DIR, c_char, c_int, c_void, dirent, glob_t, size_t, ssize_t};

doors! {
    opendir(path_: *const c_char) -> *mut DIR, asks path(AT_FDCWD, path_), gives got::directory;
    readdir(dir: *mut DIR) -> *mut dirent, by |function, next| read(function, dir, next);
    readdir64(dir: *mut DIR) -> *mut dirent, by |function, next| read(function, dir, next);
    readdir_r(dir: *mut DIR, entry: *mut dirent, result: *mut *mut dirent) -> c_int,
        by |function, next| read_into(function, dir, result, next);
    readdir64_r(dir: *mut DIR, entry: *mut dirent, result: *mut *mut dirent) -> c_int,
        by |function, next| read_into(function, dir, result, next);
    getdents64(fd: c_int, to: *mut c_void, len: size_t) -> ssize_t, by |function, next| read_raw(function, fd, to, next);
    scandir(path_: *const c_char, list: *mut *mut *mut dirent, filter: *const c_void, order: *const c_void) -> c_int,
        asks path(AT_FDCWD, path_), gives got::nothing;
    scandir64(path_: *const c_char, list: *mut *mut *mut dirent, filter: *const c_void, order: *const c_void) -> c_int,
        asks path(AT_FDCWD, path_), gives got::nothing;
    scandirat(dir: c_int, path_: *const c_char, list: *mut *mut *mut dirent, filter: *const c_void, order: *const c_void) -> c_int,
        asks path(dir, path_), gives got::nothing;
    scandirat64(dir: c_int, path_: *const c_char, list: *mut *mut *mut dirent, filter: *const c_void, order: *const c_void) -> c_int,
        asks path(dir, path_), gives got::nothing;
    glob(pattern: *const c_char, flags: c_int, error: *const c_void, found: *mut glob_t) -> c_int,
        asks path(AT_FDCWD, pattern), gives got::matches(found);
    glob64(pattern: *const c_char, flags: c_int, error: *const c_void, found: *mut glob_t) -> c_int,
        asks path(AT_FDCWD, pattern), gives got::matches(found);
}

/// Of the calls that read a directory, only the one that reaches its end is told of, with the number of its entries.
///
/// # Safety
/// The directory is open.
unsafe fn read(function: &'static str, dir: *mut DIR, next: impl FnOnce() -> *mut dirent) -> *mut dirent {
    let entry = next();
    // SAFETY: the caller guarantees it.
    has_read(function, unsafe { libc::dirfd(dir) }, u32::from(!entry.is_null()));
    entry
}

/// # Safety
/// The directory is open, and `result` is what next gets.
unsafe fn read_into(
    function: &'static str,
    dir: *mut DIR,
    result: *mut *mut dirent,
    next: impl FnOnce() -> c_int,
) -> c_int {
    let error = next();
    if error == 0 {
        // SAFETY: the caller guarantees it; next has set the result.
        unsafe { has_read(function, libc::dirfd(dir), u32::from(!(*result).is_null())) };
    }
    error
}

/// # Safety
/// `to` is what next gets.
unsafe fn read_raw(function: &'static str, fd: c_int, to: *const c_void, next: impl FnOnce() -> ssize_t) -> ssize_t {
    let len = next();
    let Ok(end) = usize::try_from(len) else { return len };
    let (mut at, mut entries) = (0, 0);
    while at < end {
        // SAFETY: the kernel has written records until `end`, each with its length.
        at += usize::from(unsafe { (*to.byte_add(at).cast::<dirent>()).d_reclen });
        entries += 1;
    }
    has_read(function, fd, entries);
    len
}

fn has_read(function: &'static str, fd: c_int, entries: u32) {
    if let Some(count) = marked::read_entries(fd, entries)
        && let Some(question) = asked::descriptor(fd)
    {
        watch::tell_afterwards(function, &question, 0, &got::entries(count));
    }
}
