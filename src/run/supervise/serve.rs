//! Answering calls one after another.

use super::{answer::answer, call::Call, desk::Desk, hand::Hand, listener::Listener, terms::Terms};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, BorrowedFd},
    io::Errno,
};
use std::{
    io::{self, PipeWriter},
    mem::MaybeUninit,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread::{self, JoinHandle},
};

/// A thread that answers until this is dropped.
pub(super) struct Server {
    thread: Option<JoinHandle<()>>,
    /// Closed to end it.
    stop: Option<PipeWriter>,
    gate: Arc<Mutex<()>>,
}

impl Server {
    pub(super) fn begin(listener: Arc<OnceLock<Listener>>, hand: Arc<Hand>, terms: Terms) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let gate = Arc::new(Mutex::new(()));
        let inner = Arc::clone(&gate);
        let work = move || {
            if let Some(listener) = listener.get() {
                serve(listener, &hand, &mut Desk::new(&terms, Some(&hand), None), Some(stopped.as_fd()), &inner);
            }
        };
        let thread = thread::Builder::new().spawn(work)?;
        Ok(Self { thread: Some(thread), stop: Some(stop), gate })
    }

    /// Calls `meanwhile` at a time when the thread has no call in hand and takes none.
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

/// Answers until nobody is left to make calls, or until `stop` has something to read or is hung up.
pub(super) fn serve(
    listener: &Listener,
    hand: &Hand,
    desk: &mut Desk<'_>,
    stop: Option<BorrowedFd<'_>>,
    gate: &Mutex<()>,
) {
    while await_call(listener, stop, None) {
        let _gate = gate.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have taken the call while we were kept still. Waiting here for another would hold the gate.
        if !await_call(listener, None, Some(&NOW)) {
            continue;
        }
        hand.with(|received| {
            if listener.receive(received).is_some() {
                answer(&Call::of(listener, hand, received), desk);
            }
        });
    }
}

/// Lets a call pass, if one arrives in time.
pub(super) fn let_pass(listener: &Listener, patience: &Timespec) {
    // SAFETY: zero bytes are a valid notification.
    let mut received = unsafe { MaybeUninit::zeroed().assume_init() };
    if await_call(listener, None, Some(patience)) && listener.receive(&mut received).is_some() {
        listener.let_pass(received.id);
    }
}

const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Whether nobody is left who could make a call. A process that has just ended takes a moment to disappear.
pub(super) fn is_over(listener: &Listener) -> bool {
    const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    let mut watched = [PollFd::new(listener, PollFlags::IN)];
    matches!(poll(&mut watched, Some(&MOMENT)), Ok(1)) && watched[0].revents().contains(PollFlags::HUP)
}

/// Waits for a call. False if there will be none any more, if none arrived in time, or if `stop` has something to read.
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
                // An error: the kernel could not look, because somebody is stopping us.
            }
        }
    }
}
