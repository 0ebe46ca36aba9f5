//! fopen(3), fseek(3)
//!
//! libc opens, reads and seeks internally, without our other hooks.

use crate::{
    fds,
    next::{self, needed},
    options,
    path::{self, Target},
    serve, signature,
};
use core::{
    ffi::{CStr, c_void},
    ptr::null_mut,
};
use libc::{FILE, SEEK_SET, c_char, c_int};

pub(crate) unsafe fn fopen(next: Option<signature::fopen>, path: *const c_char, mode: *const c_char) -> *mut FILE {
    let Some(next) = next else { return missing() };
    // SAFETY: the caller's arguments; on success both are strings.
    unsafe { opened(next(path, mode), path, mode) }
}

pub(crate) unsafe fn freopen(
    next: Option<signature::freopen>,
    path: *const c_char,
    mode: *const c_char,
    file: *mut FILE,
) -> *mut FILE {
    let Some(next) = next else { return missing() };
    // SAFETY: see `fopen`.
    unsafe { opened(next(path, mode, file), path, mode) }
}

/// No libc has `FILE` without these functions, so the caller cannot have got its arguments from one.
fn missing() -> *mut FILE {
    next::refuse(libc::ENOSYS);
    null_mut()
}

/// The stream that next opened from `path`, with our answer put below it if there is one.
#[inline(always)]
unsafe fn opened(file: *mut FILE, path: *const c_char, mode: *const c_char) -> *mut FILE {
    // SAFETY: on success next accepted `path` and `mode` as strings; a path that concerns us is not null.
    unsafe { if !file.is_null() && path::may_concern_us(path) { replaced(file, path, mode) } else { file } }
}

#[cold]
#[inline(never)]
unsafe fn replaced(file: *mut FILE, path: *const c_char, mode: *const c_char) -> *mut FILE {
    // SAFETY: next accepted `path` and `mode` as strings; `file` is a stream that it made.
    unsafe {
        let Some(fd) = number(file) else { return file };
        match path::behind_name(fd, CStr::from_ptr(path)) {
            None => file,
            Some(Target::Ours(answer)) => {
                serve::over(fd, answer, flags(mode));
                file
            }
            Some(Target::Hidden) => {
                if let Some(fclose) = needed::fclose() {
                    fclose(file);
                }
                next::refuse(libc::ENOENT);
                null_mut()
            }
        }
    }
}

/// The flags of open(2) that `mode` means.
unsafe fn flags(mode: *const c_char) -> c_int {
    // SAFETY: next accepted it as a string.
    let mode = unsafe { CStr::from_ptr(mode) }.to_bytes();
    let mode = mode.split(|byte| *byte == b',').next().unwrap_or_default();
    let access = if mode.first() == Some(&b'r') && !mode.contains(&b'+') { libc::O_RDONLY } else { libc::O_RDWR };
    access | if mode.contains(&b'e') { libc::O_CLOEXEC } else { 0 }
}

unsafe fn number(file: *mut FILE) -> Option<c_int> {
    // SAFETY: the caller's stream.
    let fd = unsafe { needed::fileno()?(file) };
    (fd >= 0).then_some(fd)
}

/// Before a stream goes back to its start, recomposes its answer, and drops what libc had read ahead. Libc would
/// otherwise serve that from its buffer, because our files announce a larger block size than the kernel's.
unsafe fn refresh(file: *mut FILE) {
    // SAFETY: the caller's stream, used as the program itself would.
    next::keeping_errno(|| unsafe {
        let Some(fd) = number(file) else { return };
        if fds::may_be_ours(fd)
            && !options::off()
            && let Some(fflush) = needed::fflush()
        {
            fflush(file);
            serve::refresh(fd);
        }
    });
}

pub(crate) unsafe fn rewind(next: Option<signature::rewind>, file: *mut FILE) {
    // SAFETY: the caller's stream.
    unsafe {
        refresh(file);
        if let Some(next) = next {
            next(file);
        }
    }
}

pub(crate) unsafe fn fseek(next: Option<signature::fseek>, file: *mut FILE, offset: i64, whence: c_int) -> c_int {
    // SAFETY: the caller's stream.
    unsafe {
        if offset == 0 && whence == SEEK_SET {
            refresh(file);
        }
        next.map_or_else(|| next::refuse(libc::ENOSYS), |next| next(file, offset, whence))
    }
}

pub(crate) unsafe fn fsetpos(next: Option<signature::fsetpos>, file: *mut FILE, position: *const c_void) -> c_int {
    // SAFETY: the caller's stream; in both libcs a position begins with the 64-bit offset.
    unsafe {
        if position.cast::<i64>().read_unaligned() == 0 {
            refresh(file);
        }
        next.map_or_else(|| next::refuse(libc::ENOSYS), |next| next(file, position))
    }
}
