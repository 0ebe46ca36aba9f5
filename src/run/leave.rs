//! What a process of ours leaves behind that goes on after `cgproc run`, or beside it.

use crate::host::descriptors;
use std::{ffi::CStr, os::fd::RawFd};

/// Leaves the terminal, the working directory and all descriptors except those `kept`: others may be waiting for these
/// to be released. From now on, this process is called `name`.
pub(super) fn everything(mut kept: Vec<RawFd>, name: &CStr) {
    let _ = rustix::process::setsid();
    let _ = rustix::process::chdir("/");
    let _ = rustix::thread::set_name(name);
    kept.sort_unstable();
    let mut first = 0;
    for number in kept.into_iter().chain([RawFd::MAX]) {
        if first < number {
            close_all(first, number - 1);
        }
        first = number.saturating_add(1);
    }
    // No other file may get the number of a standard stream.
    descriptors::hold_closed_standard_descriptors();
}

/// Closes the descriptors from `first` to `last`.
fn close_all(first: i32, last: i32) {
    // SAFETY: this process uses only what it keeps.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0 {
        return;
    }
    // A sandbox may refuse that call. No descriptor's number is above the limit.
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(1 << 20);
    for number in first..=last.min(i32::try_from(most).unwrap_or(i32::MAX)) {
        // SAFETY: as above.
        unsafe { libc::close(number) };
    }
}
