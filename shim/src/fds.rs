//! Which descriptors carry an answer of ours. Only a hint, because programs close and reuse numbers without any hook
//! seeing it.
//!
//! Before acting on it, a caller checks what the number is now ([`crate::memory_file::carried_by`]).

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A bit per number, for the numbers at which programs keep files open.
static OURS: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

#[inline(always)]
fn bit(fd: i32) -> Option<(&'static AtomicU64, u64)> {
    let fd = usize::try_from(fd).ok()?;
    Some((OURS.get(fd / 64)?, 1 << (fd % 64)))
}

/// Records that an answer was put over `fd`.
pub(crate) fn note(fd: i32) {
    if let Some((word, bit)) = bit(fd) {
        word.fetch_or(bit, Relaxed);
    }
}

/// Records that `fd` turned out to be something else.
pub(crate) fn forget(fd: i32) {
    if let Some((word, bit)) = bit(fd) {
        word.fetch_and(!bit, Relaxed);
    }
}

/// Whether an answer was ever put over `fd`.
#[inline(always)]
pub(crate) fn may_be_ours(fd: i32) -> bool {
    bit(fd).is_some_and(|(word, bit)| word.load(Relaxed) & bit != 0)
}
