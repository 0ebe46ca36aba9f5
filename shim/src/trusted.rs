//! Files that somebody names are checked before they are opened, because opening a device or a pipe has effects.

use crate::{link, sys, sys::Fd};
use core::ffi::{CStr, c_int};

/// For reading, without waiting for a process that has a lease on the file.
pub(crate) const READING: c_int = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;

/// Opens `path` with `flags`, if `is_wanted` accepts what is there.
#[inline(never)]
pub(crate) fn open_if(path: &CStr, flags: c_int, is_wanted: impl FnOnce(&libc::stat) -> bool) -> Option<Fd> {
    let found = sys::open(path, libc::O_PATH | flags & libc::O_NOFOLLOW)?;
    if !is_wanted(&sys::fstat(found.number())?) {
        return None;
    }
    let mut buffer = [0; 32];
    sys::open(link::of(found.number(), &mut buffer)?, flags & !libc::O_NOFOLLOW)
}

/// Opens `path` for reading, if only root or our own user can have written what is there.
#[inline(never)]
pub(crate) fn open(path: &CStr) -> Option<Fd> {
    open_if(path, READING | libc::O_NOFOLLOW, is_trusted)
}

/// Whether there is a file at `path` that only root or our own user can have put there. It is not opened.
#[inline(never)]
pub(crate) fn is_there(path: &CStr) -> bool {
    sys::lstat(path).is_some_and(|stat| is_trusted(&stat))
}

/// Whether it is a regular file, like all of the kernel's own.
pub(crate) fn is_regular(stat: &libc::stat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFREG
}

fn is_trusted(stat: &libc::stat) -> bool {
    const OTHERS_WRITE: u32 = libc::S_IWGRP | libc::S_IWOTH;
    is_regular(stat)
        && stat.st_mode & OTHERS_WRITE == 0
        && (stat.st_uid == 0
            || stat.st_uid == sys::geteuid()
            || stat.st_uid == NOBODY_HERE && sys::is_in_user_namespace())
}

/// The user shown for one that the user namespace does not have (`overflowuid`): the root outside.
const NOBODY_HERE: u32 = 65_534;

/// Room for the path of a program.
type Room = [u8; 512];

/// Whether the process still has the root in which it was started, where its program is found by its own name. In
/// another root, the files may be anybody's rather than the administrator's.
#[cold]
#[inline(never)]
pub(crate) fn is_in_first_root() -> bool {
    is_program_at_its_path() == Some(true)
}

fn is_program_at_its_path() -> Option<bool> {
    const PROGRAM: &CStr = c"/proc/self/exe";
    let mut room: Room = [0; _];
    // The rest of the room after the path is its final NUL.
    sys::readlink(PROGRAM, &mut room)?;
    let own = sys::stat(PROGRAM)?;
    let found = sys::stat(CStr::from_bytes_until_nul(&room).ok()?)?;
    Some((own.st_dev, own.st_ino) == (found.st_dev, found.st_ino))
}
