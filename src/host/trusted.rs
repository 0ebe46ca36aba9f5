//! Files that only root or this user can have written, by the object's rule.

use super::{kernel, namespace::Namespace};
use anyhow::{Context, Result, bail, ensure};
use rustix::{
    fd::OwnedFd,
    fs::{FileType, Mode, OFlags, Stat, fstat, open as open_file},
    io::Errno,
    process::geteuid,
};
use std::path::Path;

/// Opens the file at `path` for reading; `None` if there is none, or the reason if it is not trusted. It is examined
/// before it is opened: opening a device, or a file that somebody watches, has side effects.
pub(crate) fn open(path: &Path) -> Result<Option<OwnedFd>> {
    let Some(found) = found(path)? else { return Ok(None) };
    kernel::reopened(&found).map(Some).context("it cannot be opened")
}

/// Whether there is a file at `path`, or the reason if it is not trusted. It is not opened.
pub(crate) fn is_there(path: &Path) -> Result<bool> {
    found(path).map(|found| found.is_some())
}

fn found(path: &Path) -> Result<Option<OwnedFd>> {
    let found = match open_file(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
        Ok(found) => found,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(error) => return Err(error).context("it cannot be opened"),
    };
    check(&fstat(&found).context("it cannot be examined")?)?;
    Ok(Some(found))
}

/// Opens the directory at `path` for listing, if only root or this user can have put something there.
pub(crate) fn directory(path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = open_file(path, flags, Mode::empty()).ok()?;
    let stat = fstat(&open).ok()?;
    (is_believed(stat.st_uid) && is_closed(&stat)).then_some(open)
}

/// Whether a file of this user counts as root's or our own.
pub(crate) fn is_believed(user: u32) -> bool {
    [0, geteuid().as_raw()].contains(&user) || is_nobody_here(user)
}

/// Whether this number stands for all users that the user namespace does not map.
pub(crate) fn is_nobody_here(user: u32) -> bool {
    user == NOBODY_HERE && Namespace::User.is_another()
}

fn check(stat: &Stat) -> Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Symlink => bail!("it is a symbolic link"),
        _ => bail!("it is not a regular file"),
    }
    ensure!(is_believed(stat.st_uid), "it belongs to user {}, who is neither root nor you", stat.st_uid);
    ensure!(is_closed(stat), "others than its owner may write to it (mode {:o})", stat.st_mode & 0o7777);
    Ok(())
}

/// Whether nobody but its owner may write to it.
fn is_closed(stat: &Stat) -> bool {
    !Mode::from_raw_mode(stat.st_mode).intersects(Mode::WGRP | Mode::WOTH)
}

/// The number that the kernel shows for users that the user namespace does not map, such as root outside.
const NOBODY_HERE: u32 = 65_534;

#[cfg(test)]
mod tests {
    use super::*;

    /// Why a file of `user` with this mode is not trusted; `None` if it is.
    fn refusal(user: u32, mode: u32) -> Option<String> {
        let mut of_file = rustix::fs::stat("/proc/self/status").unwrap();
        (of_file.st_uid, of_file.st_mode) = (user, mode);
        check(&of_file).err().map(|reason| reason.to_string())
    }

    #[test]
    fn roots_files_and_ones_own_are_believed() {
        const FILE: u32 = 0o100_000;
        let own = geteuid().as_raw();
        assert_eq!(refusal(0, FILE | 0o644), None);
        assert_eq!(refusal(own, FILE | 0o400), None);
        let stranger = refusal(own + 1, FILE | 0o644).unwrap();
        assert!(stranger.starts_with(&format!("it belongs to user {}", own + 1)), "{stranger}");
        assert!(refusal(0, FILE | 0o664).unwrap().contains("mode 664"));
        assert!(refusal(0, FILE | 0o646).unwrap().contains("mode 646"));
        assert!(refusal(0, 0o40_755).unwrap().contains("regular"));
        assert!(refusal(0, 0o20_600).unwrap().contains("regular"));
    }
}
