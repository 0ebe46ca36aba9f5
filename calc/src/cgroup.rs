//! Where a process's cgroups are, and what their files say.

pub mod cpu;
pub mod cpuset;
pub(crate) mod io;
pub mod least;
mod locate;
mod membership;
pub mod memory;
mod mountinfo;
pub mod pids;
pub mod places;

use crate::{
    path,
    scan::{self, Name},
    source::{self, Files, Source},
};
use core::ffi::CStr;

pub use mountinfo::unescape;

/// A controller whose cgroups we look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Controller {
    /// Memory and swap.
    Memory,
    /// CPU time, limited.
    Cpu,
    /// CPU time, counted.
    Cpuacct,
    /// CPUs and memory nodes.
    Cpuset,
    /// Block devices.
    Io,
    /// Threads.
    Pids,
}

impl Controller {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] = [Self::Memory, Self::Cpu, Self::Cpuacct, Self::Cpuset, Self::Io, Self::Pids];

    /// Version 1's name: in the second field of a `/proc/PID/cgroup` line, and among the options of a mount.
    pub fn name(self) -> &'static [u8] {
        static NAMES: [Name; Controller::ALL.len()] = [
            Name::new("memory"),
            Name::new("cpu"),
            Name::new("cpuacct"),
            Name::new("cpuset"),
            Name::new("blkio"),
            Name::new("pids"),
        ];
        NAMES.get(self as usize).map(Name::text).unwrap_or_default()
    }
}

/// The version of a cgroup hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A hierarchy for each controller, or for a few of them.
    V1,
    /// One for all.
    V2,
}

/// The contents of a limit's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// There is no such file, because the controller is not enabled here, or its form is unknown.
    Absent,
    /// `max`, `-1`, or v1's largest number.
    Unlimited,
    /// The limit.
    Of(u64),
}

impl Setting {
    /// v1 has no word for "unlimited" but the largest page count that fits a long; no real limit comes near.
    const V1_UNLIMITED: u64 = 1 << 62;

    /// Parses a limit; `None` for anything else.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        match scan::without_newline(text) {
            b"max" | b"-1" => Some(Self::Unlimited),
            number => scan::whole_number(number).map(Self::of),
        }
    }

    /// A limit of this many bytes.
    pub(crate) fn of(limit: u64) -> Self {
        if limit < Self::V1_UNLIMITED { Self::Of(limit) } else { Self::Unlimited }
    }
}

/// A cgroup's directory, in which files can be opened.
pub trait CgroupFiles {
    /// An open file of this cgroup.
    type File: Source;

    /// Opens a file of this cgroup. Meanwhile the buffer may hold its path.
    fn open(&self, name: &[u8], buffer: &mut [u8]) -> Option<Self::File>;

    /// All of a small file; `None` if there is none or it cannot be read.
    fn text<'b>(&self, name: &[u8], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        source::read_whole(&mut self.open(name, buffer)?, buffer)
    }

    /// The limit in a file.
    #[inline(never)]
    fn setting(&self, name: &[u8], buffer: &mut [u8]) -> Setting {
        self.text(name, buffer).and_then(Setting::parse).unwrap_or(Setting::Absent)
    }

    /// The number in a file; 0 if it is negative.
    #[inline(never)]
    fn number(&self, name: &[u8], buffer: &mut [u8]) -> Option<u64> {
        scan::clamped_number(self.text(name, buffer)?)
    }
}

/// A level of a process's own chain of cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level<'p> {
    mount: &'p [u8],
    /// The path below the mount; empty at its top.
    path: &'p [u8],
}

impl Level<'_> {
    /// Builds the path of a file of this cgroup in the buffer.
    #[inline(always)]
    pub(crate) fn file<'b>(&self, name: &[u8], buffer: &'b mut [u8]) -> Option<&'b CStr> {
        path::join(buffer, &[self.mount, self.path, b"/", name])
    }

    /// The depth below the mount, as a path length to compare with other levels of the same chain.
    pub(crate) fn depth(&self) -> usize {
        self.path.len()
    }

    /// Opens a file of this cgroup. Meanwhile the buffer holds its path.
    #[inline(always)]
    pub(crate) fn open<F: Files>(&self, files: &F, name: &[u8], buffer: &mut [u8]) -> Option<F::File> {
        files.open(self.file(name, buffer)?)
    }

    /// Builds the path of this cgroup's directory in the buffer.
    pub(crate) fn directory<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b CStr> {
        path::join(buffer, &[self.mount, self.path])
    }

    /// This level, with its files opened in the tree `files`.
    pub(crate) fn among<'l, F: Files>(&'l self, files: &'l F) -> Among<'l, F> {
        Among { level: self, files }
    }
}

/// See [`Level::among`].
pub(crate) struct Among<'l, F> {
    level: &'l Level<'l>,
    files: &'l F,
}

impl<F: Files> CgroupFiles for Among<'_, F> {
    type File = F::File;

    #[inline(always)]
    fn open(&self, name: &[u8], buffer: &mut [u8]) -> Option<F::File> {
        self.level.open(self.files, name, buffer)
    }
}

/// A process's place in one hierarchy: its own cgroup, those above that the mount shows, and which of them is the
/// scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hierarchy<'p> {
    pub(crate) version: Version,
    pub(crate) mount: &'p [u8],
    /// The path of its own cgroup below the mount.
    pub(crate) own: &'p [u8],
    /// The scope: its own cgroup or one above.
    pub(crate) scope: &'p [u8],
    /// Whether the mount's top is the machine's root cgroup, which has no limits.
    pub(crate) top_is_root: bool,
}

impl<'p> Hierarchy<'p> {
    /// Its own cgroup and those above it, upward, without the machine's root.
    pub(crate) fn chain(&self) -> Chain<'p> {
        self.chain_from(self.own)
    }

    /// The scope and the cgroups above it, upward; empty if the scope is the machine's root.
    pub(crate) fn chain_of_scope(&self) -> Chain<'p> {
        self.chain_from(self.scope)
    }

    fn chain_from(&self, path: &'p [u8]) -> Chain<'p> {
        Chain { mount: self.mount, next: Some(path), top_is_root: self.top_is_root }
    }
}

/// A cgroup and those above it, upward.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain<'p> {
    mount: &'p [u8],
    next: Option<&'p [u8]>,
    top_is_root: bool,
}

impl<'p> Iterator for Chain<'p> {
    type Item = Level<'p>;

    fn next(&mut self) -> Option<Level<'p>> {
        let path = self.next?;
        if path.is_empty() && self.top_is_root {
            return None;
        }
        self.next = scan::split_at_last(path, b'/').map(|(parent, _)| parent);
        Some(Level { mount: self.mount, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{string::String, vec::Vec};

    #[test]
    fn settings() {
        assert_eq!(Setting::parse(b"max\n"), Some(Setting::Unlimited));
        assert_eq!(Setting::parse(b"-1\n"), Some(Setting::Unlimited));
        assert_eq!(Setting::parse(b"9223372036854771712\n"), Some(Setting::Unlimited));
        assert_eq!(Setting::parse(b"0\n"), Some(Setting::Of(0)));
        assert_eq!(Setting::parse(b"536870912\n"), Some(Setting::Of(536_870_912)));
        for garbage in [&b""[..], b"\n", b"maximum\n", b"-2\n", b"1 2\n", b"0x10\n"] {
            assert_eq!(Setting::parse(garbage), None);
        }
    }

    #[test]
    fn a_chain_goes_up_to_the_top_of_the_mount_but_not_to_the_machines_root() {
        let chain = |own: &str, top_is_root| -> Vec<String> {
            let place = Hierarchy { version: Version::V2, mount: b"/m", own: own.as_bytes(), scope: b"", top_is_root };
            place.chain().map(|level| String::from_utf8(level.path.to_vec()).unwrap()).collect()
        };
        assert_eq!(chain("/a/b", false), ["/a/b", "/a", ""]);
        assert_eq!(chain("/a/b", true), ["/a/b", "/a"]);
        assert_eq!(chain("", false), [""]);
        assert_eq!(chain("", true), [""; 0]);
    }
}
