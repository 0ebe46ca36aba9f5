//! Where each controller's cgroup of a process is: `/proc/PID/cgroup` and the mounts, boiled down.

use crate::source::Files;
use core::ffi::CStr;

/// Whose cgroups to look for.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// The calling process's: `/proc/self/cgroup`, the scope by pid 1's.
    Caller,
    /// Those of the process whose `/proc/PID/cgroup` this is.
    Process(&'a CStr),
    /// The cgroup at this path below every hierarchy's mount (`/docker/4f1e…`).
    Path(&'a [u8]),
    /// This directory, with files in the form of cgroup v2, and nothing above it.
    Directory(&'a [u8]),
}

/// The places of a process's cgroups. Plain bytes without padding, so that it can be kept in atomic words.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Places {
    /// When the scope's first process started, in ticks ([`crate::host::USER_HZ`]) since boot; 0 when that is not known.
    pub began_ticks: u64,
    pool: [u8; 632],
}

impl Places {
    /// Finds the places. `None` when there is any doubt: no cgroup file system, a path that no mount shows.
    pub fn locate(files: &impl Files, whose: Whose<'_>, scratch: &mut [u8]) -> Option<Self> {
        let _ = (files, whose, scratch);
        None
    }

    /// Whether the process still is where `self` says.
    pub fn still_hold(&self, files: &impl Files, whose: Whose<'_>, scratch: &mut [u8]) -> bool {
        let _ = (files, whose, scratch);
        false
    }
}
