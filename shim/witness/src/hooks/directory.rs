//! opendir(3), readdir(3), scandir(3), glob(3)

use crate::{
    asked::{self, path},
    door::doors,
    got, marked,
    watch::{Returned, watch_part},
};
use libc::{AT_FDCWD, DIR, c_char, c_int, c_void, dirent, glob_t, size_t, ssize_t};

doors! {
    opendir(path_: *const c_char) -> *mut DIR, asks path(AT_FDCWD, path_), gives got::directory;
    readdir(dir: *mut DIR) -> *mut dirent, by |function, next| read(function, dir, next);
    readdir64(dir: *mut DIR) -> *mut dirent, by |function, next| read(function, dir, next);
    readdir_r(dir: *mut DIR, entry: *mut dirent, result: *mut *mut dirent) -> c_int,
        by |function, next| read_into(function, dir, result, next);
    readdir64_r(dir: *mut DIR, entry: *mut dirent, result: *mut *mut dirent) -> c_int,
        by |function, next| read_into(function, dir, result, next);
    rewinddir(dir: *mut DIR) -> (), by |function, next| rewind(function, dir, next);
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

/// Of the calls that read a directory, the one that reaches its end has the number of its entries.
///
/// # Safety
/// The directory is open.
unsafe fn read(function: &'static str, dir: *mut DIR, next: impl FnOnce() -> *mut dirent) -> *mut dirent {
    // SAFETY: the caller guarantees it.
    let fd = unsafe { libc::dirfd(dir) };
    part(function, fd, next, |entry| u32::from(!entry.is_null()))
}

/// # Safety
/// The directory is open, and `result` is what next gets.
unsafe fn read_into(
    function: &'static str,
    dir: *mut DIR,
    result: *mut *mut dirent,
    next: impl FnOnce() -> c_int,
) -> c_int {
    // SAFETY: the caller guarantees it.
    let fd = unsafe { libc::dirfd(dir) };
    part(function, fd, next, |error| {
        // SAFETY: next sets the result if it succeeds.
        u32::from(*error == 0 && !unsafe { *result }.is_null())
    })
}

/// # Safety
/// `to` is what next gets.
unsafe fn read_raw(function: &'static str, fd: c_int, to: *const c_void, next: impl FnOnce() -> ssize_t) -> ssize_t {
    part(function, fd, next, |len| {
        let (mut at, mut entries) = (0, 0);
        while at < usize::try_from(*len).unwrap_or(0) {
            // SAFETY: the kernel has written records until there, each with its length.
            at += usize::from(unsafe { (*to.byte_add(at).cast::<dirent>()).d_reclen });
            entries += 1;
        }
        entries
    })
}

/// # Safety
/// The directory is open.
unsafe fn rewind(function: &'static str, dir: *mut DIR, next: impl FnOnce()) {
    // SAFETY: the caller guarantees it.
    let fd = unsafe { libc::dirfd(dir) };
    part(function, fd, next, |()| 1);
    if marked::is_directory(fd) {
        marked::begin_directory(fd);
    }
}

/// A call that reads as many entries as `entries` says of its result.
fn part<R: Returned>(
    function: &'static str,
    fd: c_int,
    next: impl FnOnce() -> R,
    entries: impl FnOnce(&R) -> u32,
) -> R {
    if !marked::is_directory(fd) {
        return next();
    }
    let question = || {
        let question = asked::descriptor(fd);
        if question.is_none() {
            marked::forget_directory(fd);
        }
        question
    };
    watch_part(function, question, next, |returned| marked::read_entries(fd, entries(returned)))
}
