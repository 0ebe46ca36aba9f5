//! The switch for all programs: as long as root's file is beside the board, everybody who sees it gets the kernel's
//! answers (`calc::board::OFF_PATH`).

use super::trusted;
use anyhow::{Context, Result};
use calc::board::OFF_PATH;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, Mode, OFlags, chmodat, fchmod, mkdirat, openat, unlinkat},
    io::Errno,
};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

/// The file's path.
pub(crate) fn path() -> &'static Path {
    OsStr::from_bytes(OFF_PATH.to_bytes()).as_ref()
}

/// Whether everything is switched off here; an error if something is in its place that counts for nobody but, if it is
/// a file, for the programs of its owner.
pub(crate) fn is_off() -> Result<bool> {
    trusted::is_there(path())
}

/// Switches all programs off that see the file, or leaves them so.
pub(crate) fn turn_off() -> Result<()> {
    if looked()? {
        return Ok(());
    }
    make().with_context(|| path().display().to_string())
}

/// Switches them on again, or leaves them so.
pub(crate) fn turn_on() -> Result<()> {
    if !looked()? {
        return Ok(());
    }
    let remove = || unlinkat(directory()?, name(), AtFlags::empty());
    remove().with_context(|| path().display().to_string())
}

/// Like [`is_off`], with the path: whoever asked for a change learns what is in its way.
fn looked() -> Result<bool> {
    is_off().with_context(|| format!("{} cannot be used as the switch; remove it", path().display()))
}

fn make() -> rustix::io::Result<()> {
    const FLAGS: OFlags = OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::CLOEXEC);
    let mode = Mode::from_raw_mode(0o644);
    // Whatever the umask is.
    fchmod(openat(made_directory()?, name(), FLAGS, mode)?, mode)
}

/// The directory, which the package, the sampler or this makes.
fn made_directory() -> rustix::io::Result<OwnedFd> {
    let mode = Mode::from_raw_mode(0o755);
    match mkdirat(CWD, beside(), mode) {
        Ok(()) => chmodat(CWD, beside(), mode, AtFlags::empty())?,
        Err(Errno::EXIST) => {}
        Err(error) => return Err(error),
    }
    directory()
}

fn directory() -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(CWD, beside(), flags, Mode::empty())
}

fn beside() -> &'static Path {
    path().parent().unwrap_or(path())
}

fn name() -> &'static Path {
    path().file_name().map_or(path(), Path::new)
}
