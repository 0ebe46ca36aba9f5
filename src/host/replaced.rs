//! A file that others may read at any moment: it is replaced as a whole, and only if it is ours.

use super::trusted;
use anyhow::{Context, Result, ensure};
use rustix::{
    fd::OwnedFd,
    fs::{
        AtFlags, FlockOperation, Mode, OFlags, Stat, fchmod, flock, fstat, fsync, linkat, open, openat, renameat,
        statat, unlinkat,
    },
    io::Errno,
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Write,
    path::Path,
};

/// Writes `text` to a file that everybody may read, and that does not exist yet or is ours: `is_ours` reads
/// it, and says why it is not.
pub(crate) fn put(path: &Path, text: &[u8], is_ours: impl FnOnce(OwnedFd) -> Result<()>) -> Result<()> {
    let name = path.file_name().context("it has no file name")?;
    let directory = open_directory(path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    let is_first = match trusted::open(path)? {
        Some(file) => is_ours(file).map(|()| false)?,
        None => true,
    };
    // Readers of directories choose by the ending, such as .json, .yaml and .prom.
    let mut new = OsString::from(".");
    new.push(name);
    new.push(".cgproc-new");
    remove_left_behind(&directory, &new)?;
    let file = create(&directory, &new)?;
    let done = write(&file, text).and_then(|()| move_to(&directory, &new, name, is_first));
    if done.is_err() {
        let _ = unlinkat(&directory, &new, AtFlags::empty());
    }
    done
}

fn open_directory(path: &Path) -> Result<OwnedFd> {
    open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(|error| match error {
        Errno::NOENT => anyhow::anyhow!("its directory does not exist; create it, if somebody reads it"),
        error => anyhow::Error::new(error).context("its directory cannot be opened"),
    })
}

/// Removes what an interrupted run has left. Whoever still writes it holds a lock on it.
fn remove_left_behind(directory: &OwnedFd, new: &OsStr) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    if let Ok(found) = openat(directory, new, flags, Mode::empty()) {
        lock(&found)?;
        if !is_at(&found, directory, new) {
            return Ok(());
        }
    }
    let _ = unlinkat(directory, new, AtFlags::empty());
    Ok(())
}

/// A new file of this name, locked: nobody else removes it then.
fn create(directory: &OwnedFd, new: &OsStr) -> Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(directory, new, flags, Mode::RUSR | Mode::WUSR)?;
    lock(&file)?;
    ensure!(is_at(&file, directory, new), SOMEBODY_ELSE);
    Ok(file)
}

const SOMEBODY_ELSE: &str = "somebody else is writing it";

fn lock(file: &OwnedFd) -> Result<()> {
    flock(file, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        Errno::WOULDBLOCK => anyhow::anyhow!(SOMEBODY_ELSE),
        error => error.into(),
    })
}

fn is_at(file: &OwnedFd, directory: &OwnedFd, name: &OsStr) -> bool {
    let identity = |it: Stat| (it.st_dev, it.st_ino);
    let found = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map(identity);
    found.is_ok() && found == fstat(file).map(identity)
}

fn write(file: &OwnedFd, text: &[u8]) -> Result<()> {
    const MODE: u32 = 0o644;
    File::from(file.try_clone()?).write_all(text)?;
    fchmod(file, Mode::from_raw_mode(MODE))?;
    Ok(fsync(file)?)
}

/// A link, unlike a rename, never replaces what has appeared meanwhile.
fn move_to(directory: &OwnedFd, new: &OsStr, name: &OsStr, is_first: bool) -> Result<()> {
    if !is_first {
        return Ok(renameat(directory, new, directory, name)?);
    }
    let linked = linkat(directory, new, directory, name, AtFlags::empty());
    ensure!(linked != Err(Errno::EXIST), "somebody else has just made it");
    linked?;
    Ok(unlinkat(directory, new, AtFlags::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn two_do_not_write_the_same_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("file");
        let directory = open_directory(home.path()).unwrap();
        let new = OsStr::new(".file.cgproc-new");
        let other = create(&directory, new).unwrap();
        assert!(put(&path, b"ours", |_| Ok(())).unwrap_err().to_string().contains(SOMEBODY_ELSE));
        assert!(is_at(&other, &directory, new) && !path.exists());
        // It has been killed.
        drop(other);
        put(&path, b"ours", |_| Ok(())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "ours");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_has_appeared_meanwhile_stays() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("new"), "ours").unwrap();
        fs::write(home.path().join("name"), "theirs").unwrap();
        let directory = open_directory(home.path()).unwrap();
        assert!(move_to(&directory, OsStr::new("new"), OsStr::new("name"), true).is_err());
        assert_eq!(fs::read_to_string(home.path().join("name")).unwrap(), "theirs");
    }
}
