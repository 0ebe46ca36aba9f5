//! The list of files that we answer.

use crate::scan;
use core::ffi::CStr;

/// A file that has an answer of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Answer {
    /// `/proc/meminfo`
    Meminfo,
    /// `/proc/swaps`
    Swaps,
    /// `/proc/stat`
    Stat,
    /// `/proc/cpuinfo`
    Cpuinfo,
    /// `/proc/uptime`
    Uptime,
    /// `/sys/devices/system/cpu/online`
    CpuOnline,
    /// `/sys/devices/system/cpu/present`
    CpuPresent,
    /// `/proc/loadavg`
    Loadavg,
}

impl Answer {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Meminfo,
        Self::Swaps,
        Self::Stat,
        Self::Cpuinfo,
        Self::Uptime,
        Self::CpuOnline,
        Self::CpuPresent,
        Self::Loadavg,
    ];

    /// The file's canonical path.
    pub const fn path(self) -> &'static CStr {
        match self {
            Self::Meminfo => c"/proc/meminfo",
            Self::Swaps => c"/proc/swaps",
            Self::Stat => c"/proc/stat",
            Self::Cpuinfo => c"/proc/cpuinfo",
            Self::Uptime => c"/proc/uptime",
            Self::CpuOnline => c"/sys/devices/system/cpu/online",
            Self::CpuPresent => c"/sys/devices/system/cpu/present",
            Self::Loadavg => c"/proc/loadavg",
        }
    }

    /// The answer whose canonical path is `path`, exactly.
    pub fn from_path(path: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.path().to_bytes() == path)
    }

    /// Whether it is a file of procfs; the others are of sysfs.
    pub fn is_in_proc(self) -> bool {
        self.path().to_bytes().starts_with(b"/proc/")
    }

    /// The length of the longest last component of an answer's path.
    pub const LONGEST_NAME: usize = b"meminfo".len();

    /// Whether the last component of its path is `name`.
    pub fn is_named(self, name: &[u8]) -> bool {
        scan::split_at_last(self.path().to_bytes(), b'/').is_some_and(|(_, last)| last == name)
    }

    /// Whether some answer's path ends in the component `name`: the cheap test before any other.
    pub fn may_be_named(name: &[u8]) -> bool {
        (SHORTEST_NAME..=Self::LONGEST_NAME).contains(&name.len()) && Self::ALL.into_iter().any(|it| it.is_named(name))
    }
}

const SHORTEST_NAME: usize = b"stat".len();
