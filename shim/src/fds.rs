//! Which descriptors carry an answer of ours: a hint, since programs close and reuse numbers past every hook.
//!
//! A row says "the file with this inode was put over this number". Whoever acts on it looks at the file first.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

const ROWS: usize = 256;

/// The answer was not read from yet: the first seek to its start need not compose it again.
const UNREAD: u32 = 1;

/// Per number: 0, or the low bits of the memory file's inode, which are never all 0, above [`UNREAD`].
static ROWS_BY_NUMBER: [AtomicU32; ROWS] = [const { AtomicU32::new(0) }; ROWS];

fn row(fd: i32) -> Option<&'static AtomicU32> {
    ROWS_BY_NUMBER.get(usize::try_from(fd).ok()?)
}

fn inode_bits(inode: u64) -> u32 {
    (inode as u32).wrapping_shl(1) | 1 << 31
}

/// Notes that the file with `inode` was put over `fd`.
pub(crate) fn note(fd: i32, inode: u64) {
    if let Some(row) = row(fd) {
        row.store(inode_bits(inode) | UNREAD, Relaxed);
    }
}

/// Whether an answer was ever put over `fd`.
#[inline]
pub(crate) fn may_be_ours(fd: i32) -> bool {
    row(fd).is_some_and(|row| row.load(Relaxed) != 0)
}

/// Whether the file with `inode` is the one that was put over `fd`; forgets the number when it is not.
pub(crate) fn confirm(fd: i32, inode: u64) -> bool {
    let Some(row) = row(fd) else { return false };
    let noted = row.load(Relaxed);
    let same = noted & !UNREAD == inode_bits(inode);
    if !same {
        let _ = row.compare_exchange(noted, 0, Relaxed, Relaxed);
    }
    same
}

/// Whether nothing was read since the answer was composed; true once.
pub(crate) fn take_unread(fd: i32) -> bool {
    row(fd).is_some_and(|row| row.fetch_and(!UNREAD, Relaxed) & UNREAD != 0)
}
