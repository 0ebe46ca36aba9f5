//! A file of the root that gets new contents, all at once or not at all.

use super::sysroot::Destination;
use anyhow::{Context, Result};
use rustix::{
    fs::{AtFlags, Mode, OFlags, Stat, fchmod, fchown, fsync, linkat, openat, renameat, unlinkat},
    io::Errno,
    process::{Gid, Uid},
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Write,
};

/// New contents, written beside the file. A change that is dropped before it is kept leaves everything as it was.
pub(super) struct Change<'d> {
    directory: &'d Destination<'d>,
    name: OsString,
    progress: Progress,
}

/// How far a change has come.
#[derive(Clone, Copy)]
enum Progress {
    /// The new contents are beside the file.
    Written,
    /// They have replaced it.
    Put { is_replaced: bool },
    /// Nothing is left to do.
    Kept,
}

impl<'d> Change<'d> {
    /// Writes the future contents of the file `name`, owned as the existing file is.
    pub(super) fn write(
        directory: &'d Destination<'d>,
        name: &OsStr,
        contents: &[u8],
        like: Option<&Stat>,
    ) -> Result<Self> {
        directory.touch();
        let change = Self { directory, name: name.to_owned(), progress: Progress::Written };
        change.fill(contents, like).with_context(|| directory.name(&new(name)))?;
        Ok(change)
    }

    fn fill(&self, contents: &[u8], like: Option<&Stat>) -> Result<()> {
        // Every program must be able to read it, and only its owner may write it.
        const MODE: u32 = 0o644;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(self.directory.fd(), self.new_name(), flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(made);
        file.write_all(contents)?;
        if let Some(like) = like {
            fchown(&file, Some(Uid::from_raw(like.st_uid)), Some(Gid::from_raw(like.st_gid)))?;
        }
        fchmod(&file, Mode::from_raw_mode(MODE))?;
        Ok(fsync(&file)?)
    }

    /// Whether there is no file of this name yet.
    pub(super) fn is_first(&self) -> bool {
        !self.directory.has(&self.name)
    }

    /// The name of the new contents, until they are put.
    pub(super) fn new_name(&self) -> OsString {
        new(&self.name)
    }

    /// Puts the new contents in place: programs see either the old file, whole, or the new one. A program that has the
    /// old file open or mapped keeps it.
    pub(super) fn put(&mut self) -> Result<()> {
        self.replace().with_context(|| self.directory.name(&self.name))?;
        self.directory.sync()
    }

    fn replace(&mut self) -> rustix::io::Result<()> {
        let fd = self.directory.fd();
        let new = self.new_name();
        let is_replaced = match linkat(fd, &self.name, fd, old(&self.name), AtFlags::empty()) {
            Ok(()) => true,
            Err(Errno::NOENT) => false,
            Err(error) => return Err(error),
        };
        if let Err(error) = renameat(fd, new, fd, &self.name) {
            let _ = unlinkat(fd, old(&self.name), AtFlags::empty());
            return Err(error);
        }
        self.progress = Progress::Put { is_replaced };
        Ok(())
    }

    /// Makes the change permanent.
    pub(super) fn keep(mut self) {
        let _ = unlinkat(self.directory.fd(), old(&self.name), AtFlags::empty());
        self.directory.keep();
        self.progress = Progress::Kept;
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let fd = self.directory.fd();
        let _ = match self.progress {
            Progress::Kept => return,
            Progress::Written => unlinkat(fd, self.new_name(), AtFlags::empty()),
            Progress::Put { is_replaced: true } => renameat(fd, old(&self.name), fd, &self.name),
            Progress::Put { is_replaced: false } => unlinkat(fd, &self.name, AtFlags::empty()),
        };
        let _ = self.directory.sync();
    }
}

/// Removes what an interrupted run may have left beside a file.
pub(super) fn clear(directory: &Destination<'_>, name: &OsStr) {
    for left in [new(name), old(name)] {
        let _ = unlinkat(directory.fd(), left, AtFlags::empty());
    }
}

fn new(name: &OsStr) -> OsString {
    beside(name, "new")
}

fn old(name: &OsStr) -> OsString {
    beside(name, "old")
}

fn beside(name: &OsStr, end: &str) -> OsString {
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(".cgproc-");
    beside.push(end);
    beside
}

#[cfg(test)]
mod tests {
    use super::{super::sysroot::Sysroot, *};
    use std::{
        fs,
        os::unix::fs::{MetadataExt, PermissionsExt},
        path::Path,
        time::{Duration, SystemTime},
    };
    use tempfile::TempDir;

    /// A directory with a file of an unusual mode, both long unmodified.
    fn made() -> TempDir {
        let top = tempfile::tempdir().unwrap();
        let path = top.path();
        fs::write(path.join("file"), "old").unwrap();
        fs::set_permissions(path.join("file"), fs::Permissions::from_mode(0o640)).unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        for name in [path.join("file"), path.to_owned()] {
            File::open(name).unwrap().set_modified(long_ago).unwrap();
        }
        top
    }

    fn state(path: &Path) -> Vec<(String, u64, u32, i64)> {
        let of = |path: &Path| {
            let it = fs::symlink_metadata(path).unwrap();
            (path.display().to_string(), it.ino(), it.mode(), it.mtime())
        };
        let mut all: Vec<_> = fs::read_dir(path).unwrap().map(|entry| of(&entry.unwrap().path())).collect();
        all.push(of(path));
        all.sort();
        all
    }

    #[test]
    fn dropped_it_never_was() {
        let top = made();
        let path = top.path();
        let before = state(path);
        for name in ["file", "other"] {
            for is_put in [false, true] {
                let root = Sysroot::open(path).unwrap();
                let directory = root.directory(Path::new("/")).unwrap();
                let mut change = Change::write(&directory, name.as_ref(), b"new", None).unwrap();
                if is_put {
                    change.put().unwrap();
                    assert_eq!(fs::read(path.join(name)).unwrap(), b"new");
                }
                drop(change);
                drop(directory);
                assert_eq!(state(path), before, "{name} {is_put}");
            }
        }
    }

    #[test]
    fn kept_it_is_there_for_everybody_to_read() {
        let top = made();
        let path = top.path();
        fs::write(path.join(".file.cgproc-new"), "left by an interrupted run").unwrap();
        let root = Sysroot::open(path).unwrap();
        let directory = root.directory(Path::new("/")).unwrap();
        clear(&directory, "file".as_ref());
        let like = directory.stat("file".as_ref()).unwrap();
        let mut change = Change::write(&directory, "file".as_ref(), b"new", like.as_ref()).unwrap();
        change.put().unwrap();
        change.keep();
        drop(directory);
        assert_eq!(fs::read(path.join("file")).unwrap(), b"new");
        assert_eq!(fs::metadata(path.join("file")).unwrap().mode() & 0o7777, 0o644);
        assert_eq!(fs::read_dir(path).unwrap().count(), 1);
        assert!(fs::metadata(path).unwrap().mtime() > 1000);
    }
}
