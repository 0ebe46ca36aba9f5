//! The running kernel's files.

use calc::source::{Directory, Files, Source};
use rustix::{
    fd::OwnedFd,
    fs::{FileType, Mode, OFlags, SeekFrom, open, readlink, seek, stat, statfs},
    io,
    path::Arg,
};
use std::{
    ffi::{CStr, CString},
    os::fd::AsRawFd,
};

/// The running kernel's files, read past libc: an object preloaded into this very process does not see it.
#[derive(Clone, Copy)]
pub(crate) struct Kernel;

/// An open file.
pub(crate) struct Reading(pub(crate) OwnedFd);

impl Files for Kernel {
    type File = Reading;

    fn open(&self, path: &CStr) -> Option<Reading> {
        let file = open(path, OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        Some(Reading(file))
    }

    fn directory(&self, path: &CStr) -> Option<Directory> {
        let stat = stat(path).ok()?;
        (FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
            .then_some(Directory { inode: stat.st_ino, links: stat.st_nlink as u64 })
    }

    fn file_system(&self, path: &CStr) -> Option<u64> {
        u64::try_from(statfs(path).ok()?.f_type).ok()
    }
}

impl Source for Reading {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        io::retry_on_intr(|| io::read(&self.0, &mut *into)).ok()
    }

    fn rewind(&mut self) {
        // A file of the kernel's that can be read can be read again.
        let _ = seek(&self.0, SeekFrom::Start(0));
    }
}

/// A file that the kernel composes piece by piece: a short read is not its end.
pub(crate) struct Iterated<S>(pub(crate) S);

impl<S: Source> Source for Iterated<S> {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        self.0.read(into)
    }

    fn rewind(&mut self) {
        self.0.rewind();
    }

    fn short_read_is_end(&self) -> bool {
        false
    }
}

/// The path without symbolic links of what is at `path`.
pub(crate) fn real_path(path: impl Arg) -> Option<Vec<u8>> {
    let file = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    readlink(link(&file), Vec::new()).ok().map(CString::into_bytes)
}

/// The link by which an open file of ours can be looked at, and opened again.
pub(crate) fn link(file: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// All of a file.
pub(crate) fn whole(file: &mut impl Source) -> Option<Vec<u8>> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 16384]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Some(bytes),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}
