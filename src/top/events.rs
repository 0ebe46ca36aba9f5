//! What happens meanwhile: keys and signals, each awaited by a thread of its own.

use super::terminal;
use crossterm::event::{self, Event as Input, KeyEvent};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::OwnedFd,
    fs::{Mode, OFlags, open},
};
use std::{
    io::{self, IsTerminal},
    mem::MaybeUninit,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Key(KeyEvent),
    /// The terminal has another size.
    Resized,
    /// We were stopped, and others had the terminal (`SIGCONT`).
    Continued,
    /// We are to stop (`SIGTSTP`).
    Stop,
    /// We are to end, or there is nobody any more to see us.
    End,
}

/// What happens, in order.
pub(super) struct Events {
    receive: Receiver<Event>,
    /// Whether the end has been heard of.
    is_ending: Arc<AtomicBool>,
}

/// How many keys may be waiting: whoever types or pastes more waits.
const WAITING: usize = 64;

impl Events {
    /// Waits for signals alone. All threads that start later leave them to this one.
    pub(super) fn signals() -> io::Result<Self> {
        Ok(Self::of_signals()?.1)
    }

    /// Waits for signals, and for what is typed once the terminal is ours.
    pub(super) fn all() -> io::Result<Self> {
        let (send, events) = Self::of_signals()?;
        thread::Builder::new().name("keys".into()).spawn(move || send_input(&send))?;
        Ok(events)
    }

    fn of_signals() -> io::Result<(SyncSender<Event>, Self)> {
        let (send, receive) = sync_channel(WAITING);
        let is_ending = Arc::new(AtomicBool::new(false));
        await_signals(send.clone(), Arc::clone(&is_ending))?;
        Ok((send, Self { receive, is_ending }))
    }

    /// The next event, if there is one before `limit` is over.
    pub(super) fn next(&self, limit: Duration) -> Option<Event> {
        let event = match self.receive.recv_timeout(limit) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => Event::End,
        };
        if event == Event::End {
            self.is_ending.store(true, Ordering::SeqCst);
        }
        Some(event)
    }
}

/// Passes on what is typed. A terminal that is gone is readable at once, which crossterm does not notice: it would read
/// for ever.
fn send_input(to: &SyncSender<Event>) -> Option<()> {
    let tty = typed_at();
    loop {
        if is_gone(tty.as_ref()) {
            return to.send(Event::End).ok();
        }
        let mut next = event::read();
        loop {
            let event = match next {
                Ok(Input::Key(key)) => Event::Key(key),
                Ok(_) => Event::Resized,
                Err(_) => Event::End,
            };
            to.send(event).ok()?;
            if event == Event::End || !event::poll(Duration::ZERO).unwrap_or(false) {
                break;
            }
            next = event::read();
        }
    }
}

/// Where keys are typed if it is not standard input: crossterm looks there too.
fn typed_at() -> Option<OwnedFd> {
    let is_elsewhere = !io::stdin().is_terminal();
    is_elsewhere.then(|| open("/dev/tty", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()).flatten()
}

/// Waits for something to read; whether the terminal is gone instead.
fn is_gone(tty: Option<&OwnedFd>) -> bool {
    let mut ready = match tty {
        Some(tty) => [PollFd::new(tty, PollFlags::IN)],
        // SAFETY: standard input is a terminal, and nobody here closes it.
        None => [PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN)],
    };
    let is_over = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    poll(&mut ready, None).is_err_and(|error| error != rustix::io::Errno::INTR)
        || ready[0].revents().intersects(is_over)
}

/// The signals that end us, unless whoever started us has them ignored (nohup).
const ENDING: [libc::c_int; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];
/// Those that are about the terminal.
const OF_TERMINAL: [libc::c_int; 3] = [libc::SIGTSTP, libc::SIGCONT, libc::SIGWINCH];

/// Blocks the signals, and starts a thread that takes them.
fn await_signals(to: SyncSender<Event>, is_ending: Arc<AtomicBool>) -> io::Result<()> {
    let ending = ENDING.into_iter().filter(|signal| !is_ignored(*signal));
    let set = set_of(ending.chain(OF_TERMINAL));
    block(&set);
    thread::Builder::new().name("signals".into()).spawn(move || send_signals(&set, &to, &is_ending)).map(drop)
}

fn send_signals(set: &libc::sigset_t, to: &SyncSender<Event>, is_ending: &AtomicBool) {
    const GRACE: Duration = Duration::from_secs(5);
    loop {
        let mut signal = 0;
        // SAFETY: the set is initialised, and `signal` outlives the call.
        if unsafe { libc::sigwait(set, &raw mut signal) } != 0 {
            return;
        }
        let event = match signal {
            libc::SIGTSTP => Event::Stop,
            libc::SIGCONT => Event::Continued,
            libc::SIGWINCH => Event::Resized,
            _ => Event::End,
        };
        if event == Event::End {
            let _ = to.try_send(event);
            thread::sleep(GRACE);
            // Whoever does not read what we write cannot keep us from ending.
            if !is_ending.load(Ordering::SeqCst) {
                terminal::restore();
                std::process::exit(0);
            }
        } else {
            let _ = to.send(event);
        }
    }
}

/// Lets `SIGTSTP` do what it does to a program that does not know it, and returns when it is continued.
pub(super) fn stop() {
    let set = set_of([libc::SIGTSTP].into_iter());
    // SAFETY: the set is initialised; the previous one is not asked for. The signal goes to this thread alone.
    unsafe {
        libc::raise(libc::SIGTSTP);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut());
    }
    block(&set);
}

/// Asks for `SIGTSTP` as the terminal's own key would, for us and for those that we were started together with.
pub(super) fn ask_to_stop() {
    let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
}

fn set_of(signals: impl Iterator<Item = libc::c_int>) -> libc::sigset_t {
    let mut set = MaybeUninit::zeroed();
    // SAFETY: `set` has room for a sigset, which sigemptyset initialises.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in signals {
        // SAFETY: the set is initialised.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: as above.
    unsafe { set.assume_init() }
}

/// Blocks the signals in this thread, and in those that it starts.
fn block(set: &libc::sigset_t) {
    // SAFETY: the set is initialised; the previous one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, set, ptr::null_mut()) };
}

fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: `action` has room for what there is, and a zeroed one is one too; nothing is changed.
    let action = unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}
