//! Notes on why something was passed through, in the file that `CGPROC_DEBUG` names, never on the program's own
//! descriptors.
//!
//! A program may have got that name from somebody with fewer rights. So no file is created, and one is written to only
//! if its owner made it for notes: it must be empty or begin like notes.

use crate::{environment, sys, trusted};
use core::ffi::{CStr, c_int};

/// The beginning of every note.
const START: &[u8] = b"cgproc: ";

/// Room for the longest note, with a final NUL.
type Line = [u8; 384];

/// Writes a note of these parts to the file at `path`, if that is one for notes.
#[cold]
#[inline(never)]
pub(crate) fn write(path: &CStr, [subject, what, why]: [&[u8]; 3]) -> Option<()> {
    const FLAGS: c_int = libc::O_RDWR | libc::O_APPEND | libc::O_NONBLOCK | libc::O_NOFOLLOW;
    if environment::is_secure() {
        return None;
    }
    let file = trusted::open_if(path, FLAGS, is_own)?;
    let mut start = [0; START.len()];
    let read = sys::pread(file.number(), &mut start, 0)?;
    if read > 0 && start != *START {
        return None;
    }
    let mut line: Line = [0; _];
    let line = calc::path::join(&mut line, &[START, subject, what, why, b"\n"])?.to_bytes();
    // A write beyond the limit would kill the program.
    let end = (sys::fstat(file.number())?.st_size as u64).checked_add(line.len() as u64)?;
    if end <= sys::file_size_limit()? { sys::write(&file, line).map(drop) } else { None }
}

/// Whether it is a regular file owned by the user whose rights the program has.
fn is_own(stat: &libc::stat) -> bool {
    trusted::is_regular(stat) && stat.st_uid == sys::geteuid()
}
