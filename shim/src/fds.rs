//! Which descriptors carry an answer of ours: a hint, since programs close and reuse numbers past every hook.
//!
//! Whoever acts on it looks first at what the number now is ([`crate::memory_file::carried_by`]).

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A bit per number, for the numbers that programs keep files open at.
struct Numbers([AtomicU64; 16]);

/// An answer was put over this number some time.
static OURS: Numbers = Numbers::new();
/// Nothing was read from the answer yet: the first seek to its start need not compose it again.
static UNREAD: Numbers = Numbers::new();

impl Numbers {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; 16])
    }

    fn word(&self, fd: i32) -> Option<(&AtomicU64, u64)> {
        let fd = usize::try_from(fd).ok()?;
        Some((self.0.get(fd / 64)?, 1 << (fd % 64)))
    }

    #[inline]
    fn has(&self, fd: i32) -> bool {
        self.word(fd).is_some_and(|(word, bit)| word.load(Relaxed) & bit != 0)
    }

    fn add(&self, fd: i32) {
        if let Some((word, bit)) = self.word(fd) {
            word.fetch_or(bit, Relaxed);
        }
    }

    fn take(&self, fd: i32) -> bool {
        self.word(fd).is_some_and(|(word, bit)| word.fetch_and(!bit, Relaxed) & bit != 0)
    }
}

/// Notes that an answer was put over `fd`.
pub(crate) fn note(fd: i32) {
    UNREAD.add(fd);
    OURS.add(fd);
}

/// Notes that `fd` turned out to be something else.
pub(crate) fn forget(fd: i32) {
    OURS.take(fd);
}

/// Whether an answer was ever put over `fd`.
#[inline]
pub(crate) fn may_be_ours(fd: i32) -> bool {
    OURS.has(fd)
}

/// Whether nothing was read since the answer was composed; true once.
pub(crate) fn take_unread(fd: i32) -> bool {
    UNREAD.take(fd)
}
