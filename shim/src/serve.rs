//! The whole path of an answer: path → scope → readings → view → text → memory file → the program's descriptor.

use crate::{
    answers, fds, kernel,
    memory_file::{self, MemoryFile},
    next, options,
    path::{self, Target},
    pressure, sys,
    sys::Fd,
};
use calc::answer::Answer;
use core::ffi::{CStr, c_char, c_int};

/// What becomes of the descriptor that next has just opened from `path`: itself, with our answer put over it if there
/// is one, or −1 if the container has no such file.
///
/// # Safety
/// `path` is null or a NUL-terminated string.
#[inline(always)]
pub(crate) unsafe fn opened(fd: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller guarantees it; a path that concerns us is not null.
    unsafe { if fd >= 0 && path::may_concern_us(path) { replaced(fd, path, flags) } else { fd } }
}

/// # Safety
/// `path` is a NUL-terminated string.
#[cold]
#[inline(never)]
unsafe fn replaced(fd: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller guarantees it.
    match path::behind_name(fd, unsafe { CStr::from_ptr(path) }) {
        None => fd,
        Some(Target::Ours(answer)) => {
            over(fd, answer, flags);
            fd
        }
        Some(Target::Hidden) => {
            sys::close(fd);
            next::refuse(libc::ENOENT)
        }
    }
}

/// Puts the answer over `fd`, which the program opened with `flags`. If in doubt, leaves it as it is.
#[cold]
pub(crate) fn over(fd: c_int, answer: Answer, flags: c_int) {
    const OF_ANOTHER_KIND: c_int = libc::O_CREAT | libc::O_TRUNC | libc::O_PATH | libc::O_DIRECTORY | libc::O_TMPFILE;
    // The file exists, and procfs truncates nothing, so these flags mean nothing when writing.
    let meant = if answer.is_pressure() { flags & !(libc::O_CREAT | libc::O_TRUNC) } else { flags };
    if meant & OF_ANOTHER_KIND != 0 || !options::answers(answer) {
        return;
    }
    if flags & libc::O_ACCMODE == libc::O_RDONLY {
        answered(fd, answer, flags);
    } else if answer.is_pressure() {
        pressure::put_scopes(fd, answer, flags);
    }
}

#[inline(never)]
fn answered(fd: c_int, answer: Answer, flags: c_int) -> Option<()> {
    let mut file = MemoryFile::new(answer, fd)?;
    answers::compose(answer, fd, &mut file)?;
    file.publish(fd, flags)
}

/// Recomposes the answer behind `fd` before the program reads it from its start.
#[cold]
#[inline(never)]
pub(crate) fn refresh(fd: c_int) -> Option<()> {
    if options::off() {
        return None;
    }
    let Some(given) = memory_file::given(fd) else {
        fds::forget(fd);
        return None;
    };
    if given.is_current || !options::answers(given.answer) {
        return None;
    }
    let Some(writing) = given.writing else { return give_back(fd, given.answer) };
    let host = memory_file::kernels_own(given.answer, fd)?;
    let mut file = MemoryFile::again(given.answer, writing)?;
    let mut earlier_len = given.len;
    // If there is no answer any more, the kernel's own text replaces it.
    if answers::compose(given.answer, host.number(), &mut file).is_none() {
        earlier_len = earlier_len.max(file.begin_anew());
        if answers::kernels_own(host.number(), &mut file).is_none() {
            return put(&host, fd);
        }
    }
    // A text that was written in part, or cannot be cut, must not stay.
    file.finish_again(earlier_len).or_else(|| put(&host, fd))
}

/// Puts the kernel's own file over `fd`: a process that cannot rewrite what it carries would read the same for ever. A
/// new answer would take more stack than the hook has left here.
#[inline(never)]
fn give_back(fd: c_int, answer: Answer) -> Option<()> {
    let host = memory_file::kernels_own(answer, fd)
        .filter(|host| kernel::is_the_kernels(answer, host.number()) == Some(true))?;
    put(&host, fd)
}

/// Puts `host` over `fd`, which stays where it is in the text.
#[inline(never)]
fn put(host: &Fd, fd: c_int) -> Option<()> {
    sys::lseek(host.number(), sys::lseek(fd, 0, libc::SEEK_CUR) as i64, libc::SEEK_SET);
    sys::set_status_flags(host, sys::status_flags(fd)?);
    sys::dup3(host, fd, sys::closes_on_exec(fd)?)?;
    fds::forget(fd);
    Some(())
}
