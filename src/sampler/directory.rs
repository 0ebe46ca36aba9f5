//! A cgroup's directory, with its files and subdirectories.

use crate::host::{descriptors, kernel::Reading};
use calc::cgroup::CgroupFiles;
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    fs::{Mode, OFlags, RawDir, fstat, openat},
    io::{Errno, pread, read},
};
use std::{
    ffi::{CStr, OsStr},
    mem::MaybeUninit,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The flags for opening a directory.
pub(super) const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A directory below the top of a hierarchy.
#[derive(Debug)]
pub(crate) struct Directory {
    /// Kept open, unless descriptors are short.
    kept: Option<OwnedFd>,
    /// Relative to the top; "" for the top itself.
    path: PathBuf,
}

/// What is needed of a directory's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// Its inode number.
    pub(super) id: u64,
    /// 2 + the number of subdirectories.
    pub(super) links: u64,
    pub(super) device: u64,
    pub(super) owner: u32,
}

impl Directory {
    /// Opens the directory at `path` below `top`.
    pub(super) fn open(top: &OwnedFd, path: PathBuf) -> Result<(Self, Status), Errno> {
        let open = openat(top, or_dot(&path), DIRECTORY, Mode::empty())?;
        let status = status(open.as_fd())?;
        Ok((Self { kept: affordable(open), path }, status))
    }

    /// Its path, relative to the top.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its current status.
    pub(super) fn status(&self, top: &OwnedFd) -> Result<Status, Errno> {
        match &self.kept {
            Some(kept) => status(kept.as_fd()),
            None => status(openat(top, or_dot(&self.path), DIRECTORY, Mode::empty())?.as_fd()),
        }
    }

    /// Opens one of its files.
    pub(crate) fn file(&self, top: &OwnedFd, name: impl AsRef<Path>) -> Result<OwnedFd, Errno> {
        match &self.kept {
            Some(kept) => openat(kept, name.as_ref(), FILE, Mode::empty()),
            None => openat(top, self.path.join(name), FILE, Mode::empty()),
        }
    }

    /// Opens one of its files to keep; `None` if descriptors are short.
    pub(crate) fn file_to_keep(&self, top: &OwnedFd, name: impl AsRef<Path>) -> Result<Option<OwnedFd>, Errno> {
        self.file(top, name).map(affordable)
    }

    /// Reads one of its small files into `text`, and returns what was read.
    pub(super) fn read<'b>(&self, top: &OwnedFd, name: &str, text: &'b mut [u8]) -> Result<&'b [u8], Errno> {
        let length = read(self.file(top, name)?, &mut *text)?;
        Ok(text.get(..length).unwrap_or_default())
    }

    /// Reads the whole of one of its files.
    pub(super) fn read_all(&self, top: &OwnedFd, name: &str, text: &mut Vec<u8>) -> Result<(), Errno> {
        const CHUNK: usize = 4096;
        let file = self.file(top, name)?;
        let mut length = 0;
        loop {
            if text.len() < length + CHUNK {
                text.resize(length + CHUNK, 0);
            }
            match read(&file, text.get_mut(length..).unwrap_or_default())? {
                0 => break,
                more => length += more,
            }
        }
        text.truncate(length);
        Ok(())
    }

    /// Its files, in the form in which calc reads a cgroup.
    pub(super) fn files<'d>(&'d self, top: &'d OwnedFd) -> impl CgroupFiles + 'd {
        Below { directory: self, top }
    }

    /// Calls `tell` with the name of each subdirectory.
    pub(super) fn each_name(&self, top: &OwnedFd, mut tell: impl FnMut(&OsStr)) -> Result<(), Errno> {
        let open = openat(self.kept.as_ref().unwrap_or(top), self.beside(), DIRECTORY, Mode::empty())?;
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut entries = RawDir::new(open, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type().is_dir() && !is_dots(name) {
                tell(OsStr::from_bytes(name.to_bytes()));
            }
        }
        Ok(())
    }

    /// Its path relative to the open directory that it is reached from.
    fn beside(&self) -> &Path {
        if self.kept.is_some() { Path::new(".") } else { or_dot(&self.path) }
    }

    /// A path under which the kernel finds it.
    pub(super) fn name_in_proc(&self, top: &OwnedFd) -> PathBuf {
        match &self.kept {
            Some(kept) => format!("/proc/self/fd/{}", kept.as_raw_fd()).into(),
            None => Path::new(&format!("/proc/self/fd/{}", top.as_raw_fd())).join(&self.path),
        }
    }
}

/// See [`Directory::files`].
struct Below<'d> {
    directory: &'d Directory,
    top: &'d OwnedFd,
}

impl CgroupFiles for Below<'_> {
    type File = Reading;

    fn open(&self, name: &[u8], _: &mut [u8]) -> Option<Reading> {
        self.directory.file(self.top, OsStr::from_bytes(name)).ok().map(Reading::plain)
    }
}

/// Reads a kept file again.
pub(super) fn read_again<'b>(file: &OwnedFd, text: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    let length = pread(file, &mut *text, 0)?;
    Ok(text.get(..length).unwrap_or_default())
}

/// The status of an open directory.
pub(super) fn status(open: BorrowedFd<'_>) -> Result<Status, Errno> {
    let stat = fstat(open)?;
    Ok(Status { id: stat.st_ino, links: stat.st_nlink as u64, device: stat.st_dev, owner: stat.st_uid })
}

/// Keeps it if enough descriptors are left for work, whatever clients take.
pub(super) fn affordable(open: OwnedFd) -> Option<OwnedFd> {
    const RESERVE: u64 = 192 + descriptors::FOR_CLIENTS;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    let number = u64::try_from(open.as_raw_fd()).unwrap_or(0);
    (number.saturating_add(RESERVE) < limit).then_some(open)
}

fn or_dot(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

pub(super) fn is_dots(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_tree_is_read_whether_descriptors_are_kept_or_not() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        fs::create_dir_all(home.join("a/b")).unwrap();
        fs::write(home.join("a/f"), "x".repeat(9000)).unwrap();
        let top = openat(rustix::fs::CWD, home, DIRECTORY, Mode::empty()).unwrap();
        let (mut a, status) = Directory::open(&top, "a".into()).unwrap();
        let (whole, _) = Directory::open(&top, PathBuf::new()).unwrap();
        let names = |directory: &Directory| {
            let mut names = Vec::new();
            directory.each_name(&top, |name| names.push(name.to_owned())).unwrap();
            names
        };
        assert_eq!(names(&whole), ["a"]);
        for _ in 0..2 {
            let mut text = Vec::new();
            a.read_all(&top, "f", &mut text).unwrap();
            assert_eq!(text.len(), 9000);
            assert_eq!(a.read(&top, "f", &mut [0; 5]), Ok(&b"xxxxx"[..]));
            assert_eq!(names(&a), ["b"]);
            assert_eq!(a.status(&top), Ok(status));
            assert!(a.name_in_proc(&top).join("f").exists());
            a.kept = None;
        }
        assert_eq!(Directory::open(&top, "a/f".into()).unwrap_err(), Errno::NOTDIR);
    }
}
