//! One installation at a time in a root: a lock on a file that only its owner may open.

use super::sysroot::Destination;
use crate::host::kernel;
use anyhow::{Context, Result, bail, ensure};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, flock, fstat, openat, statat, unlinkat},
    io::Errno,
    process::geteuid,
};
use std::{ffi::OsStr, time::Duration};

const NAME: &str = ".cgproc-lock";

/// The lock and its file, which is removed with it.
pub(super) struct Lock<'d> {
    directory: &'d Destination<'d>,
    _file: OwnedFd,
}

impl<'d> Lock<'d> {
    /// Keeps other installations out as long as the lock lives. A killed one may take a moment to be gone.
    pub(super) fn take(directory: &'d Destination<'d>) -> Result<Self> {
        const TRIES: u32 = 50;
        directory.touch();
        for _ in 0..TRIES {
            let file = open(directory)?;
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                std::thread::sleep(Duration::from_millis(20));
            } else if is_there(directory, &file) {
                return Ok(Self { directory, _file: file });
            }
        }
        bail!("{}: another cgproc install is at work there", directory.name(OsStr::new(NAME)))
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        let _ = unlinkat(self.directory.fd(), NAME, AtFlags::empty());
    }
}

/// Creates the file, or opens the existing one after examining it: a device in its place is not opened.
fn open(directory: &Destination<'_>) -> Result<OwnedFd> {
    const NEW: OFlags = OFlags::RDWR.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::CLOEXEC);
    let name = || directory.name(OsStr::new(NAME));
    match openat(directory.fd(), NAME, NEW, Mode::RUSR | Mode::WUSR) {
        Err(Errno::EXIST) => {}
        made => return made.with_context(name),
    }
    let look = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = match openat(directory.fd(), NAME, look, Mode::empty()) {
        // It has been removed since, along with the installation that held it.
        Err(Errno::NOENT) => return openat(directory.fd(), NAME, NEW, Mode::RUSR | Mode::WUSR).with_context(name),
        found => found.with_context(name)?,
    };
    let stat = fstat(&found).with_context(name)?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    let is_ours = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_uid == geteuid().as_raw()
        && !mode.intersects(Mode::RWXG | Mode::RWXO);
    ensure!(is_ours, "{}: others can lock it: remove it first", name());
    openat(CWD, kernel::link(&found), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).with_context(name)
}

/// Whether the file was still there when it was locked.
fn is_there(directory: &Destination<'_>, file: &OwnedFd) -> bool {
    let there = statat(directory.fd(), NAME, AtFlags::SYMLINK_NOFOLLOW);
    there.is_ok_and(|there| fstat(file).is_ok_and(|own| (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)))
}

#[cfg(test)]
mod tests {
    use super::{super::sysroot::Sysroot, *};
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    #[test]
    fn one_at_a_time_and_nothing_is_left() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path();
        fs::create_dir_all(path.join("etc")).unwrap();
        let root = Sysroot::open(path).unwrap();
        let etc = root.directory(Path::new("/etc")).unwrap();
        let lock = Lock::take(&etc).unwrap();
        let why = Lock::take(&etc).err().unwrap().to_string();
        assert!(why.contains("another cgproc install is at work there"), "{why}");
        assert_eq!(fs::metadata(path.join("etc").join(NAME)).unwrap().permissions().mode() & 0o7777, 0o600);
        drop(lock);
        assert_eq!(fs::read_dir(path.join("etc")).unwrap().count(), 0);
        // A file that everybody may open is no lock.
        fs::write(path.join("etc").join(NAME), "").unwrap();
        assert!(Lock::take(&etc).err().unwrap().to_string().contains("others can lock it"));
    }

    #[test]
    fn what_is_in_its_place_is_looked_at_first() {
        use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
        let top = tempfile::tempdir().unwrap();
        let path = top.path();
        fs::create_dir_all(path.join("etc")).unwrap();
        let (root, pipe) = (Sysroot::open(path).unwrap(), path.join("etc").join(NAME));
        let etc = root.directory(Path::new("/etc")).unwrap();
        rustix::fs::mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        let opened = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).unwrap();
        add_watch(&opened, &pipe, WatchFlags::OPEN).unwrap();
        assert!(Lock::take(&etc).err().unwrap().to_string().contains("others can lock it"));
        let is_opened = || Reader::new(&opened, &mut [const { std::mem::MaybeUninit::uninit() }; 512]).next().is_ok();
        assert!(!is_opened(), "opened");
        // Opening it would have shown like this.
        drop(fs::File::options().read(true).write(true).open(&pipe).unwrap());
        assert!(is_opened());
        fs::remove_file(&pipe).unwrap();
        // A killed installation leaves its file, which is as good as a new one.
        drop(openat(CWD, &pipe, OFlags::CREATE | OFlags::RDWR, Mode::RUSR | Mode::WUSR).unwrap());
        drop(Lock::take(&etc).unwrap());
        assert!(!pipe.exists());
    }
}
