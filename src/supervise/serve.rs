//! Answering one call after the other.

use super::{account::Account, answer::Call, hand::Hand, listener::Listener, seen::Known, waits::Whose};
use crate::{clocks, kernel};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, BorrowedFd},
    io::Errno,
    process::{Uid, geteuid},
};
use std::{
    io::{self, PipeWriter},
    mem::MaybeUninit,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread::{self, JoinHandle},
};

/// What whoever answers has at hand from one call to the next.
#[derive(Default)]
pub(super) struct Desk<'a> {
    pub(super) known: Known,
    /// Where waits are kept.
    hand: Option<&'a Hand>,
    /// `None` where answers are on the program's own account.
    pub(super) account: Option<&'a Account>,
    /// Calls of users other than our own are not all let pass.
    pub(super) looks_at_others: bool,
    /// The time that this thread had run, or been runnable, when that was last looked at.
    ran_nsec: u64,
}

impl<'a> Desk<'a> {
    pub(super) fn new(hand: Option<&'a Hand>, account: Option<&'a Account>) -> Self {
        Self { hand, account, looks_at_others: true, ..Self::default() }
    }

    /// Whether calls of this user are let pass: we have waited for him too long. He is asked for only where anybody has been waited for.
    pub(super) fn shuns(&self, whose: impl FnOnce() -> Whose) -> bool {
        let Some(hand) = self.hand else { return false };
        if self.looks_at_others && !hand.with_waits(|waits| waits.is_any()) {
            return false;
        }
        let whose = whose();
        hand.is_of(whose);
        !self.looks_at_others && !whose.is_ours()
            || hand.with_waits(|waits| waits.are_too_long(whose, clocks::now_usec(libc::CLOCK_MONOTONIC) / 1000))
    }

    /// Whether there is room for another answer of this user.
    pub(super) fn has_room(&self, owner: Option<Uid>) -> bool {
        self.account.is_none_or(|account| account.has_room(owner == Some(geteuid())))
    }

    /// Takes note of the time that things of the caller's were looked at, if that was spent in waiting. A busy machine is not his fault.
    pub(super) fn note_waits(&mut self, whose: impl FnOnce() -> Whose) {
        const SHORT_MSEC: u64 = 50;
        let msec = |nsec: u64| nsec / 1_000_000;
        let Some((hand, nsec)) = self.hand.map(|hand| (hand, hand.touched_nsec())) else { return };
        if msec(nsec) < SHORT_MSEC {
            return;
        }
        let Some(ran_nsec) = kernel::ran_nsec() else { return };
        let waited = nsec.saturating_sub(ran_nsec.saturating_sub(self.ran_nsec));
        self.ran_nsec = ran_nsec;
        if msec(waited) >= SHORT_MSEC {
            let now_msec = clocks::now_usec(libc::CLOCK_MONOTONIC) / 1000;
            hand.with_waits(|waits| waits.note(whose(), msec(waited), now_msec));
        }
    }
}

/// A thread that answers until this is dropped.
pub(super) struct Server {
    thread: Option<JoinHandle<()>>,
    /// Closed to end it.
    stop: Option<PipeWriter>,
    gate: Arc<Mutex<()>>,
}

impl Server {
    pub(super) fn begin(listener: Arc<OnceLock<Listener>>, hand: Arc<Hand>) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let gate = Arc::new(Mutex::new(()));
        let inner = Arc::clone(&gate);
        let work = move || {
            if let Some(listener) = listener.get() {
                serve(listener, &hand, &mut Desk::new(Some(&hand), None), Some(stopped.as_fd()), &inner);
            }
        };
        let thread = thread::Builder::new().spawn(work)?;
        Ok(Self { thread: Some(thread), stop: Some(stop), gate })
    }

    /// Calls `meanwhile` while the thread has no call in hand, and takes none.
    pub(super) fn keep_still(&self, meanwhile: impl FnOnce()) {
        let _gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        meanwhile();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers until there is nobody left to make calls; or until `stop` has something to say, or is closed on the other side.
pub(super) fn serve(
    listener: &Listener,
    hand: &Hand,
    desk: &mut Desk<'_>,
    stop: Option<BorrowedFd<'_>>,
    gate: &Mutex<()>,
) {
    while await_call(listener, stop, None) {
        let _gate = gate.lock().unwrap_or_else(PoisonError::into_inner);
        // While we were kept still somebody else may have taken it; to wait for another one here would keep the gate.
        if !await_call(listener, None, Some(&NOW)) {
            continue;
        }
        hand.with(|received| {
            if listener.receive(received).is_some() {
                Call::of(listener, hand, received).answer(desk);
            }
        });
    }
}

/// Lets a call pass, if one comes in time.
pub(super) fn let_pass(listener: &Listener, patience: &Timespec) {
    // SAFETY: all bytes zero are a valid notification.
    let mut received = unsafe { MaybeUninit::zeroed().assume_init() };
    if await_call(listener, None, Some(patience)) && listener.receive(&mut received).is_some() {
        listener.let_pass(received.id);
    }
}

const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Whether nobody is left who could make a call. Who has just ended takes a moment to be gone.
pub(super) fn is_over(listener: &Listener) -> bool {
    const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    let mut watched = [PollFd::new(listener, PollFlags::IN)];
    matches!(poll(&mut watched, Some(&MOMENT)), Ok(1)) && watched[0].revents().contains(PollFlags::HUP)
}

/// Waits for a call; false when there will be none any more, none has come in time, or `stop` has something to say.
fn await_call(listener: &Listener, stop: Option<BorrowedFd<'_>>, patience: Option<&Timespec>) -> bool {
    let mut watched = [PollFd::new(listener, PollFlags::IN), PollFd::new(listener, PollFlags::empty())];
    if let Some(stop) = stop {
        watched[1] = PollFd::from_borrowed_fd(stop, PollFlags::IN);
    }
    let count = if stop.is_some() { 2 } else { 1 };
    loop {
        match poll(&mut watched[..count], patience) {
            Err(Errno::INTR) => {}
            Err(_) | Ok(0) => return false,
            Ok(_) => {
                let [call, stop] = &watched;
                let is_stopped = count == 2 && !stop.revents().is_empty();
                if is_stopped || call.revents().contains(PollFlags::HUP) {
                    return false;
                }
                if call.revents().contains(PollFlags::IN) {
                    return true;
                }
                // An error: the kernel could not look, since somebody stops us.
            }
        }
    }
}
