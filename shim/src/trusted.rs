//! Files that somebody names: looked at before they are opened, since opening a device or a pipe is not without effect.

use crate::{link, sys, sys::Fd};
use core::ffi::{CStr, c_int};

/// To read, without waiting for who has a lease of the file.
pub(crate) const READING: c_int = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;

/// Opens `path` with `flags`, where `is_wanted` holds for what is there.
#[inline(never)]
pub(crate) fn open_if(path: &CStr, flags: c_int, is_wanted: impl FnOnce(&libc::stat) -> bool) -> Option<Fd> {
    let found = sys::open(path, libc::O_PATH | flags & libc::O_NOFOLLOW)?;
    if !is_wanted(&sys::fstat(found.number())?) {
        return None;
    }
    let mut buffer = [0; 32];
    sys::open(link::of(found.number(), &mut buffer)?, flags & !libc::O_NOFOLLOW)
}

/// Opens `path` for reading, where only root or we ourselves may have written what is there.
#[inline(never)]
pub(crate) fn open(path: &CStr) -> Option<Fd> {
    open_if(path, READING | libc::O_NOFOLLOW, is_trusted)
}

/// Whether it is a regular file, as all of the kernel's own are.
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

/// Whom the kernel shows in place of a user whom the user namespace does not have (`overflowuid`): the root outside.
const NOBODY_HERE: u32 = 65_534;

/// Room for the path of a program.
type Room = [u8; 512];

/// Whether the process still has the root that it was started in: its program is found there by its own name. Below another
/// root, whoever put the files there is not the administrator.
#[cold]
#[inline(never)]
pub(crate) fn is_in_first_root() -> bool {
    is_program_at_its_path() == Some(true)
}

fn is_program_at_its_path() -> Option<bool> {
    const PROGRAM: &CStr = c"/proc/self/exe";
    let mut room: Room = [0; _];
    // What the path does not take of the room is its final NUL.
    sys::readlink(PROGRAM, &mut room)?;
    let (own, found) = (sys::stat(PROGRAM)?, sys::stat(CStr::from_bytes_until_nul(&room).ok()?)?);
    Some((own.st_dev, own.st_ino) == (found.st_dev, found.st_ino))
}
