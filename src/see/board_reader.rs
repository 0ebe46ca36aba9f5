//! Reads the board by the object's rules.

use crate::host::trusted;
use calc::board::{self, BLOCK_BYTES, Block};
use rustix::{fd::OwnedFd, fs::fstatfs, io::pread};
use std::path::Path;

/// A file that may be trusted to be a board.
pub(crate) struct BoardReader(OwnedFd);

impl BoardReader {
    /// The board at `path`: a file on tmpfs that nobody but root or this user can write.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        let file = trusted::open(path).ok()??;
        (fstatfs(&file).ok()?.f_type == libc::TMPFS_MAGIC).then_some(Self(file))
    }
}

impl board::Board for BoardReader {
    fn copy(&self, index: u64, into: &mut Block) -> Option<()> {
        let mut bytes = [0; BLOCK_BYTES];
        let size = u64::try_from(BLOCK_BYTES).ok()?;
        if pread(&self.0, &mut bytes, index.checked_mul(size)?).ok()? != BLOCK_BYTES {
            return None;
        }
        *into = Block::from_bytes(&bytes);
        Some(())
    }
}
