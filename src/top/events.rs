//! What happens meanwhile: keys and signals, each awaited by a thread of its own.

use super::terminal;
use crate::host::temporary;
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
        atomic::{AtomicBool, AtomicU8, Ordering},
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

/// What happens. Signals come first, then keys in order. Whoever has this may still write to somebody who does not
/// read; once it is dropped, the rest may take its time.
pub(super) struct Events {
    receive: Receiver<Next>,
    signals: Arc<Signals>,
}

/// What the queue holds: an event, or `None` to say that there are signals.
type Next = Option<Event>;

/// Signals that nobody has asked for yet, each once. Those who note them never wait.
#[derive(Default)]
struct Signals {
    /// Bits of [`SIGNALLED`].
    noted: AtomicU8,
    /// Whether [`Events`] has been dropped.
    is_over: AtomicBool,
}

/// The events that are signals, the most urgent first.
const SIGNALLED: [Event; 4] = [Event::End, Event::Stop, Event::Continued, Event::Resized];

impl Signals {
    fn note(&self, event: Event) {
        // As in the kernel: whoever is to go on need not stop any more.
        if event == Event::Continued {
            self.noted.fetch_and(!bit(Event::Stop), Ordering::SeqCst);
        }
        self.noted.fetch_or(bit(event), Ordering::SeqCst);
    }

    fn take(&self) -> Option<Event> {
        let is_taken = |event: &Event| self.noted.fetch_and(!bit(*event), Ordering::SeqCst) & bit(*event) != 0;
        SIGNALLED.into_iter().find(is_taken)
    }
}

/// The bit of an event that is a signal; none of another one.
fn bit(event: Event) -> u8 {
    SIGNALLED.iter().position(|it| *it == event).map_or(0, |at| 1 << at)
}

impl Drop for Events {
    fn drop(&mut self) {
        self.signals.is_over.store(true, Ordering::SeqCst);
    }
}

/// How many keys may be waiting: whoever types or pastes more waits.
const WAITING: usize = 64;

impl Events {
    /// Waits for the signals that end us, alone. All threads that start later leave them to this one.
    pub(super) fn ending() -> io::Result<Self> {
        Ok(Self::of_signals(&[])?.1)
    }

    /// Waits for signals, those about the terminal too, and for what is typed once it is ours.
    pub(super) fn all() -> io::Result<Self> {
        let (send, events) = Self::of_signals(&OF_TERMINAL)?;
        let signals = Arc::clone(&events.signals);
        thread::Builder::new().name("keys".into()).spawn(move || send_input(&send, &signals))?;
        Ok(events)
    }

    /// Those that end us, and `others`.
    fn of_signals(others: &[libc::c_int]) -> io::Result<(SyncSender<Next>, Self)> {
        let (send, receive) = sync_channel(WAITING);
        let signals = Arc::new(Signals::default());
        await_signals(others, send.clone(), Arc::clone(&signals))?;
        Ok((send, Self { receive, signals }))
    }

    /// The next event, if there is one before `limit` is over; `None` may also come sooner.
    pub(super) fn next(&self, limit: Duration) -> Option<Event> {
        self.signals.take().or_else(|| match self.receive.recv_timeout(limit) {
            Ok(Some(event)) => Some(event),
            Ok(None) => self.signals.take(),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Event::End),
        })
    }
}

/// Passes on what is typed. A terminal that is gone is readable at once, which crossterm does not notice: it would read
/// for ever. What is typed while the terminal is not ours is left to others.
fn send_input(to: &SyncSender<Next>, signals: &Signals) -> Option<()> {
    const UNTIL_OURS: Duration = Duration::from_millis(20);
    let tty = typed_at();
    loop {
        if is_gone(tty.as_ref()) {
            return to.send(Some(Event::End)).ok();
        }
        if !terminal::has_keys() {
            if signals.is_over.load(Ordering::SeqCst) {
                return None;
            }
            thread::sleep(UNTIL_OURS);
            continue;
        }
        let mut next = event::read();
        loop {
            let event = match next {
                Ok(Input::Key(key)) => Event::Key(key),
                Ok(_) => Event::Resized,
                Err(_) => Event::End,
            };
            to.send(Some(event)).ok()?;
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

/// Blocks the signals that end us and `others`, and starts a thread that takes them.
fn await_signals(others: &[libc::c_int], to: SyncSender<Next>, signals: Arc<Signals>) -> io::Result<()> {
    let ending = ENDING.into_iter().filter(|signal| !is_ignored(*signal));
    let set = set_of(ending.chain(others.iter().copied()));
    block(&set);
    thread::Builder::new().name("signals".into()).spawn(move || note_signals(&set, &to, &signals)).map(drop)
}

fn note_signals(set: &libc::sigset_t, to: &SyncSender<Next>, signals: &Signals) {
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
        signals.note(event);
        // A full queue needs nobody to say that there is something.
        let _ = to.try_send(None);
        if event == Event::End {
            thread::sleep(GRACE);
            // Whoever does not read what we write cannot keep us from ending.
            if !signals.is_over.load(Ordering::SeqCst) {
                end_at_once();
            }
        }
    }
}

/// Ends us while another thread may be waiting for whoever reads what we write, and may hold the lock of standard
/// output.
fn end_at_once() -> ! {
    terminal::restore_at_once();
    temporary::remove_ours();
    // SAFETY: it does not return, and runs nothing of ours that could wait.
    unsafe { libc::_exit(0) }
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Events that nobody sends any more.
    pub(in crate::top) fn noted(events: &[Event]) -> (SyncSender<Next>, Events) {
        let (send, receive) = sync_channel(WAITING);
        let signals = Arc::new(Signals::default());
        events.iter().for_each(|event| signals.note(*event));
        (send, Events { receive, signals })
    }

    #[test]
    fn signals_are_never_lost_and_come_first() {
        let (send, events) = noted(&[]);
        for _ in 0..WAITING {
            send.try_send(Some(Event::Resized)).unwrap();
        }
        events.signals.note(Event::Continued);
        events.signals.note(Event::Continued);
        events.signals.note(Event::End);
        let next = || events.next(Duration::ZERO);
        assert_eq!([next(), next(), next()], [Event::End, Event::Continued, Event::Resized].map(Some));
    }

    #[test]
    fn whoever_is_continued_does_not_stop() {
        let (_send, events) = noted(&[Event::Stop, Event::Continued]);
        let next = || events.next(Duration::ZERO);
        assert_eq!([next(), next()], [Some(Event::Continued), None]);
        events.signals.note(Event::Stop);
        assert_eq!(next(), Some(Event::Stop));
    }
}
