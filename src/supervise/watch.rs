//! A child that answers, and its parent, who can do without it. A program may make wait whoever reads its memory: for a page of a
//! file that it serves itself. A thread that waits so cannot be ended, and holds its process; a child is left behind, the call is let
//! pass, and another child goes on.

use super::{
    account::Account,
    answer::Call,
    hand::Hand,
    listener::Listener,
    serve::{Desk, is_over, let_pass, serve},
    strikes::Strikes,
    target::Target,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, Uid, WaitOptions, kill_process, wait, waitpid},
};
use std::{
    fs,
    io::{self, PipeReader},
    sync::Mutex,
    time::Instant,
};

/// Answers, by a child, until there is nobody left to make calls.
pub(super) fn serve_watched(listener: &Listener, hand: &Hand, account: &Account) {
    let (mut strikes, mut tried) = (Strikes::default(), None);
    loop {
        match Child::start(listener, hand, account, &strikes).map(|child| child.watch(hand)) {
            Ok(Ended::Done) => return,
            // By whoever ends processes, for want of memory or by hand: the next child begins with the call that was left. Two have
            // ended over that one: it is let pass.
            Ok(Ended::Killed) if hand.turn().is_none() || tried != Some(hand.id()) => {
                tried = hand.turn().map(|_| hand.id());
                continue;
            }
            Ok(Ended::Killed) => {}
            Ok(Ended::Stuck(user)) => strikes.note(user, Instant::now()),
            Err(_) => {
                // No more processes are to be had for the moment.
                let_pass(listener, &SECOND);
                if is_over(listener) {
                    return;
                }
            }
        }
        hand.take_over(|received| listener.let_pass(received.id));
    }
}

const SECOND: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

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
    Stuck(Option<Uid>),
}

impl Child {
    fn start(listener: &Listener, hand: &Hand, account: &Account, strikes: &Strikes) -> io::Result<Self> {
        let (life, end) = io::pipe()?;
        // SAFETY: this process has one thread.
        match unsafe { libc::fork() } {
            0 => {
                drop(life);
                let _ = rustix::thread::set_name(super::ANSWERS);
                account.enter();
                let mut desk = Desk { strikes: strikes.clone(), account: Some(account), ..Desk::default() };
                hand.take_over(|received| Call::of(listener, received).answer(&mut desk));
                serve(listener, hand, &mut desk, None, &Mutex::new(()));
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

    /// Waits for its end, and looks now and then whether it has been held up. Those who were left behind are buried meanwhile.
    fn watch(self, hand: &Hand) -> Ended {
        // Of two looks that differ in nothing one may have met a short wait. So many do not.
        const SAME: u32 = 3;
        let (mut last, mut same, mut user) = (None, 0, None);
        while !self.has_ended() {
            let look = Look::at(self.pid, hand);
            same = if look.is_some() && look == last { same + 1 } else { 0 };
            match &look {
                Some(_) if same == 0 => user = Target { thread: hand.caller() }.effective_user(),
                Some(_) if same == SAME => {
                    let _ = kill_process(self.pid, Signal::KILL);
                    return Ended::Stuck(user);
                }
                _ => {}
            }
            last = look;
            while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                if pid == self.pid {
                    return Ended::of(status.exit_status());
                }
            }
        }
        let status = waitpid(Some(self.pid), WaitOptions::empty());
        Ended::of(status.ok().flatten().and_then(|(_, status)| status.exit_status()))
    }

    /// Whether it ends before the next look.
    fn has_ended(&self) -> bool {
        const BETWEEN_LOOKS: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
        let mut watched = [PollFd::new(&self.life, PollFlags::empty())];
        matches!(poll(&mut watched, Some(&BETWEEN_LOOKS)), Ok(1..))
    }
}

impl Ended {
    fn of(exit_status: Option<i32>) -> Self {
        if exit_status == Some(0) { Self::Done } else { Self::Killed }
    }
}

/// How a child is seen that has a call in hand and waits. It is held up where it is seen so again and again, and has not run between:
/// whether it has got any CPU time is told by the kernel, so that a busy machine holds nobody up.
#[derive(PartialEq)]
struct Look {
    turn: u32,
    /// Its lines of /proc/PID/stat and schedstat (there where the kernel counts that): with the times that it ran, and how often.
    lines: [Vec<u8>; 2],
}

impl Look {
    /// `None` while it has no call in hand, runs, could run, or has been stopped by somebody.
    fn at(pid: Pid, hand: &Hand) -> Option<Self> {
        let turn = hand.turn()?;
        let read = |name| fs::read(format!("/proc/{}/{name}", pid.as_raw_nonzero())).unwrap_or_default();
        let lines = [read("stat"), read("schedstat")];
        // The state is behind the name.
        let state = lines[0].iter().rposition(|byte| *byte == b')').and_then(|at| lines[0].get(at + 2));
        matches!(state, Some(b'S' | b'D')).then_some(Self { turn, lines })
    }
}
