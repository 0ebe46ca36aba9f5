//! The kernel's own files, read past every hook.

use crate::sys::{self, Fd};
use calc::source::{Directory, Files, Source};
use core::ffi::{CStr, c_int};

/// The running kernel's tree of files.
pub(crate) struct Kernel;

/// A small kernel file, opened and closed by us.
pub(crate) struct Reading {
    fd: Fd,
    at: u64,
}

impl Files for Kernel {
    type File = Reading;

    fn open(&self, path: &CStr) -> Option<Reading> {
        sys::open(path, libc::O_RDONLY | libc::O_NOCTTY).map(|fd| Reading { fd, at: 0 })
    }

    fn directory(&self, path: &CStr) -> Option<Directory> {
        let stat = sys::stat(path)?;
        (stat.st_mode & libc::S_IFMT == libc::S_IFDIR).then_some(Directory { inode: stat.st_ino, links: stat.st_nlink })
    }

    fn file_system(&self, path: &CStr) -> Option<u64> {
        sys::file_system_at(path)
    }
}

impl Source for Reading {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        read_on(self.fd.number(), &mut self.at, into)
    }
}

/// The kernel's text of the file that the program has just opened. Its offset stays where it is.
pub(crate) struct Opened {
    fd: c_int,
    at: u64,
    iterated: bool,
}

impl Opened {
    /// The file behind the program's descriptor `fd`; `iterated` when a short read is not the end.
    pub(crate) fn new(fd: c_int, iterated: bool) -> Self {
        Self { fd, at: 0, iterated }
    }
}

impl Source for Opened {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        read_on(self.fd, &mut self.at, into)
    }

    fn short_read_is_end(&self) -> bool {
        !self.iterated
    }
}

fn read_on(fd: c_int, at: &mut u64, into: &mut [u8]) -> Option<usize> {
    let read = sys::pread(fd, into, *at)?;
    *at = at.wrapping_add(read as u64);
    Some(read)
}
