//! Who supervises after us: daemons may outlive the program that was run, and we may be killed. A call that nobody answers
//! fails, or waits for ever. Where we may look at programs that have not got our rights, it supervises from the start.

use super::{
    answer::answer, answerer::serve_watched, budget::Budget, call::Call, desk::Desk, hand::Hand, listener::Listener,
    serve::serve,
};
use crate::run::environment::Environment;
use anyhow::{Context, Result};
use rustix::fd::{AsFd, AsRawFd, RawFd};
use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    ptr::null_mut,
    sync::Mutex,
    time::Duration,
};

/// A process that waits for our end, or supervises in our place.
pub(super) struct Heir {
    pid: i32,
    /// What we say to it, and what it says; closed when we end.
    line: UnixStream,
    /// It supervises while we live.
    is_at_work: bool,
}

/// What an heir does while we live.
pub(super) enum Part<'a> {
    /// We answer, and it waits.
    Waits,
    /// It has a child answer, within this budget, and watches that.
    Watches(&'a Budget),
}

/// From here on, until [`CEASE`], it is to serve: we are stopped. It answers when it has ceased.
const STAND_IN: u8 = b'+';
const CEASE: u8 = b'-';

impl Heir {
    /// Makes it, a copy of this process, whose other thread waits for us and holds nothing.
    pub(super) fn beget(listener: &Listener, hand: &Hand, gave: &Environment, part: Part<'_>) -> Result<Self> {
        let (ours, its) = UnixStream::pair().context("a line to who supervises after us")?;
        // It answers at once, unless somebody has stopped it.
        ours.set_read_timeout(Some(Duration::from_secs(5))).context("a line to who supervises after us")?;
        let is_at_work = matches!(part, Part::Watches(_));
        // SAFETY: other threads wait in system calls, or at a gate, so that the copy finds no lock held.
        match unsafe { libc::fork() } {
            0 => {
                drop(ours);
                live(listener, hand, gave, its, part)
            }
            pid if pid > 0 => Ok(Self { pid, line: ours, is_at_work }),
            _ => Err(io::Error::last_os_error()).context("a process to supervise after us"),
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Has it serve while `stop` is called, which stops this process for a while.
    pub(super) fn stand_in(&self, stop: impl FnOnce()) {
        let is_told = (&self.line).write_all(&[STAND_IN]).is_ok();
        stop();
        if is_told && (&self.line).write_all(&[CEASE]).is_ok() {
            // Two at once would each wait for what the other has taken.
            let _ = (&self.line).read(&mut [0]);
        }
    }

    /// Ends it: there is nobody left to supervise. A process that nobody waits for would stay in the list of processes.
    pub(super) fn dismiss(&self) {
        if self.is_at_work {
            // It sees that itself, and ends; then the line does.
            let _ = (&self.line).read(&mut [0]);
        }
        // SAFETY: our child, which has not been waited for unless it has ended by itself.
        unsafe {
            if libc::waitpid(self.pid, null_mut(), libc::WNOHANG) == 0 {
                libc::kill(self.pid, libc::SIGKILL);
                libc::waitpid(self.pid, null_mut(), 0);
            }
        }
    }
}

/// The heir's life: our work, from the start or while we are stopped and when we have ended, while there is any.
fn live(listener: &Listener, hand: &Hand, gave: &Environment, line: UnixStream, part: Part<'_>) -> ! {
    let (listens, line_end) = (listener.as_fd().as_raw_fd(), line.as_raw_fd());
    match part {
        Part::Watches(budget) => {
            leave_everything([listens, line_end].into_iter().chain(budget.descriptors()).collect());
            serve_watched(listener, hand, gave, budget, line.as_fd());
        }
        Part::Waits => {
            leave_everything(vec![listens, line_end]);
            stand_by(listener, hand, gave, line);
        }
    }
    // SAFETY: ends this process, which has nothing of its own to put in order.
    unsafe { libc::_exit(0) }
}

fn stand_by(listener: &Listener, hand: &Hand, gave: &Environment, mut line: UnixStream) {
    let Ok(own) = Hand::new() else { return };
    let mut word = [0];
    while matches!(line.read(&mut word), Ok(1)) {
        match word {
            [STAND_IN] => {
                serve(listener, &own, &mut Desk::new(gave, Some(&own), None), Some(line.as_fd()), &Mutex::new(()));
            }
            _ => drop(line.write_all(&word)),
        }
    }
    // We may have ended in the middle of a call. If it was answered, this comes too late and does nothing.
    hand.take_over(|received| answer(&Call::of(listener, hand, received), &mut Desk::new(gave, None, None)));
    serve(listener, &own, &mut Desk::new(gave, Some(&own), None), None, &Mutex::new(()));
}

/// Leaves the terminal, the directory and the files that others may wait for to be let go, but the descriptors `kept`.
fn leave_everything(mut kept: Vec<RawFd>) {
    let _ = rustix::process::setsid();
    let _ = rustix::process::chdir("/");
    let _ = rustix::thread::set_name(super::HEIR);
    kept.sort_unstable();
    let mut first = 0;
    for number in kept.into_iter().chain([RawFd::MAX]) {
        if first < number {
            close_all(first, number - 1);
        }
        first = number.saturating_add(1);
    }
    // The numbers of the standard streams are not to become those of other files.
    crate::host::descriptors::hold_closed_standard_descriptors();
}

/// Closes the descriptors from `first` to `last`.
fn close_all(first: i32, last: i32) {
    // SAFETY: nothing of this process is used any more but what it keeps.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0 {
        return;
    }
    // A sandbox may not know that call. None has a higher number than there may be.
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(1 << 20);
    for number in first..=last.min(i32::try_from(most).unwrap_or(i32::MAX)) {
        // SAFETY: as above.
        unsafe { libc::close(number) };
    }
}
