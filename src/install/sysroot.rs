//! The file system to install into: its directories, and no symbolic link leads out of it.

use anyhow::{Context, Result, bail, ensure};
use rustix::{
    fd::OwnedFd,
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps, UTIME_OMIT, fstat, fsync,
        futimens, openat, openat2, statat, unlinkat,
    },
    io::Errno,
};
use std::{
    cell::Cell,
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    path::{Component, Path, PathBuf},
};

/// A directory that its programs have as `/`.
pub(super) struct Sysroot {
    path: PathBuf,
    top: OwnedFd,
    is_own: bool,
}

impl Sysroot {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let name = || path.display().to_string();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = openat(CWD, path, flags, Mode::empty()).with_context(name)?;
        let there = fstat(&top).with_context(name)?;
        let own = statat(CWD, "/", AtFlags::empty()).context("/")?;
        let is_own = (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino);
        Ok(Self { path: path.to_owned(), top, is_own })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn top(&self) -> &OwnedFd {
        &self.top
    }

    /// Whether it is this process's own `/`.
    pub(super) fn is_own(&self) -> bool {
        self.is_own
    }

    /// A path in it, for messages.
    pub(super) fn name(&self, path: &Path) -> String {
        if self.is_own { path.display().to_string() } else { format!("{} of {}", path.display(), self.path.display()) }
    }

    pub(super) fn directory(&self, path: &Path) -> Result<Destination<'_>> {
        let fd = self.resolve(path).with_context(|| self.name(path))?;
        let stat = fstat(&fd).with_context(|| self.name(path))?;
        let modified = Timespec { tv_sec: stat.st_mtime, tv_nsec: i64::try_from(stat.st_mtime_nsec)? };
        let (is_touched, is_changed) = (Cell::new(false), Cell::new(false));
        Ok(Destination { root: self, path: path.to_owned(), fd, modified, is_touched, is_changed })
    }

    /// Fails if some user cannot reach the files in a directory, whatever links the path takes. The topmost directory
    /// does not count: without it there is no root.
    pub(super) fn check_way(&self, directory: &Path) -> Result<()> {
        const DEEPEST: u32 = 1000;
        const UP: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
        let mut component = PathBuf::from("/");
        for part in directory.components().filter(|part| matches!(part, Component::Normal(_))) {
            component.push(part);
            let mut fd = self.resolve(&component).with_context(|| self.name(&component))?;
            // From there up to the top: a link may have led through directories that are not in the path.
            for steps in 0.. {
                if identity_of(&fd)? == identity_of(&self.top)? {
                    break;
                }
                self.check_entering(&component, &fd)?;
                let above = openat(&fd, "..", UP, Mode::empty()).with_context(|| self.name(&component))?;
                // The directory has been moved out of the root meanwhile.
                let is_outside = steps > DEEPEST || identity_of(&above)? == identity_of(&fd)?;
                ensure!(!is_outside, "{}: it is no longer in the root", self.name(&component));
                fd = above;
            }
        }
        Ok(())
    }

    fn check_entering(&self, path: &Path, directory: &OwnedFd) -> Result<()> {
        let mode = Mode::from_raw_mode(fstat(directory).with_context(|| self.name(path))?.st_mode);
        ensure!(
            mode.contains(Mode::XOTH),
            "{}: not every user may enter it (mode {:o}), so their programs would miss the library: chmod o+x, or choose \
             another place by --to",
            self.name(path),
            mode.as_raw_mode() & 0o7777
        );
        Ok(())
    }

    fn resolve(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        match openat2(&self.top, path, flags, Mode::empty(), inside) {
            // A kernel before 5.6, or a system call filter. In another root, a link could then lead out.
            Err(Errno::NOSYS | Errno::PERM) if self.is_own => openat(CWD, path, flags, Mode::empty()),
            found => found,
        }
    }
}

/// A directory in which files are replaced. If nothing changes, its modification time is restored.
pub(super) struct Destination<'r> {
    root: &'r Sysroot,
    path: PathBuf,
    fd: OwnedFd,
    modified: Timespec,
    is_touched: Cell<bool>,
    is_changed: Cell<bool>,
}

/// The directory's identity.
fn identity_of(directory: &OwnedFd) -> Result<(u64, u64)> {
    let stat = fstat(directory)?;
    Ok((stat.st_dev, stat.st_ino))
}

impl Destination<'_> {
    /// Its identity.
    pub(super) fn identity(&self) -> Result<(u64, u64)> {
        identity_of(&self.fd)
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// One of its files, for messages.
    pub(super) fn name(&self, file: &OsStr) -> String {
        self.root.name(&self.path.join(file))
    }

    /// The status of the regular file of this name, if there is one. Anything else is an error.
    pub(super) fn stat(&self, file: &OsStr) -> Result<Option<Stat>> {
        let stat = match statat(&self.fd, file, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error).with_context(|| self.name(file)),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(Some(stat)),
            FileType::Symlink => {
                bail!("{}: it is a symbolic link, which is not followed: remove it first", self.name(file))
            }
            _ => bail!("{}: it is not a regular file: remove it first", self.name(file)),
        }
    }

    /// Whether anything has this name.
    pub(super) fn has(&self, file: &OsStr) -> bool {
        statat(&self.fd, file, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// The whole contents of the regular file of this name.
    pub(super) fn read(&self, file: &OsStr) -> Result<Option<Vec<u8>>> {
        Ok(self.read_with_stat(file)?.map(|(text, _)| text))
    }

    /// The same, with its status.
    pub(super) fn read_with_stat(&self, file: &OsStr) -> Result<Option<(Vec<u8>, Stat)>> {
        /// A sparse file costs only its readers.
        const LARGEST: u64 = 8 << 20;
        if self.stat(file)?.is_none() {
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(&self.fd, file, flags, Mode::empty()).with_context(|| self.name(file))?;
        let stat = fstat(&opened).with_context(|| self.name(file))?;
        let mut text = Vec::new();
        File::from(opened).take(LARGEST + 1).read_to_end(&mut text).with_context(|| self.name(file))?;
        ensure!(text.len() as u64 <= LARGEST, "{}: it has more than {} MiB", self.name(file), LARGEST >> 20);
        Ok(Some((text, stat)))
    }

    /// Whether the regular file of this name begins as programs and libraries do.
    pub(super) fn is_elf(&self, file: &OsStr) -> Result<bool> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(&self.fd, file, flags, Mode::empty()).with_context(|| self.name(file))?;
        let mut magic = [0; 4];
        Ok(File::from(opened).read_exact(&mut magic).is_ok() && &magic == b"\x7fELF")
    }

    /// Removes a file; returns whether there was one.
    pub(super) fn remove(&self, file: &OsStr) -> Result<bool> {
        match unlinkat(&self.fd, file, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(error).with_context(|| self.name(file)),
        }
        self.is_changed.set(true);
        self.sync()?;
        Ok(true)
    }

    /// Flushes the directory to disk.
    pub(super) fn sync(&self) -> Result<()> {
        fsync(&self.fd).with_context(|| self.root.name(&self.path))
    }

    /// Notes that something is created here which may have to be removed again.
    pub(super) fn touch(&self) {
        self.is_touched.set(true);
    }

    /// Notes that what was created here stays.
    pub(super) fn keep(&self) {
        self.is_changed.set(true);
    }
}

impl Drop for Destination<'_> {
    fn drop(&mut self) {
        if self.is_touched.get() && !self.is_changed.get() {
            let omitted = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
            let _ = futimens(&self.fd, &Timestamps { last_access: omitted, last_modification: self.modified });
        }
    }
}

/// A file's directory and its name.
pub(super) fn split(path: &Path) -> Result<(&Path, OsString)> {
    let is_plain = path.components().skip(1).all(|component| matches!(component, Component::Normal(_)));
    match (path.parent(), path.file_name()) {
        (Some(directory), Some(name)) if path.is_absolute() && is_plain => Ok((directory, name.to_owned())),
        _ => bail!("{}: not the absolute path of a file, without . and ..", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};
    use tempfile::TempDir;

    fn made() -> TempDir {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir_all(top.path().join("usr/lib")).unwrap();
        top
    }

    #[test]
    fn links_stay_inside() {
        let top = made();
        let path = top.path();
        symlink("/usr/lib", path.join("lib")).unwrap();
        symlink("../../../../../../../../usr", path.join("up")).unwrap();
        let root = Sysroot::open(path).unwrap();
        for directory in ["/lib", "/up/lib", "/usr/lib"] {
            let found = fstat(root.directory(Path::new(directory)).unwrap().fd()).unwrap();
            assert_eq!(found.st_ino, rustix::fs::stat(path.join("usr/lib")).unwrap().st_ino, "{directory}");
        }
        assert!(root.directory(Path::new("/etc")).is_err_and(|error| error.to_string().contains("/etc of ")));
    }

    #[test]
    fn plain_files_alone() {
        let top = made();
        let path = top.path();
        fs::write(path.join("usr/file"), "text").unwrap();
        symlink("file", path.join("usr/link")).unwrap();
        let root = Sysroot::open(path).unwrap();
        let directory = root.directory(Path::new("/usr")).unwrap();
        assert_eq!(directory.read("file".as_ref()).unwrap().as_deref(), Some(&b"text"[..]));
        assert_eq!(directory.read("none".as_ref()).unwrap(), None);
        assert!(directory.read("link".as_ref()).is_err_and(|error| error.to_string().contains("/usr/link of ")));
        assert!(directory.read("lib".as_ref()).is_err());
    }

    #[test]
    fn paths_of_files() {
        assert_eq!(split(Path::new("/usr/lib/a.so")).unwrap(), (Path::new("/usr/lib"), "a.so".into()));
        for path in ["a.so", "/", "/usr/../a.so", "", "/a/.."] {
            assert!(split(Path::new(path)).is_err(), "{path}");
        }
    }
}
