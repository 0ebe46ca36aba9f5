//! One installation at a time in a root: who holds the lock on a file that only its owner may open.

use super::root::Directory;
use anyhow::{Context, Result, bail, ensure};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, flock, fstat, openat, statat, unlinkat},
    process::geteuid,
};
use std::{ffi::OsStr, time::Duration};

const NAME: &str = ".cgproc-lock";

/// The lock, and its file, which goes with it.
pub(super) struct Lock<'d> {
    directory: &'d Directory<'d>,
    _file: OwnedFd,
}

impl<'d> Lock<'d> {
    /// Keeps other installations out, as long as this is there. One that was killed may not have gone yet.
    pub(super) fn take(directory: &'d Directory<'d>) -> Result<Self> {
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

fn open(directory: &Directory<'_>) -> Result<OwnedFd> {
    let name = || directory.name(OsStr::new(NAME));
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(directory.fd(), NAME, flags, Mode::RUSR | Mode::WUSR).with_context(name)?;
    let stat = fstat(&file).with_context(name)?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    let is_ours = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_uid == geteuid().as_raw()
        && !mode.intersects(Mode::RWXG | Mode::RWXO);
    ensure!(is_ours, "{}: others can lock it: remove it first", name());
    Ok(file)
}

/// Whether nobody has removed the file before it was locked.
fn is_there(directory: &Directory<'_>, file: &OwnedFd) -> bool {
    let there = statat(directory.fd(), NAME, AtFlags::SYMLINK_NOFOLLOW);
    there.is_ok_and(|there| fstat(file).is_ok_and(|own| (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)))
}

#[cfg(test)]
mod tests {
    use super::{super::root::Root, *};
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    #[test]
    fn one_at_a_time_and_nothing_is_left() {
        let path = std::env::temp_dir().join(format!("cgproc-install-lock-{}", std::process::id()));
        fs::create_dir_all(path.join("etc")).unwrap();
        let root = Root::open(&path).unwrap();
        let etc = root.directory(Path::new("/etc")).unwrap();
        let lock = Lock::take(&etc).unwrap();
        let why = Lock::take(&etc).err().unwrap().to_string();
        assert!(why.contains("another cgproc install is at work there"), "{why}");
        assert_eq!(fs::metadata(path.join("etc").join(NAME)).unwrap().permissions().mode() & 0o7777, 0o600);
        drop(lock);
        assert_eq!(fs::read_dir(path.join("etc")).unwrap().count(), 0);
        // What everybody may open is nobody's lock.
        fs::write(path.join("etc").join(NAME), "").unwrap();
        assert!(Lock::take(&etc).err().unwrap().to_string().contains("others can lock it"));
        fs::remove_dir_all(&path).unwrap();
    }
}
