//! The kernel's own files, read without any hook.

use crate::{
    sys::{self, Fd},
    trusted,
};
use calc::{
    answer::Answer,
    source::{Directory, Files, Source},
};
use core::{
    ffi::{CStr, c_int},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

/// The running kernel's files.
pub(crate) struct Kernel;

/// Whether some paths are below a directory that somebody has named (`CGPROC_CGROUP`), where anything may lie.
static IS_NAMED: AtomicBool = AtomicBool::new(false);

/// From now on, checks files before opening them, and reads less of them.
pub(crate) fn look_first() {
    IS_NAMED.store(true, Relaxed);
}

/// Whether `host` is the kernel's own file. If not, lxcfs or something else is mounted there and answers already.
pub(crate) fn is_the_kernels(answer: Answer, host: c_int) -> Option<bool> {
    Some(sys::file_system(host)? == answer.file_system())
}

/// A kernel file being read, independently of its own offset.
pub(crate) struct Reading {
    fd: c_int,
    at: u32,
    /// Bytes read in all, however often from the start.
    total: u32,
    iterated: bool,
    /// Whether we close it.
    is_ours: bool,
}

impl Reading {
    /// A file without an end is given up. The kernel's own files end, and may be reread for each of many devices.
    const MOST_BYTES: u32 = 64 << 20;
    /// The bound below a directory that somebody has named.
    const MOST_BYTES_OF_ANOTHERS: u32 = 4 << 20;

    /// The file behind the program's descriptor `fd`; `iterated` if a short read does not mean the end.
    pub(crate) fn of(fd: c_int, iterated: bool) -> Self {
        Self { fd, at: 0, total: 0, iterated, is_ours: false }
    }

    /// A file that we have opened ourselves.
    pub(crate) fn owned(fd: Fd, iterated: bool) -> Self {
        Self { fd: fd.keep(), at: 0, total: 0, iterated, is_ours: true }
    }
}

impl Drop for Reading {
    #[inline(never)]
    fn drop(&mut self) {
        if self.is_ours {
            sys::close(self.fd);
        }
    }
}

impl Files for Kernel {
    type File = Reading;

    fn open(&self, path: &CStr) -> Option<Reading> {
        let file = if IS_NAMED.load(Relaxed) {
            trusted::open_if(path, trusted::READING, trusted::is_regular)
        } else {
            sys::open(path, trusted::READING)
        };
        // The kernel reads mounts record by record, and stops before one that does not fit into its page.
        file.map(|file| Reading::owned(file, path.to_bytes().ends_with(b"/mountinfo")))
    }

    fn directory(&self, path: &CStr) -> Option<Directory> {
        let stat = sys::stat(path)?;
        #[allow(clippy::unnecessary_cast, reason = "they have 32 bits on arm64")]
        let links = stat.st_nlink as u64;
        (stat.st_mode & libc::S_IFMT == libc::S_IFDIR).then_some(Directory { inode: stat.st_ino, links })
    }

    fn file_system(&self, path: &CStr) -> Option<u64> {
        sys::file_system_at(path)
    }
}

impl Source for Reading {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        let read = sys::pread(self.fd, into, self.at.into())?;
        self.at = self.at.wrapping_add(read as u32);
        self.total = self.total.wrapping_add(read as u32);
        let most = if IS_NAMED.load(Relaxed) { Self::MOST_BYTES_OF_ANOTHERS } else { Self::MOST_BYTES };
        (self.total <= most).then_some(read)
    }

    fn rewind(&mut self) {
        self.at = 0;
    }

    fn short_read_is_end(&self) -> bool {
        !self.iterated
    }
}
