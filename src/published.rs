//! The board as this side reads it, by the object's own rules.

use calc::board::{self, BLOCK_BYTES, Block};
use rustix::{
    fd::OwnedFd,
    fs::{FileType, Mode, OFlags, fstat, fstatfs, open, stat},
    io::pread,
    process::geteuid,
};
use std::path::Path;

/// A board that may be believed to be one.
pub(crate) struct Published(OwnedFd);

impl Published {
    /// The board at `path`: a file on tmpfs that nobody but root or this user can write.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        const TMPFS_MAGIC: i64 = 0x0102_1994;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = open(path, flags, Mode::empty()).ok()?;
        let stat = fstat(&file).ok()?;
        let mode = Mode::from_raw_mode(stat.st_mode);
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let is_closed = is_file && !mode.intersects(Mode::WGRP | Mode::WOTH);
        let is_owned =
            [0, geteuid().as_raw()].contains(&stat.st_uid) || stat.st_uid == NOBODY_HERE && is_in_user_namespace();
        (is_closed && is_owned && fstatfs(&file).ok()?.f_type == TMPFS_MAGIC).then_some(Self(file))
    }
}

/// Whom the kernel shows in place of a user whom the user namespace does not have: the root outside.
const NOBODY_HERE: u32 = 65_534;

/// Whether this is another user namespace than the machine's own, whose number is fixed (`PROC_USER_INIT_INO`).
fn is_in_user_namespace() -> bool {
    const INITIAL: u64 = 0xefff_fffd;
    stat("/proc/self/ns/user").is_ok_and(|namespace| namespace.st_ino != INITIAL)
}

impl board::Board for Published {
    fn copy(&self, index: u64, into: &mut Block) -> Option<()> {
        let mut bytes = [0; BLOCK_BYTES];
        let size = u64::try_from(BLOCK_BYTES).ok()?;
        if pread(&self.0, &mut bytes, index.checked_mul(size)?).ok()? != BLOCK_BYTES {
            return None;
        }
        for (word, bytes) in into.words_mut().iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        Some(())
    }
}
