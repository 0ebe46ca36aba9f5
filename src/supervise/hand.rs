//! The call that is being answered, in memory that processes share: whoever goes on with the work of one that has ended finds the
//! call that the other did not come to answer.

use libc::{pid_t, seccomp_notif};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::{
    cell::UnsafeCell,
    io,
    ptr::{NonNull, null_mut},
    sync::atomic::{AtomicU32, Ordering},
};

/// A place for one call.
pub(super) struct Hand(NonNull<Shared>);

#[repr(C)]
struct Shared {
    received: UnsafeCell<seccomp_notif>,
    /// Odd while a call is in hand; another number for each.
    turn: AtomicU32,
}

// SAFETY: one thread of one process at a time calls `with`; others read the turn, and whose call it is, or wait until that one has ended.
unsafe impl Send for Hand {}
// SAFETY: as above.
unsafe impl Sync for Hand {}

impl Hand {
    pub(super) fn new() -> io::Result<Self> {
        let (all, prot) = (size_of::<Shared>(), ProtFlags::READ | ProtFlags::WRITE);
        // SAFETY: a new mapping, at no address of ours. Its bytes are zero, which is a valid notification and turn.
        let memory = unsafe { mmap_anonymous(null_mut(), all, prot, MapFlags::SHARED)? };
        NonNull::new(memory.cast()).map(Self).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// Lends the place to whoever answers the next call.
    pub(super) fn with(&self, answer: impl FnOnce(&mut seccomp_notif)) {
        self.shared().turn.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the mapping lives as long as `self`, and one thread at a time comes here.
        answer(unsafe { &mut *self.shared().received.get() });
        self.shared().turn.fetch_add(1, Ordering::SeqCst);
    }

    /// Calls `answer` with the call that somebody who has ended left in hand, if there is one.
    pub(super) fn take_over(&self, answer: impl FnOnce(&seccomp_notif)) {
        if let Some(turn) = self.turn() {
            // SAFETY: who had it in use has ended.
            answer(unsafe { &*self.shared().received.get() });
            self.shared().turn.store(turn.wrapping_add(1), Ordering::SeqCst);
        }
    }

    /// Tells the calls in hand apart; `None` while there is none.
    pub(super) fn turn(&self) -> Option<u32> {
        Some(self.shared().turn.load(Ordering::SeqCst)).filter(|turn| turn % 2 == 1)
    }

    /// The number of the call in hand, by which the kernel knows it. It may change while this is read.
    pub(super) fn id(&self) -> u64 {
        // SAFETY: a word of the mapping, which lives as long as `self`.
        unsafe { (&raw const (*self.shared().received.get()).id).read_volatile() }
    }

    /// Whose call is in hand. It may change while this is read.
    pub(super) fn caller(&self) -> pid_t {
        // SAFETY: a word of the mapping, which lives as long as `self`.
        unsafe { (&raw const (*self.shared().received.get()).pid).read_volatile() }.cast_signed()
    }

    fn shared(&self) -> &Shared {
        // SAFETY: the mapping lives as long as `self`; what changes in it is in cells.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        // SAFETY: what `new` has mapped, and nobody has borrowed.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), size_of::<Shared>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_was_left_is_found_once() {
        let hand = Hand::new().unwrap();
        assert_eq!(hand.turn(), None);
        hand.with(|_| assert_eq!(hand.turn(), Some(1)));
        hand.take_over(|_| panic!("it was answered"));
        // SAFETY: the child ends in the middle of a call.
        match unsafe { libc::fork() } {
            0 => hand.with(|received| {
                (received.id, received.pid) = (7, 8);
                // SAFETY: ends the child.
                unsafe { libc::_exit(0) }
            }),
            // SAFETY: our child.
            child => assert_eq!(unsafe { libc::waitpid(child, null_mut(), 0) }, child),
        }
        assert_eq!((hand.turn(), hand.caller()), (Some(3), 8));
        let mut left = 0;
        hand.take_over(|received| left = received.id);
        assert_eq!((left, hand.turn()), (7, None));
        hand.take_over(|_| panic!("it was taken over"));
    }
}
