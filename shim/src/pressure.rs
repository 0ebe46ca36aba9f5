//! `/proc/pressure`: the scope's own file takes the place of the kernel's, so that what is written to it and waited for is the
//! scope's too. It is no copy: nothing is ever refreshed.

use crate::answers;
use crate::scope::{self, Scratch};
use crate::sys::{self, Fd};
use calc::answer::Answer;
use calc::view::pressure;
use core::ffi::c_int;

/// Puts the scope's file over `fd`, opened with the program's `flags`: where it may not be opened so (a read-only mount, a
/// trigger by a program that has no right to the file) the kernel's stays.
#[inline(never)]
pub(crate) fn put_scopes(fd: c_int, answer: Answer, flags: c_int) -> Option<()> {
    if !answers::is_the_kernels(answer, fd)? {
        return None;
    }
    scope::look()?;
    sys::dup3(&scopes(answer, flags)?, fd, flags & libc::O_CLOEXEC)
}

#[inline(never)]
fn scopes(answer: Answer, flags: c_int) -> Option<Fd> {
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_places(|places| {
        let path = pressure::path(answer, places, scratch)?;
        sys::open(path, flags & (libc::O_ACCMODE | libc::O_NONBLOCK) | libc::O_NOCTTY)
    })
}
