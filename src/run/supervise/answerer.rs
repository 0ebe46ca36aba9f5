//! A child answers, and its parent watches it. A user can make whoever reads the user's memory or looks at the user's
//! files wait, by means of a page or a directory that the user serves. A thread that waits for one cannot be ended, and
//! its process lives as long. So the child is abandoned, the call passes, and another child continues.

use super::{
    answer::answer,
    budget::Budget,
    call::{self, Call},
    desk::Desk,
    hand::{Hand, MOST_OF_A_LOOK_MSEC},
    listener::Listener,
    serve::{is_over, let_pass, serve},
    target::Target,
    terms::Terms,
    waits::{Whose, now_msec},
};
use crate::host::kernel;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::BorrowedFd,
    process::{
        Pid, Signal, WaitOptions, getpid, getppid, kill_process, set_parent_process_death_signal, wait, waitpid,
    },
};
use std::{
    ffi::CString,
    fs,
    io::{self, PipeReader},
    sync::{Mutex, atomic::Ordering::SeqCst},
    time::{Duration, Instant},
};

/// Keeps a child answering until nobody is left who could make a call. The child closes its copy of `line`.
pub(super) fn serve_watched(listener: &Listener, hand: &Hand, terms: &Terms, budget: &Budget, line: BorrowedFd<'_>) {
    // Processes that a previous heir abandoned are not our children.
    hand.left_behind().store(0, SeqCst);
    // Successive children that have not answered a single call.
    let mut barren = 0;
    loop {
        let done = hand.done();
        let ended = Answerer::start(listener, hand, terms, budget, line).map(|child| child.watch(listener, hand));
        barren = if hand.done() == done { barren + 1 } else { 0 };
        match ended {
            Ok(Ended::Done) if is_over(listener) => return,
            Ok(Ended::Stuck(whose)) => {
                hand.left_behind().fetch_add(1, SeqCst);
                if let Some(whose) = whose {
                    let msec = MOST_OF_A_LOOK_MSEC + hand.touched_msec();
                    hand.with_waits(|waits| waits.note(whose, msec, now_msec()));
                }
            }
            // Somebody killed it, or memory ran out: the next child starts with the call that it left.
            Ok(_) if barren == 0 => continue,
            // That call may be what ends it, or no process can be had at the moment.
            _ => {
                hand.take_over(|received| listener.let_pass(received.id));
                let_pass(listener, &Timespec { tv_sec: 1, tv_nsec: 0 });
                if is_over(listener) {
                    return;
                }
            }
        }
        hand.take_over(|received| listener.let_pass(received.id));
    }
}

/// The process that answers.
struct Answerer {
    pid: Pid,
    /// Hung up when it ends.
    life: PipeReader,
}

/// How it ended.
enum Ended {
    /// Nobody is left who could make a call.
    Done,
    Killed,
    /// It has been killed, and will end once its wait is over: a wait for something that this user serves, or for
    /// something else.
    Stuck(Option<Whose>),
}

/// The time between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// How long a child may wait for something of its caller's, counted from the first look that finds it waiting.
const MOST_OF_THE_CALLERS: Duration = Duration::from_millis(MOST_OF_A_LOOK_MSEC - 500);
/// How long it may wait for anything else, such as a caller that is slow to take its descriptor, or a kernel lock.
const MOST_OF_ANYTHING: Duration = Duration::from_secs(30);

impl Answerer {
    fn start(
        listener: &Listener,
        hand: &Hand,
        terms: &Terms,
        budget: &Budget,
        line: BorrowedFd<'_>,
    ) -> io::Result<Self> {
        hand.clear();
        let (parent, (life, end)) = (getpid(), io::pipe()?);
        // SAFETY: this process has one thread.
        match unsafe { libc::fork() } {
            0 => {
                // If the parent has ended, nobody would watch it.
                let _ = set_parent_process_death_signal(Some(Signal::KILL));
                if getppid() == Some(parent) {
                    drop(life);
                    // SAFETY: this process never uses it.
                    unsafe { rustix::io::close(std::os::fd::AsRawFd::as_raw_fd(&line)) };
                    let _ = rustix::thread::set_name(super::ANSWERS);
                    let mut desk = Desk::new(terms, Some(hand), Some(budget));
                    desk.enter_budget();
                    hand.take_over(|received| answer(&Call::of(listener, hand, received), &mut desk));
                    serve(listener, hand, &mut desk, None, &Mutex::new(()));
                }
                drop(end);
                // SAFETY: ends this process, which has nothing to clean up.
                unsafe { libc::_exit(0) }
            }
            pid => Pid::from_raw(pid)
                .filter(|_| pid > 0)
                .map(|pid| Self { pid, life })
                .ok_or_else(io::Error::last_os_error),
        }
    }

    /// Waits until it ends, and checks at intervals whether it is stuck. Abandoned children are reaped meanwhile.
    fn watch(self, listener: &Listener, hand: &Hand) -> Ended {
        let mut last = None::<Look>;
        let mut waited = Duration::ZERO;
        let mut whose = Whose::Gone;
        while !self.has_ended() {
            let look = Look::at(self.pid, hand);
            match (&last, &look) {
                (Some(last), Some(look)) if look.is_of_the_same(last) => waited += look.waited_since(last),
                (_, Some(_)) => (waited, whose) = (Duration::ZERO, whose_in_hand(listener, hand)),
                (_, None) => {}
            }
            if let Some(look) = &look
                && waited >= look.patience()
            {
                let _ = kill_process(self.pid, Signal::KILL);
                return Ended::Stuck(look.touch.map(|_| hand.whose().unwrap_or(whose)));
            }
            last = look;
            while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                if pid == self.pid {
                    return Ended::of(status.exit_status());
                }
                let _ = hand.left_behind().fetch_update(SeqCst, SeqCst, |count| count.checked_sub(1));
            }
        }
        let status = waitpid(Some(self.pid), WaitOptions::empty());
        Ended::of(status.ok().flatten().and_then(|(_, status)| status.exit_status()))
    }

    /// Whether it ends before the next look.
    fn has_ended(&self) -> bool {
        let between = Timespec { tv_sec: 0, tv_nsec: BETWEEN_LOOKS.subsec_nanos().into() };
        let mut watched = [PollFd::new(&self.life, PollFlags::empty())];
        matches!(poll(&mut watched, Some(&between)), Ok(1..))
    }
}

/// The user whose call is in hand.
fn whose_in_hand(listener: &Listener, hand: &Hand) -> Whose {
    let (id, thread) = hand.caller();
    call::whose(listener, id, Target::new(thread, None))
}

impl Ended {
    fn of(exit_status: Option<i32>) -> Self {
        if exit_status == Some(0) { Self::Done } else { Self::Killed }
    }
}

/// One look at a child that waits with a call in hand.
struct Look {
    turn: u32,
    /// Which of the caller's things it is looking at, if any.
    touch: Option<u32>,
    when: Instant,
    /// The time that it has run or been runnable: this still grows on a busy machine.
    ran: Duration,
}

impl Look {
    /// `None` if it has no call in hand, is running or runnable, or has been stopped.
    fn at(pid: Pid, hand: &Hand) -> Option<Self> {
        let (turn, touch) = (hand.turn()?, hand.touch());
        let file = |name| format!("/proc/{}/{name}", pid.as_raw_nonzero());
        let stat = fs::read(file("stat")).unwrap_or_default();
        // The state follows the name.
        let state = stat.iter().rposition(|byte| *byte == b')').and_then(|at| stat.get(at + 2));
        let ran_nsec = CString::new(file("schedstat")).ok().and_then(|path| kernel::ran_nsec(&path)).unwrap_or(0);
        let ran = Duration::from_nanos(ran_nsec);
        matches!(state, Some(b'S' | b'D')).then_some(Self { turn, touch, when: Instant::now(), ran })
    }

    fn is_of_the_same(&self, other: &Self) -> bool {
        (self.turn, self.touch) == (other.turn, other.touch)
    }

    /// How long it has waited since `last`. If more time has passed than lies between two looks, we were asleep, and so
    /// was it.
    fn waited_since(&self, last: &Self) -> Duration {
        let time = self.when.duration_since(last.when).min(BETWEEN_LOOKS);
        time.saturating_sub(self.ran.saturating_sub(last.ran))
    }

    fn patience(&self) -> Duration {
        if self.touch.is_some() { MOST_OF_THE_CALLERS } else { MOST_OF_ANYTHING }
    }
}
