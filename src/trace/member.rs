//! The kernel's files as a program had them that may be gone by now: its membership of cgroups is kept as text.

use crate::host::kernel::{Kernel, Reading};
use calc::source::{Directory, Files};
use rustix::{
    fd::OwnedFd,
    fs::{MemfdFlags, memfd_create},
    io::pwrite,
};
use std::{ffi::CStr, sync::Arc};

/// The kernel's files, among which "self" is a member of certain cgroups.
#[derive(Clone)]
pub(super) struct Member(Option<Arc<[u8]>>);

impl Member {
    /// A member of the cgroups in `membership`, the text of a `/proc/PID/cgroup`; `None` is ourselves.
    pub(super) fn of(membership: Option<&[u8]>) -> Self {
        Self(membership.map(Arc::from))
    }
}

impl Files for Member {
    type File = Reading;

    fn open(&self, path: &CStr) -> Option<Reading> {
        match &self.0 {
            Some(text) if path == c"/proc/self/cgroup" => in_memory(text).map(Reading::plain),
            _ => Kernel.open(path),
        }
    }

    fn directory(&self, path: &CStr) -> Option<Directory> {
        Kernel.directory(path)
    }

    fn file_system(&self, path: &CStr) -> Option<u64> {
        Kernel.file_system(path)
    }
}

/// A file with this text, which is read from its start.
fn in_memory(text: &[u8]) -> Option<OwnedFd> {
    let file = memfd_create("membership", MemfdFlags::CLOEXEC).ok()?;
    (pwrite(&file, text, 0).ok()? == text.len()).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::kernel::whole;

    #[test]
    fn membership_is_as_it_was() {
        let read = |member: Member| whole(&mut member.open(c"/proc/self/cgroup").unwrap()).unwrap();
        assert_eq!(read(Member::of(Some(b"0::/gone\n"))), b"0::/gone\n");
        assert_eq!(read(Member::of(None)), std::fs::read("/proc/self/cgroup").unwrap());
        assert!(Member::of(Some(b"")).open(c"/proc/version").is_some());
    }
}
