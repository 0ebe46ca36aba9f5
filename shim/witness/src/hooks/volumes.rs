//! statfs(2), statvfs(3): how large is the file system of the root?

use crate::{
    asked::{Question, leads_to, string},
    door::doors,
    got,
};
use libc::{c_char, c_int, statfs as about, statvfs as volume};
use rustix::{
    fd::BorrowedFd,
    fs::{fstat, stat},
};
use std::ffi::CStr;

doors! {
    statfs(path: *const c_char, to: *mut about) -> c_int, asks of_root(path), gives got::file_system(to);
    statfs64(path: *const c_char, to: *mut about) -> c_int, asks of_root(path), gives got::file_system(to);
    fstatfs(fd: c_int, to: *mut about) -> c_int, asks of_root_behind(fd), gives got::file_system(to);
    fstatfs64(fd: c_int, to: *mut about) -> c_int, asks of_root_behind(fd), gives got::file_system(to);
    statvfs(path: *const c_char, to: *mut volume) -> c_int, asks of_root(path), gives got::volume(to);
    statvfs64(path: *const c_char, to: *mut volume) -> c_int, asks of_root(path), gives got::volume(to);
    fstatvfs(fd: c_int, to: *mut volume) -> c_int, asks of_root_behind(fd), gives got::volume(to);
    fstatvfs64(fd: c_int, to: *mut volume) -> c_int, asks of_root_behind(fd), gives got::volume(to);
}

/// The path, if it is in the file system of the root.
///
/// # Safety
/// `path` is null or a string.
unsafe fn of_root(path: *const c_char) -> Option<Question> {
    let mut question = Question::new();
    // SAFETY: the caller guarantees it.
    question.put(unsafe { string(path)? });
    // SAFETY: the same; it is not null.
    let there = stat(unsafe { CStr::from_ptr(path) }).ok()?;
    (there.st_dev == root()?).then_some(question)
}

fn of_root_behind(fd: c_int) -> Option<Question> {
    if fd < 0 {
        return None;
    }
    // SAFETY: the kernel says if nothing is open there.
    let there = fstat(unsafe { BorrowedFd::borrow_raw(fd) }).ok()?;
    if there.st_dev != root()? {
        return None;
    }
    let mut question = Question::new();
    leads_to(fd, &mut question);
    Some(question)
}

/// The device of the root's file system.
fn root() -> Option<u64> {
    Some(stat(c"/").ok()?.st_dev)
}
