//! The process that supervises after us: daemons may outlive the program that was run, and we may be killed. A call
//! that nobody answers fails, or waits for ever. If a separate process answers, it supervises from the start.

use super::{
    answer::answer, answerer::serve_watched, budget::Budget, call::Call, desk::Desk, hand::Hand, listener::Listener,
    serve::serve, terms::Terms,
};
use crate::run::leave;
use anyhow::{Context, Result};
use rustix::fd::{AsFd, AsRawFd};
use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    ptr::null_mut,
    sync::Mutex,
    time::Duration,
};

/// A process that waits for us to end, or supervises in our place.
pub(super) struct Heir {
    pid: i32,
    /// A line to it, in both directions; it is closed when we end.
    line: UnixStream,
    /// It supervises while we live.
    is_at_work: bool,
}

/// What an heir does while we live.
pub(super) enum Part<'a> {
    /// We answer, and it waits.
    Waits,
    /// It has a child answer, within this budget, and watches that child.
    Watches(&'a Budget),
}

/// Tells it to serve until [`CEASE`], because we are stopped. It replies when it has ceased.
const STAND_IN: u8 = b'+';
const CEASE: u8 = b'-';

impl Heir {
    /// Forks it. The other thread of this process waits for us and holds nothing.
    pub(super) fn beget(listener: &Listener, hand: &Hand, terms: &Terms, part: Part<'_>) -> Result<Self> {
        let (ours, its) = UnixStream::pair().context("a socket to the process that supervises after us")?;
        // It replies at once, unless somebody has stopped it.
        ours.set_read_timeout(Some(Duration::from_secs(5)))
            .context("a socket to the process that supervises after us")?;
        let is_at_work = matches!(part, Part::Watches(_));
        // SAFETY: other threads are waiting in system calls or at a gate, so no lock is held in the copy.
        match unsafe { libc::fork() } {
            0 => {
                drop(ours);
                live(listener, hand, terms, its, part)
            }
            pid if pid > 0 => Ok(Self { pid, line: ours, is_at_work }),
            _ => Err(io::Error::last_os_error()).context("starting the process that supervises after us"),
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Makes it serve while `stop` is called, which stops this process for a while.
    pub(super) fn stand_in(&self, stop: impl FnOnce()) {
        let is_told = (&self.line).write_all(&[STAND_IN]).is_ok();
        stop();
        if is_told && (&self.line).write_all(&[CEASE]).is_ok() {
            // If both served at once, each would wait for calls that the other has taken.
            let _ = (&self.line).read(&mut [0]);
        }
    }

    /// Ends it, because nobody is left to supervise, and reaps it.
    pub(super) fn dismiss(&self) {
        if self.is_at_work {
            // It notices that itself and ends, which closes the line.
            let _ = (&self.line).read(&mut [0]);
        }
        // SAFETY: our child, which has not been waited for unless it ended by itself.
        unsafe {
            if libc::waitpid(self.pid, null_mut(), libc::WNOHANG) == 0 {
                libc::kill(self.pid, libc::SIGKILL);
                libc::waitpid(self.pid, null_mut(), 0);
            }
        }
    }
}

/// The heir's life. It does our work from the start, or while we are stopped and once we have ended, until there is
/// none left.
fn live(listener: &Listener, hand: &Hand, terms: &Terms, line: UnixStream, part: Part<'_>) -> ! {
    let (listens, line_end) = (listener.as_fd().as_raw_fd(), line.as_raw_fd());
    match part {
        Part::Watches(budget) => {
            let kept = [listens, line_end].into_iter().chain(terms.descriptor());
            leave::everything(kept.chain(budget.descriptors()).collect(), super::HEIR);
            serve_watched(listener, hand, terms, budget, line.as_fd());
        }
        Part::Waits => {
            leave::everything([listens, line_end].into_iter().chain(terms.descriptor()).collect(), super::HEIR);
            stand_by(listener, hand, terms, line);
        }
    }
    // SAFETY: ends this process, which has nothing to clean up.
    unsafe { libc::_exit(0) }
}

fn stand_by(listener: &Listener, hand: &Hand, terms: &Terms, mut line: UnixStream) {
    let Ok(own) = Hand::new() else { return };
    let mut word = [0];
    while matches!(line.read(&mut word), Ok(1)) {
        match word {
            [STAND_IN] => {
                serve(listener, &own, &mut Desk::new(terms, Some(&own), None), Some(line.as_fd()), &Mutex::new(()));
            }
            _ => drop(line.write_all(&word)),
        }
    }
    // We may have ended in the middle of a call. If that was already answered, this answer comes too late and does
    // nothing.
    hand.take_over(|received| answer(&Call::of(listener, hand, received), &mut Desk::new(terms, None, None)));
    serve(listener, &own, &mut Desk::new(terms, Some(&own), None), None, &Mutex::new(()));
}
