//! `/proc/pressure` for writing: the program writes a trigger to the file and waits for it, so the scope's own file
//! replaces the kernel's. It is not a copy, and never refreshed.

use crate::{
    kernel::{self, Reading},
    options, scope,
    sys::{self, Fd},
    trusted,
};
use calc::{answer::Answer, source::Scratch, view::pressure};
use core::ffi::{CStr, c_int};

/// Puts the scope's file over `fd`, opened with the program's `flags`. If it cannot be opened like that (a read-only
/// mount, or a trigger by a program that has no right to the file), the kernel's stays.
#[inline(never)]
pub(crate) fn put_scopes(fd: c_int, answer: Answer, flags: c_int) -> Option<()> {
    if !kernel::is_the_kernels(answer, fd)? {
        return None;
    }
    scope::look()?;
    let own = scopes(answer, flags & (libc::O_ACCMODE | libc::O_NONBLOCK) | libc::O_NOFOLLOW)?;
    // The program must write to no other file.
    is_of_a_cgroup(&own)?;
    sys::dup3(&own, fd, flags & libc::O_CLOEXEC)
}

/// The scope's file, once [`scope::look`] has found where.
#[inline(never)]
fn scopes(answer: Answer, flags: c_int) -> Option<Fd> {
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_places(|places| trusted::open_if(pressure::path(answer, places, scratch)?, flags, trusted::is_regular))
}

/// Opens the scope's file at `path` for reading.
pub(crate) fn open(path: &CStr) -> Option<Reading> {
    let own = trusted::open_if(path, trusted::READING, trusted::is_regular)?;
    if options::views_another() {
        is_of_a_cgroup(&own)?;
    }
    Some(Reading::owned(own, false))
}

/// Whether the file is a cgroup's: below the directory that `CGPROC_CGROUP` names, anything may lie under such a name.
fn is_of_a_cgroup(file: &Fd) -> Option<()> {
    (sys::file_system(file.number())? == libc::CGROUP2_SUPER_MAGIC as u64).then_some(())
}
