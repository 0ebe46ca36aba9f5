//! The library: what is installed, and whether it is already there.

use super::{change::Change, sysroot::Destination};
use crate::host::{elf, object};
use anyhow::{Context, Result, ensure};
use rustix::{fs::Stat, process::geteuid};
use std::{ffi::OsStr, fs::File, io::Read, os::unix::fs::OpenOptionsExt, path::Path};

/// The bytes of the library at `named`, or of the one beside this command.
pub(super) fn read(named: Option<&Path>) -> Result<Vec<u8>> {
    /// Far more than it will ever need.
    const LARGEST: u64 = 8 << 20;
    let path = named.map_or_else(object::source, |path| Ok(path.to_owned()))?;
    let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&path);
    let mut file = opened.with_context(|| path.display().to_string())?;
    let is_plain = file.metadata().is_ok_and(|it| it.is_file());
    ensure!(is_plain, "{} is not a regular file", path.display());
    if let Some((_, words)) = object::fault(&elf::read(&file)) {
        anyhow::bail!("{} {words}", path.display());
    }
    let mut bytes = Vec::new();
    file.by_ref().take(LARGEST + 1).read_to_end(&mut bytes).with_context(|| path.display().to_string())?;
    ensure!(bytes.len() as u64 <= LARGEST, "{} has more than {} MiB", path.display(), LARGEST >> 20);
    Ok(bytes)
}

/// The change that puts the library at `name`, unless it is there already.
pub(super) fn change<'d>(directory: &'d Destination<'d>, name: &OsStr, library: &[u8]) -> Result<Option<Change<'d>>> {
    let is_there = match check(directory, name)? {
        Some(stat) => {
            is_fit(&stat)
                && u64::try_from(stat.st_size) == Ok(library.len() as u64)
                && directory.read(name)?.as_deref() == Some(library)
        }
        None => false,
    };
    if is_there { Ok(None) } else { Change::write(directory, name, library, None).map(Some) }
}

/// The status of the library at `name`, if there is one. Anything else is an error.
pub(super) fn check(directory: &Destination<'_>, name: &OsStr) -> Result<Option<Stat>> {
    let found = directory.stat(name)?;
    let is_free = found.is_none() || directory.is_elf(name)?;
    ensure!(is_free, "{}: what is there is no library: remove it first", directory.name(name));
    Ok(found)
}

/// Whether everybody may read it, and only root and this user may write it.
fn is_fit(stat: &Stat) -> bool {
    const READABLE: u32 = 0o444;
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    let is_owned = [0, geteuid().as_raw()].contains(&stat.st_uid);
    is_owned && stat.st_mode & READABLE == READABLE && stat.st_mode & WRITABLE_BY_OTHERS == 0
}
