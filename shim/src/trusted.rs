//! Our own files, which only root or we ourselves may have written.

use crate::sys::{self, Fd};
use core::ffi::{CStr, c_int};

/// Opens `path` for reading, where nobody else can have written what is there.
#[inline(never)]
pub(crate) fn open(path: &CStr) -> Option<Fd> {
    const FLAGS: c_int = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW;
    let file = sys::open(path, FLAGS)?;
    is_trusted(&sys::fstat(file.number())?).then_some(file)
}

fn is_trusted(stat: &libc::stat) -> bool {
    const OTHERS_WRITE: u32 = libc::S_IWGRP | libc::S_IWOTH;
    let is_closed = stat.st_mode & (libc::S_IFMT | OTHERS_WRITE) == libc::S_IFREG;
    is_closed
        && (stat.st_uid == 0
            || stat.st_uid == sys::geteuid()
            || stat.st_uid == NOBODY_HERE && sys::is_in_user_namespace())
}

/// Whom the kernel shows in place of a user whom the user namespace does not have (`overflowuid`): the root outside.
const NOBODY_HERE: u32 = 65_534;
