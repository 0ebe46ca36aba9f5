//! The call that is being answered, and the waits so far, in memory that processes share: a process that takes over
//! from one that has ended finds the call that was left unanswered.

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

/// The longest look at something of a caller's. A longer one is ended from outside.
pub(super) const MOST_OF_A_LOOK_MSEC: u64 = 2000;
/// The longest that all looks for one call may take.
const MOST_OF_A_CALL_MSEC: u64 = 8000;

/// Shared memory for one call.
pub(super) struct Hand(NonNull<SharedMemory>);

#[repr(C)]
struct SharedMemory {
    received: UnsafeCell<seccomp_notif>,
    waits: UnsafeCell<Waits>,
    /// Odd while a call is in hand; each call has its own number.
    turn: AtomicU32,
    /// The user of the call in hand; 0 if not looked up.
    whose: AtomicU64,
    /// Odd while something is being looked at that belongs to the caller, who may make us wait; each look has its own
    /// number.
    touch: AtomicU32,
    /// The time that this has taken for the call in hand.
    touched_msec: AtomicU64,
    /// How many answering processes have been abandoned and still wait somewhere.
    left_behind: AtomicU32,
}

// SAFETY: only the answerer uses what is in cells, one thread of one process at a time, and others only once it has
// ended.
unsafe impl Send for Hand {}
// SAFETY: as above.
unsafe impl Sync for Hand {}

impl Hand {
    pub(super) fn new() -> io::Result<Self> {
        let all = size_of::<SharedMemory>();
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at no address of ours. Its bytes are zero, which is valid for all that is in it.
        let memory = unsafe { mmap_anonymous(null_mut(), all, prot, MapFlags::SHARED)? };
        NonNull::new(memory.cast()).map(Self).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// Lends the memory to whoever answers the next call.
    pub(super) fn with(&self, answer: impl FnOnce(&mut seccomp_notif)) {
        self.clear();
        self.shared().turn.fetch_add(1, SeqCst);
        // SAFETY: the mapping lives as long as `self`, and one thread at a time comes here.
        answer(unsafe { &mut *self.shared().received.get() });
        self.shared().turn.fetch_add(1, SeqCst);
    }

    /// Calls `answer` with the call that an ended process left in hand, if there is one.
    pub(super) fn take_over(&self, answer: impl FnOnce(&seccomp_notif)) {
        if let Some(turn) = self.turn() {
            self.clear();
            // SAFETY: the process that was using it has ended, or has been killed and executes no more instructions.
            answer(unsafe { &*self.shared().received.get() });
            self.shared().turn.store(turn.wrapping_add(1), SeqCst);
        }
    }

    /// Clears what was recorded of the last call, and of a look during which the process was killed.
    pub(super) fn clear(&self) {
        let SharedMemory { whose, touch, touched_msec, .. } = self.shared();
        whose.store(0, SeqCst);
        touched_msec.store(0, SeqCst);
        if touch.load(SeqCst) % 2 == 1 {
            touch.fetch_add(1, SeqCst);
        }
    }

    /// Calls `look`, which looks at something for which the caller may make us wait; `None` if we have waited long
    /// enough for this call.
    pub(super) fn touching<T>(&self, look: impl FnOnce() -> Option<T>) -> Option<T> {
        let SharedMemory { touch, touched_msec, .. } = self.shared();
        if touched_msec.load(SeqCst) > MOST_OF_A_CALL_MSEC {
            return None;
        }
        let begun = Instant::now();
        touch.fetch_add(1, SeqCst);
        let seen = look();
        touch.fetch_add(1, SeqCst);
        // A longer look would have been ended from outside, so we were stopped ourselves.
        let msec = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX).min(MOST_OF_A_LOOK_MSEC);
        touched_msec.fetch_add(msec, SeqCst);
        seen
    }

    /// The number of the current look at something of the caller's; `None` if there is none.
    pub(super) fn touch(&self) -> Option<u32> {
        Some(self.shared().touch.load(SeqCst)).filter(|touch| touch % 2 == 1)
    }

    /// How long things of the caller's were looked at for the call in hand.
    pub(super) fn touched_msec(&self) -> u64 {
        self.shared().touched_msec.load(SeqCst)
    }

    /// How many abandoned processes there are.
    pub(super) fn left_behind(&self) -> &AtomicU32 {
        &self.shared().left_behind
    }

    /// Lends the record of waits, to the answerer or to the process that has seen it end.
    pub(super) fn with_waits<T>(&self, use_them: impl FnOnce(&mut Waits) -> T) -> T {
        // SAFETY: the mapping lives as long as `self`, and only one at a time gets here.
        use_them(unsafe { &mut *self.shared().waits.get() })
    }

    /// The number of the call in hand; `None` if there is none.
    pub(super) fn turn(&self) -> Option<u32> {
        Some(self.shared().turn.load(SeqCst)).filter(|turn| turn % 2 == 1)
    }

    /// How many calls are finished.
    pub(super) fn done(&self) -> u32 {
        self.shared().turn.load(SeqCst) / 2
    }

    /// The call in hand, by the kernel's number, and its thread. Both may change during the read.
    pub(super) fn caller(&self) -> (u64, pid_t) {
        let received = self.shared().received.get();
        // SAFETY: words of the mapping, which lives as long as `self`.
        unsafe {
            ((&raw const (*received).id).read_volatile(), (&raw const (*received).pid).read_volatile().cast_signed())
        }
    }

    /// Records whose call is in hand: its process may be gone when somebody else asks.
    pub(super) fn is_of(&self, whose: Whose) {
        self.shared().whose.store(whose.word(), SeqCst);
    }

    /// The user of the call in hand, if `is_of` has recorded it.
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
        // SAFETY: mapped by `new`, and nobody has borrowed it.
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
