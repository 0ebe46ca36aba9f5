//! lseek(2), pread(2), mmap(2): what programs do with a descriptor besides reading on.

use super::stand_ins;
use crate::{fds, memory_file, next, serve, signature, sys};
use calc::answer::Answer;
use libc::{SEEK_CUR, SEEK_SET, c_int, c_void, iovec, off_t, size_t, ssize_t};

#[inline(always)]
pub(crate) unsafe fn lseek(next: signature::lseek, fd: c_int, offset: off_t, whence: c_int) -> off_t {
    match whence {
        SEEK_SET if offset == 0 && fds::may_be_ours(fd) => {
            serve::refresh(fd);
        }
        SEEK_SET | SEEK_CUR => {}
        _ => {
            if let Some(at) = from_the_end(fd, offset, whence) {
                return at;
            }
        }
    }
    // SAFETY: the caller's arguments.
    unsafe { next(fd, offset, whence) }
}

/// The result of a seek from the end of an answer, as from that of the kernel's own file: most refuse it.
#[cold]
#[inline(never)]
fn from_the_end(fd: c_int, offset: off_t, whence: c_int) -> Option<off_t> {
    let Some(own) = memory_file::kernels_own(memory_file::carried(fd)?, fd) else {
        return Some(off_t::from(next::refuse(libc::EINVAL)));
    };
    let at = sys::lseek(own.number(), offset, whence);
    Some(next::as_libc(if at < 0 { at } else { sys::lseek(fd, at as i64, SEEK_SET) }) as off_t)
}

/// Recomposes an answer that is about to be read from its start.
fn refresh(fd: c_int, offset: off_t) {
    if offset == 0 && fds::may_be_ours(fd) {
        serve::refresh(fd);
    }
}

#[inline(always)]
pub(crate) unsafe fn pread(
    next: signature::pread,
    fd: c_int,
    into: *mut c_void,
    len: size_t,
    offset: off_t,
) -> ssize_t {
    refresh(fd, offset);
    // SAFETY: the caller's arguments.
    unsafe { next(fd, into, len, offset) }
}

pub(crate) unsafe fn pread_chk(
    next: signature::__pread_chk,
    fd: c_int,
    into: *mut c_void,
    len: size_t,
    offset: off_t,
    room: size_t,
) -> ssize_t {
    refresh(fd, offset);
    // SAFETY: the caller's arguments.
    unsafe { next(fd, into, len, offset, room) }
}

pub(crate) unsafe fn preadv(
    next: signature::preadv,
    fd: c_int,
    into: *const iovec,
    count: c_int,
    offset: off_t,
) -> ssize_t {
    refresh(fd, offset);
    // SAFETY: the caller's arguments.
    unsafe { next(fd, into, count, offset) }
}

pub(crate) unsafe fn preadv2(
    next: signature::preadv2,
    fd: c_int,
    into: *const iovec,
    count: c_int,
    offset: off_t,
    flags: c_int,
) -> ssize_t {
    refresh(fd, offset);
    // SAFETY: the caller's arguments.
    unsafe { next(fd, into, count, offset, flags) }
}

pub(crate) unsafe fn mmap(
    next: signature::mmap,
    at: *mut c_void,
    len: size_t,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: off_t,
) -> *mut c_void {
    if fd >= 0
        && flags & libc::MAP_ANONYMOUS == 0
        && let Some(answer) = memory_file::carried(fd)
    {
        next::refuse(mmap_errno(answer, prot, flags));
        return libc::MAP_FAILED;
    }
    // SAFETY: the caller's arguments.
    unsafe { next(at, len, prot, flags, fd, offset) }
}

stand_ins! {
    raw_lseek(fd: c_int, offset: off_t, whence: c_int) -> off_t = SYS_lseek(fd, offset, whence);
    raw_pread(fd: c_int, into: *mut c_void, len: size_t, offset: off_t) -> ssize_t = SYS_pread64(fd, into, len, offset);
    raw_pread_chk(fd: c_int, into: *mut c_void, len: size_t, offset: off_t, room: size_t) -> ssize_t
        = SYS_pread64(fd, into, len.min(room), offset);
    raw_preadv(fd: c_int, into: *const iovec, count: c_int, offset: off_t) -> ssize_t
        = SYS_preadv(fd, into, count, offset);
    raw_preadv2(fd: c_int, into: *const iovec, count: c_int, offset: off_t, flags: c_int) -> ssize_t
        = SYS_preadv2(fd, into, count, offset, 0, flags);
    raw_mmap(at: *mut c_void, len: size_t, prot: c_int, flags: c_int, fd: c_int, offset: off_t) -> *mut c_void
        = SYS_mmap(at, len, prot, flags, fd, offset);
}

/// The errno of mapping the kernel's own file: it is open for reading only, and then procfs cannot map it
/// (`proc_reg_mmap`), nor sysfs any file (`kernfs_fop_mmap`).
fn mmap_errno(answer: Answer, prot: c_int, flags: c_int) -> c_int {
    if prot & libc::PROT_WRITE != 0 && flags & libc::MAP_SHARED != 0 {
        return libc::EACCES;
    }
    if answer.is_in_proc() { libc::EIO } else { libc::ENODEV }
}
