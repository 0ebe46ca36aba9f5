//! statfs(2), statvfs(3): the container's root, if it is told how much of the disk it may use.

use super::stand_ins;
use crate::{memory_file, options, scope, signature, sys};
use calc::view::disk::Space;
use core::ffi::CStr;
use libc::{c_char, c_int};

/// What the two structures share.
trait FileSystem {
    fn block_bytes(&self) -> u64;
    fn space(&self) -> Space;
    fn set_space(&mut self, space: &Space);
}

macro_rules! file_system {
    ($type:ty) => {
        impl FileSystem for $type {
            fn block_bytes(&self) -> u64 {
                // Some file systems do not fill in the fragment size.
                if self.f_frsize > 0 { self.f_frsize as u64 } else { self.f_bsize as u64 }
            }

            fn space(&self) -> Space {
                Space { blocks: self.f_blocks, free: self.f_bfree, available: self.f_bavail }
            }

            fn set_space(&mut self, space: &Space) {
                self.f_blocks = space.blocks;
                self.f_bfree = space.free;
                self.f_bavail = space.available;
            }
        }
    };
}

file_system!(libc::statfs);
file_system!(libc::statvfs);

pub(crate) unsafe fn statfs(next: signature::statfs, path: *const c_char, to: *mut libc::statfs) -> c_int {
    // SAFETY: the caller's arguments; if the call succeeded, the path is a string and `to` is written.
    unsafe {
        let result = next(path, to);
        if result == 0 && is_limited() && is_of_root(device_of(path)) {
            limit(&mut *to);
        }
        result
    }
}

pub(crate) unsafe fn fstatfs(next: signature::fstatfs, fd: c_int, to: *mut libc::statfs) -> c_int {
    // SAFETY: see `statfs`.
    unsafe {
        let result = next(fd, to);
        if result == 0 && (*to).f_type == libc::TMPFS_MAGIC {
            as_the_kernels(fd, &mut *to);
        } else if result == 0 && is_limited() && is_of_root(device_behind(fd)) {
            limit(&mut *to);
        }
        result
    }
}

stand_ins! {
    raw_statfs(path: *const c_char, to: *mut libc::statfs) -> c_int = SYS_statfs(path, to);
    raw_fstatfs(fd: c_int, to: *mut libc::statfs) -> c_int = SYS_fstatfs(fd, to);
}

/// If `fd` carries an answer of ours, describes the file system of the kernel's own file.
#[cold]
fn as_the_kernels(fd: c_int, to: &mut libc::statfs) {
    // On failure, next's result stays.
    let _ =
        memory_file::carried(fd).and_then(|answer| memory_file::with_path(answer, fd, |path| sys::statfs(path, to)));
}

pub(crate) unsafe fn statvfs(next: Option<signature::statvfs>, path: *const c_char, to: *mut libc::statvfs) -> c_int {
    let Some(next) = next else { return crate::next::refuse(libc::ENOSYS) };
    // SAFETY: see `statfs`.
    unsafe {
        let result = next(path, to);
        if result == 0 && is_limited() && is_of_root(device_of(path)) {
            limit(&mut *to);
        }
        result
    }
}

pub(crate) unsafe fn fstatvfs(next: Option<signature::fstatvfs>, fd: c_int, to: *mut libc::statvfs) -> c_int {
    let Some(next) = next else { return crate::next::refuse(libc::ENOSYS) };
    // SAFETY: see `statfs`.
    unsafe {
        let result = next(fd, to);
        if result == 0 && is_limited() && is_of_root(device_behind(fd)) {
            limit(&mut *to);
        }
        result
    }
}

/// Whether the container is told a limit. If not, this check is all that these calls cost.
fn is_limited() -> bool {
    !options::off() && options::disk_bytes() > 0
}

/// Whether this is the device that holds the root.
fn is_of_root(device: Option<u64>) -> bool {
    device.is_some() && sys::stat(c"/").map(|root| root.st_dev) == device
}

/// # Safety
/// `path` is a NUL-terminated string.
unsafe fn device_of(path: *const c_char) -> Option<u64> {
    // SAFETY: the caller guarantees it.
    sys::stat(unsafe { CStr::from_ptr(path) }).map(|stat| stat.st_dev)
}

fn device_behind(fd: c_int) -> Option<u64> {
    sys::fstat(fd).map(|stat| stat.st_dev)
}

/// Replaces the machine's disk by the limit and, if somebody measures it, what is used of it.
fn limit(found: &mut impl FileSystem) {
    let limited = || found.space().limited(options::disk_bytes(), scope::disk_used_bytes()?, found.block_bytes());
    if let Some(space) = limited() {
        found.set_space(&space);
    }
}
