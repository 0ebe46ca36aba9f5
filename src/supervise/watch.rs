//! A child that answers, and its parent, who can do without it. A user may make wait whoever reads his memory, or looks at his files: by a page or
//! a directory that he serves himself. A thread that waits so cannot be ended, and holds its process; a child is left behind, the call is let
//! pass, and another child goes on.

use super::{
    account::Account,
    answer::Call,
    hand::Hand,
    listener::Listener,
    serve::{Desk, is_over, let_pass, serve},
    target::Target,
    waits::Whose,
};
use crate::clocks;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::BorrowedFd,
    process::{
        Pid, Signal, WaitOptions, getpid, getppid, kill_process, set_parent_process_death_signal, wait, waitpid,
    },
};
use std::{
    fs,
    io::{self, PipeReader},
    sync::Mutex,
};

/// Answers, by a child, until there is nobody left to make calls. The child has no use for `line`.
pub(super) fn serve_watched(listener: &Listener, hand: &Hand, account: &Account, line: BorrowedFd<'_>) {
    let mut left_behind = 0;
    // Children in a row that have not answered a single call.
    let mut barren = 0;
    loop {
        let done = hand.done();
        let mut desk = Desk::new(Some(hand), Some(account));
        desk.looks_at_others = left_behind < MOST_LEFT_BEHIND;
        let ended = Child::start(listener, hand, desk, line).map(|child| child.watch(listener, hand, &mut left_behind));
        barren = if hand.done() == done { barren + 1 } else { 0 };
        match ended {
            Ok(Ended::Done) if is_over(listener) => return,
            Ok(Ended::Stuck(whose)) => {
                left_behind += 1;
                hand.with_waits(|waits| {
                    waits.note(whose, LONGEST_MSEC, clocks::now_usec(libc::CLOCK_MONOTONIC) / 1000);
                });
            }
            // By whoever ends processes, for want of memory or by hand: the next begins with the call that was left.
            Ok(_) if barren == 0 => continue,
            // It may be that call by which it ends, or there are no more processes to be had.
            _ => {
                hand.take_over(|received| listener.let_pass(received.id));
                let_pass(listener, &Timespec { tv_sec: 1, tv_nsec: 0 });
            }
        }
        hand.take_over(|received| listener.let_pass(received.id));
    }
}

/// So many children may wait somewhere at once, for what is kept back from them; then nobody but our own user is looked at.
const MOST_LEFT_BEHIND: u32 = 8;

/// The process that answers.
struct Child {
    pid: Pid,
    /// Closed on the other side when it ends.
    life: PipeReader,
}

/// How it ended.
enum Ended {
    /// There is nobody left who could call.
    Done,
    Killed,
    /// It waits for what this user keeps back, and is ended as soon as it no longer does.
    Stuck(Whose),
}

/// From one look to the next.
const BETWEEN_LOOKS_MSEC: u64 = 500;
/// Of two looks that differ in nothing one may have met a short wait. So many after the first do not.
const SAME: u32 = 3;
/// What was waited by then, at the most.
const LONGEST_MSEC: u64 = BETWEEN_LOOKS_MSEC * (SAME as u64 + 1);

impl Child {
    fn start(listener: &Listener, hand: &Hand, mut desk: Desk<'_>, line: BorrowedFd<'_>) -> io::Result<Self> {
        let (parent, (life, end)) = (getpid(), io::pipe()?);
        // SAFETY: this process has one thread.
        match unsafe { libc::fork() } {
            0 => {
                // Nobody would look after it.
                let _ = set_parent_process_death_signal(Some(Signal::KILL));
                if getppid() == Some(parent) {
                    drop(life);
                    // SAFETY: this process does not come to use it.
                    unsafe { rustix::io::close(std::os::fd::AsRawFd::as_raw_fd(&line)) };
                    let _ = rustix::thread::set_name(super::ANSWERS);
                    if let Some(account) = desk.account {
                        account.enter();
                    }
                    hand.take_over(|received| Call::of(listener, hand, received).answer(&mut desk));
                    serve(listener, hand, &mut desk, None, &Mutex::new(()));
                }
                drop(end);
                // SAFETY: ends this process, which has nothing of its own to put in order.
                unsafe { libc::_exit(0) }
            }
            pid => Pid::from_raw(pid)
                .filter(|_| pid > 0)
                .map(|pid| Self { pid, life })
                .ok_or_else(io::Error::last_os_error),
        }
    }

    /// Waits for its end, and looks now and then whether it is held up. Those who were left behind are buried meanwhile.
    fn watch(self, listener: &Listener, hand: &Hand, left_behind: &mut u32) -> Ended {
        let (mut last, mut same, mut whose) = (None, 0, Whose::Gone);
        while !self.has_ended() {
            let look = Look::at(self.pid, hand);
            same = if look.is_some() && look == last { same + 1 } else { 0 };
            match &look {
                Some(_) if same == 0 => whose = whose_call(listener, hand),
                Some(_) if same == SAME => {
                    let _ = kill_process(self.pid, Signal::KILL);
                    return Ended::Stuck(hand.whose().unwrap_or(whose));
                }
                _ => {}
            }
            last = look;
            while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                if pid == self.pid {
                    return Ended::of(status.exit_status());
                }
                *left_behind = left_behind.saturating_sub(1);
            }
        }
        let status = waitpid(Some(self.pid), WaitOptions::empty());
        Ended::of(status.ok().flatten().and_then(|(_, status)| status.exit_status()))
    }

    /// Whether it ends before the next look.
    fn has_ended(&self) -> bool {
        let between = Timespec { tv_sec: 0, tv_nsec: BETWEEN_LOOKS_MSEC.cast_signed() * 1_000_000 };
        let mut watched = [PollFd::new(&self.life, PollFlags::empty())];
        matches!(poll(&mut watched, Some(&between)), Ok(1..))
    }
}

/// Whose the call in hand is. It still waits after its process was asked, so that no other has its number.
fn whose_call(listener: &Listener, hand: &Hand) -> Whose {
    let (id, thread) = hand.caller();
    let whose = Target::new(thread, None).whose();
    if listener.still_waits(id) { whose } else { Whose::Gone }
}

impl Ended {
    fn of(exit_status: Option<i32>) -> Self {
        if exit_status == Some(0) { Self::Done } else { Self::Killed }
    }
}

/// How a child is seen that looks at something of its caller's, and waits. It is held up where it is seen so again and again, and has
/// not run between. On a busy machine it would be runnable, or its times would have grown.
#[derive(PartialEq)]
struct Look {
    turn: u32,
    /// Its lines of /proc/PID/stat and schedstat (there where the kernel counts that): with the times that it ran, and how often.
    lines: [Vec<u8>; 2],
}

impl Look {
    /// `None` while it has no call in hand, looks at nothing of the caller's, runs, could run, or has been stopped by somebody.
    fn at(pid: Pid, hand: &Hand) -> Option<Self> {
        let turn = hand.turn().filter(|_| hand.is_touching())?;
        let read = |name| fs::read(format!("/proc/{}/{name}", pid.as_raw_nonzero())).unwrap_or_default();
        let lines = [read("stat"), read("schedstat")];
        // The state is behind the name.
        let state = lines[0].iter().rposition(|byte| *byte == b')').and_then(|at| lines[0].get(at + 2));
        matches!(state, Some(b'S' | b'D')).then_some(Self { turn, lines })
    }
}
