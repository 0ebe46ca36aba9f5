//! A value kept for a second or for a tick, which any thread reads and renews without waiting.
//!
//! A sequence lock whose writers never wait, and whose readers give up after a while. A writer that was interrupted by
//! a signal handler, or that was running when its process was forked, would keep them waiting for ever.

use crate::{clock, owner, sys};
use core::{
    mem::MaybeUninit,
    sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering::*, fence},
};
use zerocopy::{FromBytes, IntoBytes};

/// How often a reader retries while a writer is at work, which takes some hundred nanoseconds.
const ATTEMPTS: u32 = 10_000;

/// A remembered `T` of `WORDS` words, in which it has no padding, and any of which are one: calc derives that.
pub(crate) struct Remembered<T, const WORDS: usize> {
    lock: Lock,
    words: [AtomicU64; WORDS],
    value: core::marker::PhantomData<T>,
}

impl<T: Copy + FromBytes + IntoBytes, const WORDS: usize> Remembered<T, WORDS> {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        const { assert!(size_of::<T>() == WORDS * 8 && align_of::<T>() == 8) };
        Self { lock: Lock::new(), words: [const { AtomicU64::new(0) }; WORDS], value: core::marker::PhantomData }
    }

    /// Whether the value was confirmed within the last second.
    pub(crate) fn is_fresh(&self) -> bool {
        self.lock.is_fresh()
    }

    /// Copies the value to `to` if it is of this `tick` of the clock, and returns whether it is.
    pub(crate) fn recall_of(&self, tick: Option<u64>, to: &mut MaybeUninit<T>) -> bool {
        // SAFETY: T has WORDS words, any of which is valid.
        tick.is_some() && unsafe { self.lock.recall(&self.words, to.as_mut_ptr().cast()) } == tick
    }

    /// Copies the value of the current tick of the clock to `to`: what is kept, or what `read` returns, which is kept then.
    /// A value counts as one of the tick in which its reading began, so it is never believed for longer.
    #[inline(always)]
    pub(crate) fn in_this_tick<'t>(
        &self,
        to: &'t mut MaybeUninit<T>,
        read: impl FnOnce() -> Option<T>,
    ) -> Option<&'t T> {
        let tick = clock::tick();
        if !self.recall_of(tick, to) {
            self.keep_of(tick, to.write(read()?));
        }
        // SAFETY: recalled or written.
        Some(unsafe { to.assume_init_ref() })
    }

    /// Copies the value to `to`. `None` if there is none yet, or if a writer does not finish, because the caller is a
    /// signal handler that interrupted it.
    pub(crate) fn recall<'t>(&self, to: &'t mut MaybeUninit<T>) -> Option<&'t T> {
        // SAFETY: T has WORDS words, any of which is valid.
        unsafe { self.lock.recall(&self.words, to.as_mut_ptr().cast())? };
        // SAFETY: copied whole, from one `keep`.
        Some(unsafe { to.assume_init_ref() })
    }

    /// Copies the first words of the value to `to`, at most `count`.
    pub(crate) fn recall_first<'t>(&self, count: usize, to: &'t mut MaybeUninit<T>) -> Option<&'t [u64]> {
        let (words, _) = self.words.split_at_checked(count).unwrap_or((&self.words, &[]));
        let to = to.as_mut_ptr().cast();
        // SAFETY: T has as many words, any of which is valid.
        unsafe {
            self.lock.recall(words, to)?;
            Some(core::slice::from_raw_parts(to, words.len()))
        }
    }

    /// Lends the value to be changed, or the default if there is none, and keeps the result.
    #[inline(always)]
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R
    where
        T: Default,
    {
        let mut value = MaybeUninit::uninit();
        if self.recall(&mut value).is_none() {
            value.write(T::default());
        }
        // SAFETY: written whole just now, or recalled.
        let value = unsafe { value.assume_init_mut() };
        let result = change(value);
        self.keep(value);
        result
    }

    /// Keeps `value` from now on, unless another thread is just doing so or the memory is not ours.
    pub(crate) fn keep(&self, value: &T) {
        self.keep_of(clock::tick(), value);
    }

    /// Keeps `value`, which was looked up since `tick`. Without a clock, nothing is kept.
    pub(crate) fn keep_of(&self, tick: Option<u64>, value: &T) {
        // SAFETY: T has WORDS words, all initialised.
        unsafe { self.lock.change(tick, &self.words, (&raw const *value).cast()) };
    }

    /// The tick of the clock at which the value was current: for what is to become stale with it.
    pub(crate) fn tick(&self) -> Option<u64> {
        Some(self.lock.at.load(Relaxed))
    }

    /// Makes the value stale.
    pub(crate) fn expire(&self) {
        self.lock.at.store(0, Relaxed);
    }

    /// Marks the value as current, as if it had been looked up anew.
    pub(crate) fn confirm(&self) {
        // SAFETY: no words, none is read.
        unsafe { self.lock.change(clock::tick(), &[], core::ptr::null()) };
    }
}

/// Guards the words; the same for all types.
struct Lock {
    /// Odd while a writer is at work; 0 before the first.
    turn: AtomicU32,
    /// That writer's process.
    writer: AtomicI32,
    /// The tick of the clock at which the value was current.
    at: AtomicU64,
}

impl Lock {
    const fn new() -> Self {
        Self { turn: AtomicU32::new(0), writer: AtomicI32::new(0), at: AtomicU64::new(0) }
    }

    #[inline(never)]
    fn is_fresh(&self) -> bool {
        self.turn.load(Relaxed) != 0
            && clock::tick().is_some_and(|now| now.wrapping_sub(self.at.load(Relaxed)) < clock::SECOND)
    }

    /// Copies the words, and returns their tick.
    ///
    /// # Safety
    /// There is room for `words` at `to`.
    #[inline(never)]
    unsafe fn recall(&self, words: &[AtomicU64], to: *mut u64) -> Option<u64> {
        // Before the first writer, there is nothing to read.
        if self.turn.load(Relaxed) == 0 {
            return None;
        }
        // SAFETY: the caller guarantees it.
        (0..ATTEMPTS).find_map(|_| unsafe { self.copy(words, to) })
    }

    unsafe fn copy(&self, words: &[AtomicU64], to: *mut u64) -> Option<u64> {
        let turn = self.turn.load(Acquire);
        if turn & 1 == 1 {
            core::hint::spin_loop();
            return None;
        }
        for (index, word) in words.iter().enumerate() {
            // SAFETY: the caller guarantees it; a mixture of two values is thrown away below.
            unsafe { to.wrapping_add(index).write(word.load(Relaxed)) };
        }
        let at = self.at.load(Relaxed);
        fence(Acquire);
        (self.turn.load(Relaxed) == turn).then_some(at)
    }

    /// # Safety
    /// There are as many initialised words at `from`.
    #[inline(never)]
    unsafe fn change(&self, tick: Option<u64>, words: &[AtomicU64], from: *const u64) {
        let Some(tick) = tick else { return };
        let (own, turn) = (sys::getpid(), self.turn.load(Relaxed));
        let is_at_work = turn & 1 == 1;
        if !owner::is(own) || is_at_work && self.writer.load(Relaxed) == own {
            return;
        }
        // If another process left the turn odd, fork copied it while its writer was at work, and that writer is not in
        // this memory.
        let mine = if is_at_work { turn.wrapping_add(2) } else { turn.wrapping_add(1) };
        // This comes first, so that no thread of this process takes our turn for a copied one.
        self.writer.store(own, Relaxed);
        if self.turn.compare_exchange(turn, mine, AcqRel, Relaxed).is_err() {
            return;
        }
        fence(Release);
        for (index, word) in words.iter().enumerate() {
            // SAFETY: the caller guarantees it.
            word.store(unsafe { from.wrapping_add(index).read() }, Relaxed);
        }
        self.at.store(tick, Relaxed);
        // A turn of 0 would mean that there is no value yet.
        self.turn.store(mine.wrapping_add(1).max(2), Release);
    }
}
