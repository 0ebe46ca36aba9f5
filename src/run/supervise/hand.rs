//! The call that is being answered, and who has been waited for, in memory that processes share: whoever goes on with the work of one that has
//! ended finds the call that the other did not come to answer.

use super::waits::{Waits, Whose};
use libc::{pid_t, seccomp_notif};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::{
    cell::UnsafeCell,
    io,
    ptr::{NonNull, null_mut},
    sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst},
    time::Instant,
};

/// A look at something of a caller's that lasts longer is ended from outside.
pub(super) const MOST_OF_A_LOOK_MSEC: u64 = 2000;
/// So long we look at things of a caller's, for one call.
const MOST_OF_A_CALL_MSEC: u64 = 8000;

/// A place for one call.
pub(super) struct Hand(NonNull<SharedMemory>);

#[repr(C)]
struct SharedMemory {
    received: UnsafeCell<seccomp_notif>,
    waits: UnsafeCell<Waits>,
    /// Odd while a call is in hand; another number for each.
    turn: AtomicU32,
    /// Whose the call in hand is; 0 where that was not asked.
    whose: AtomicU64,
    /// Odd while something of the caller's is being looked at, for which he may make us wait; another number for each look.
    touch: AtomicU32,
    /// How long that has taken, for the call in hand.
    touched_msec: AtomicU64,
    /// How many processes that answered have been left behind, and still wait somewhere.
    left_behind: AtomicU32,
}

// SAFETY: what is in cells is used by whoever answers, one thread of one process at a time, and by others once that one has ended.
unsafe impl Send for Hand {}
// SAFETY: as above.
unsafe impl Sync for Hand {}

impl Hand {
    pub(super) fn new() -> io::Result<Self> {
        let (all, prot) = (size_of::<SharedMemory>(), ProtFlags::READ | ProtFlags::WRITE);
        // SAFETY: a new mapping, at no address of ours. Its bytes are zero, which is valid for all that is in it.
        let memory = unsafe { mmap_anonymous(null_mut(), all, prot, MapFlags::SHARED)? };
        NonNull::new(memory.cast()).map(Self).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// Lends the place to whoever answers the next call.
    pub(super) fn with(&self, answer: impl FnOnce(&mut seccomp_notif)) {
        self.clear();
        self.shared().turn.fetch_add(1, SeqCst);
        // SAFETY: the mapping lives as long as `self`, and one thread at a time comes here.
        answer(unsafe { &mut *self.shared().received.get() });
        self.shared().turn.fetch_add(1, SeqCst);
    }

    /// Calls `answer` with the call that somebody who has ended left in hand, if there is one.
    pub(super) fn take_over(&self, answer: impl FnOnce(&seccomp_notif)) {
        if let Some(turn) = self.turn() {
            self.clear();
            // SAFETY: whoever had it in use has ended, or has been killed and comes to no instruction of its own.
            answer(unsafe { &*self.shared().received.get() });
            self.shared().turn.store(turn.wrapping_add(1), SeqCst);
        }
    }

    /// Forgets what was told of the call before, and of a look in which somebody was killed.
    pub(super) fn clear(&self) {
        let SharedMemory { whose, touch, touched_msec, .. } = self.shared();
        whose.store(0, SeqCst);
        touched_msec.store(0, SeqCst);
        if touch.load(SeqCst) % 2 == 1 {
            touch.fetch_add(1, SeqCst);
        }
    }

    /// Calls `look`, which looks at something for which the caller may make us wait; `None` where we have waited enough for this call.
    pub(super) fn touching<T>(&self, look: impl FnOnce() -> Option<T>) -> Option<T> {
        let SharedMemory { touch, touched_msec, .. } = self.shared();
        if touched_msec.load(SeqCst) > MOST_OF_A_CALL_MSEC {
            return None;
        }
        let begun = Instant::now();
        touch.fetch_add(1, SeqCst);
        let seen = look();
        touch.fetch_add(1, SeqCst);
        // Of a longer look we would have been told: we were stopped ourselves.
        let msec = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX).min(MOST_OF_A_LOOK_MSEC);
        touched_msec.fetch_add(msec, SeqCst);
        seen
    }

    /// Tells the looks at something of the caller's apart; `None` where there is none at the moment.
    pub(super) fn touch(&self) -> Option<u32> {
        Some(self.shared().touch.load(SeqCst)).filter(|touch| touch % 2 == 1)
    }

    /// How long things were looked at for the call in hand for which its caller may have made us wait.
    pub(super) fn touched_msec(&self) -> u64 {
        self.shared().touched_msec.load(SeqCst)
    }

    /// The number of processes that were left behind.
    pub(super) fn left_behind(&self) -> &AtomicU32 {
        &self.shared().left_behind
    }

    /// Lends what is known of waits, to whoever answers or has seen him end.
    pub(super) fn with_waits<T>(&self, use_them: impl FnOnce(&mut Waits) -> T) -> T {
        // SAFETY: the mapping lives as long as `self`, and one at a time comes here.
        use_them(unsafe { &mut *self.shared().waits.get() })
    }

    /// Tells the calls in hand apart; `None` while there is none.
    pub(super) fn turn(&self) -> Option<u32> {
        Some(self.shared().turn.load(SeqCst)).filter(|turn| turn % 2 == 1)
    }

    /// How many calls have been done with.
    pub(super) fn done(&self) -> u32 {
        self.shared().turn.load(SeqCst) / 2
    }

    /// The call in hand, by the kernel's number, and its thread. Both may change while this is read.
    pub(super) fn caller(&self) -> (u64, pid_t) {
        let received = self.shared().received.get();
        // SAFETY: words of the mapping, which lives as long as `self`.
        unsafe {
            ((&raw const (*received).id).read_volatile(), (&raw const (*received).pid).read_volatile().cast_signed())
        }
    }

    /// Leaves word of whose the call in hand is: its process may be gone by the time that somebody else asks.
    pub(super) fn is_of(&self, whose: Whose) {
        self.shared().whose.store(whose.word(), SeqCst);
    }

    /// Whose the call in hand is, if `is_of` has said so.
    pub(super) fn whose(&self) -> Option<Whose> {
        Whose::of_word(self.shared().whose.load(SeqCst))
    }

    fn shared(&self) -> &SharedMemory {
        // SAFETY: the mapping lives as long as `self`; what changes in it is in cells.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        // SAFETY: what `new` has mapped, and nobody has borrowed.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), size_of::<SharedMemory>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_was_left_is_found_once() {
        let hand = Hand::new().unwrap();
        assert_eq!((hand.turn(), hand.done()), (None, 0));
        hand.with(|_| assert_eq!(hand.turn(), Some(1)));
        assert_eq!(hand.done(), 1);
        hand.take_over(|_| panic!("it was answered"));
        // SAFETY: the child ends in the middle of a call.
        match unsafe { libc::fork() } {
            0 => hand.with(|received| {
                (received.id, received.pid) = (7, 8);
                hand.is_of(Whose::Unmapped);
                hand.with_waits(|waits| waits.note(Whose::Unmapped, 90_000, 1));
                // SAFETY: ends the child.
                unsafe { libc::_exit(0) }
            }),
            // SAFETY: our child.
            child => assert_eq!(unsafe { libc::waitpid(child, null_mut(), 0) }, child),
        }
        assert_eq!((hand.turn(), hand.done(), hand.caller()), (Some(3), 1, (7, 8)));
        assert_eq!(hand.whose(), Some(Whose::Unmapped));
        assert!(hand.with_waits(|waits| waits.are_too_long(Whose::Unmapped, 1)));
        let mut left = 0;
        hand.take_over(|received| left = received.id);
        assert_eq!((left, hand.turn(), hand.done()), (7, None, 2));
        hand.take_over(|_| panic!("it was taken over"));
        hand.with(|_| assert_eq!(hand.whose(), None));
    }
}
