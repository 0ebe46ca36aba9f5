//! A value that is worth keeping for a second, read and renewed by any thread without waiting.
//!
//! A sequence lock whose readers never retry and whose writers never wait: whoever meets another at work computes the
//! value afresh and keeps nothing. So a signal handler, a forked child and a hundred threads are all in order.

use crate::{clock, owner};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::*, fence};

/// How long a value is taken to be true, in milliseconds.
const BELIEVED_MSEC: u64 = 1_000;

/// A type whose bytes are all initialised and mean the same in any memory: no padding, no pointers.
///
/// # Safety
/// Every bit pattern that one of its values has must be a value, and it must have no padding.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: u64 and byte fields without padding, asserted below.
unsafe impl Plain for calc::cgroup::places::Places {}
// SAFETY: u64 words throughout.
unsafe impl Plain for calc::view::cpu::Cpus {}

/// A remembered `T` of `WORDS` words.
pub(crate) struct Remembered<T, const WORDS: usize> {
    /// Odd while a writer is at work; 0 before the first.
    turn: AtomicU32,
    at_msec: AtomicU64,
    words: [AtomicU64; WORDS],
    value: core::marker::PhantomData<T>,
}

// SAFETY: only atomics; T is Plain, and copied.
unsafe impl<T: Plain, const WORDS: usize> Sync for Remembered<T, WORDS> {}

/// What is remembered, and whether it is still to be believed without looking.
pub(crate) struct Memory<T> {
    /// The value.
    pub(crate) value: T,
    /// Younger than a second.
    pub(crate) fresh: bool,
}

impl<T: Plain, const WORDS: usize> Remembered<T, WORDS> {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        const { assert!(size_of::<T>() == WORDS * 8 && align_of::<T>() <= 8) };
        Self {
            turn: AtomicU32::new(0),
            at_msec: AtomicU64::new(0),
            words: [const { AtomicU64::new(0) }; WORDS],
            value: core::marker::PhantomData,
        }
    }

    /// The value, where there is one that no writer is changing.
    #[inline]
    pub(crate) fn recall(&self) -> Option<Memory<T>> {
        let turn = self.turn.load(Acquire);
        if turn == 0 || turn & 1 == 1 {
            return None;
        }
        let mut value = MaybeUninit::<T>::uninit();
        let to = value.as_mut_ptr().cast::<u64>();
        for (index, word) in self.words.iter().enumerate() {
            // SAFETY: T has WORDS words.
            unsafe { to.wrapping_add(index).write(word.load(Relaxed)) };
        }
        let age = clock::coarse_msec()?.wrapping_sub(self.at_msec.load(Relaxed));
        fence(Acquire);
        if self.turn.load(Relaxed) != turn {
            return None;
        }
        // SAFETY: all words come from one `keep`, of a T.
        Some(Memory { value: unsafe { value.assume_init() }, fresh: age < BELIEVED_MSEC })
    }

    /// Keeps `value` from now on, unless another is just doing so or the memory is not ours.
    pub(crate) fn keep(&self, value: &T) {
        let (Some(now), turn) = (clock::coarse_msec(), self.turn.load(Relaxed)) else { return };
        if turn & 1 == 1 || !owner::is_ours() {
            return;
        }
        if self.turn.compare_exchange(turn, turn.wrapping_add(1), Acquire, Relaxed).is_err() {
            return;
        }
        fence(Release);
        let from = (&raw const *value).cast::<u64>();
        for (index, word) in self.words.iter().enumerate() {
            // SAFETY: T has WORDS words, all initialised.
            word.store(unsafe { from.wrapping_add(index).read() }, Relaxed);
        }
        self.at_msec.store(now, Relaxed);
        self.turn.store(turn.wrapping_add(2), Release);
    }
}
