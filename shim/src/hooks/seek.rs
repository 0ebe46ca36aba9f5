//! lseek(2), pread(2), mmap(2): what programs do with a descriptor besides reading on.

use super::by_kernel;
use crate::{fds, memory_file, next, serve, signature, sys};
use calc::answer::Answer;
use libc::{SEEK_CUR, SEEK_SET, c_int, c_void, iovec, off_t, size_t, ssize_t};

pub(crate) unsafe fn lseek(next: Option<signature::lseek>, fd: c_int, offset: off_t, whence: c_int) -> off_t {
    match whence {
        SEEK_SET if offset == 0 && fds::may_be_ours(fd) => {
            serve::refresh(fd);
        }
        SEEK_SET | SEEK_CUR => {}
        _ => {
            if let Some(answer) = memory_file::carried(fd) {
                return as_the_kernel_seeks(fd, answer, offset, whence);
            }
        }
    }
    // SAFETY: the caller's arguments.
    unsafe {
        next.map_or_else(
            || by_kernel(libc::SYS_lseek, [fd as usize, offset as usize, whence as usize, 0, 0, 0]) as off_t,
            |next| next(fd, offset, whence),
        )
    }
}

/// The result of a seek from the end of the kernel's own file: most refuse it.
#[cold]
#[inline(never)]
fn as_the_kernel_seeks(fd: c_int, answer: Answer, offset: off_t, whence: c_int) -> off_t {
    let Some(own) = memory_file::kernels_own(answer, fd) else {
        return off_t::from(next::refuse(libc::EINVAL));
    };
    let at = sys::lseek(own.number(), offset, whence);
    next::as_libc(if at < 0 { at } else { sys::lseek(fd, at as i64, SEEK_SET) }) as off_t
}

/// Recomposes an answer that is about to be read from its start.
fn refresh(fd: c_int, offset: off_t) {
    if offset == 0 && fds::may_be_ours(fd) {
        serve::refresh(fd);
    }
}

pub(crate) unsafe fn pread(
    next: Option<signature::pread>,
    fd: c_int,
    into: *mut c_void,
    len: size_t,
    offset: off_t,
) -> ssize_t {
    refresh(fd, offset);
    // SAFETY: the caller's arguments.
    unsafe {
        next.map_or_else(
            || by_kernel(libc::SYS_pread64, [fd as usize, into as usize, len, offset as usize, 0, 0]),
            |next| next(fd, into, len, offset),
        )
    }
}

pub(crate) unsafe fn pread_chk(
    next: Option<signature::__pread_chk>,
    fd: c_int,
    into: *mut c_void,
    len: size_t,
    offset: off_t,
    room: size_t,
) -> ssize_t {
    refresh(fd, offset);
    // SAFETY: the caller's arguments.
    unsafe {
        next.map_or_else(
            || by_kernel(libc::SYS_pread64, [fd as usize, into as usize, len.min(room), offset as usize, 0, 0]),
            |next| next(fd, into, len, offset, room),
        )
    }
}

pub(crate) unsafe fn preadv(
    next: Option<signature::preadv>,
    fd: c_int,
    into: *const iovec,
    count: c_int,
    offset: off_t,
) -> ssize_t {
    refresh(fd, offset);
    // SAFETY: the caller's arguments.
    unsafe {
        next.map_or_else(
            || by_kernel(libc::SYS_preadv, [fd as usize, into as usize, count as usize, offset as usize, 0, 0]),
            |next| next(fd, into, count, offset),
        )
    }
}

pub(crate) unsafe fn preadv2(
    next: Option<signature::preadv2>,
    fd: c_int,
    into: *const iovec,
    count: c_int,
    offset: off_t,
    flags: c_int,
) -> ssize_t {
    refresh(fd, offset);
    let args = [fd as usize, into as usize, count as usize, offset as usize, 0, flags as usize];
    // SAFETY: the caller's arguments.
    unsafe { next.map_or_else(|| by_kernel(libc::SYS_preadv2, args), |next| next(fd, into, count, offset, flags)) }
}

pub(crate) unsafe fn mmap(
    next: Option<signature::mmap>,
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
    let args = [at as usize, len, prot as usize, flags as usize, fd as usize, offset as usize];
    // SAFETY: the caller's arguments.
    unsafe {
        next.map_or_else(
            || by_kernel(libc::SYS_mmap, args) as *mut c_void,
            |next| next(at, len, prot, flags, fd, offset),
        )
    }
}

/// The errno of mapping the kernel's own file: it is open for reading only, and then procfs cannot map it
/// (`proc_reg_mmap`), nor sysfs any file (`kernfs_fop_mmap`).
fn mmap_errno(answer: Answer, prot: c_int, flags: c_int) -> c_int {
    if prot & libc::PROT_WRITE != 0 && flags & libc::MAP_SHARED != 0 {
        return libc::EACCES;
    }
    if answer.is_in_proc() { libc::EIO } else { libc::ENODEV }
}
