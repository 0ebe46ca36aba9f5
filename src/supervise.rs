//! Programs that make their system calls themselves, static and Go ones, are answered from outside: a filter of system calls
//! that they inherit (seccomp(2)) hands a few of those to us, and we give them a descriptor of ours, or write the figure into
//! their memory (seccomp_unotify(2)).
//!
//! The kernel waits for our word on each of these calls. So whoever supervises may not go before the last of the supervised:
//! [`heir`] stays when we end, in whatever way.

mod answer;
mod figures;
mod filter;
mod heir;
mod listener;
mod memory_file;
mod need;
mod open;
mod refresh;
mod seen;
mod target;

use crate::kernel;
use answer::Call;
use anyhow::{Context, Error, Result};
use heir::{Hand, Heir};
use listener::{Listener, Refusal};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::{AsFd, BorrowedFd},
    fs::{Mode, OFlags, open, readlink},
    io::Errno,
};
use seen::Known;
use std::{
    ffi::OsStr,
    io::{self, PipeReader, PipeWriter, Read, Write},
    sync::OnceLock,
    thread,
};

/// What is done about programs that go past libc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Supervise {
    /// Supervised, with all that they start; a failure where that cannot be.
    Always,
    /// Supervised where the program itself is one, and the kernel allows it.
    Auto,
    /// Left to themselves.
    Never,
}

impl Supervise {
    /// Whether `program` is to be supervised.
    pub(crate) fn is_wanted_for(self, program: &OsStr) -> bool {
        match self {
            Self::Always => true,
            Self::Auto => need::is_needed(program),
            Self::Never => false,
        }
    }
}

/// Somebody who supervises, for as long as there is somebody to be.
pub(crate) struct Supervision {
    heir: Option<Heir>,
}

/// What became of a program that was to be started supervised.
pub(crate) struct Started<T> {
    /// What starting it gave; `None` where it was to be started supervised only.
    pub(crate) outcome: Option<T>,
    /// The reason where nobody supervises.
    pub(crate) supervision: Result<Supervision>,
}

/// Calls `start`, which starts a program, so that all that the program does is supervised. Where that cannot be, it is called
/// all the same unless it `must` be.
///
/// In a thread of its own: a filter is of the thread that puts it on and of what that starts, and ours is to stay without. The
/// thread may need answers itself before it is done.
pub(crate) fn start<T: Send>(must: bool, start: impl FnOnce() -> T + Send) -> Result<Started<T>> {
    let hand = Hand::new().context("memory to share")?;
    let listener = OnceLock::new();
    let (starters, mut ours) = Line::pair().context("pipes")?;
    let (outcome, installed, heir) = thread::scope(|scope| {
        let starter = thread::Builder::new().spawn_scoped(scope, || {
            let installed = install(&listener, starters);
            let is_to_be_started = installed.is_ok() || !must;
            (is_to_be_started.then(start), installed)
        });
        let starter = starter.context("a thread to start the program in")?;
        let heir = ours.await_listener(&listener).and_then(|listener| {
            let heir = Heir::beget(listener, &hand).ok();
            ours.let_go();
            serve(listener, &hand, Some(ours.end.as_fd()));
            heir
        });
        let (outcome, installed) =
            starter.join().map_err(|_| Error::msg("the thread that starts the program failed"))?;
        Ok::<_, Error>((outcome, installed, heir))
    })?;
    let supervision = installed.map(|()| match listener.into_inner() {
        Some(listener) => Supervision::begin(listener, hand, heir),
        None => Supervision { heir: None },
    });
    Ok(Started { outcome, supervision })
}

/// Puts the filter on this thread. Nothing is left in `listener` where a supervisor of ours has us already.
fn install(listener: &OnceLock<Listener>, mut line: StartersLine) -> Result<()> {
    let program = filter::program();
    match Listener::install(&program) {
        Ok(installed) => {
            let _ = listener.set(installed);
            line.tell.write_all(b"!").context("a pipe")?;
            // Nothing is started until there is an heir.
            line.go.read(&mut [0]).map(drop).context("a pipe")
        }
        Err(Refusal::Taken) if is_supervised() => Ok(()),
        Err(Refusal::Taken) => Err(Error::msg("another supervisor has these system calls already")),
        Err(Refusal::Other(error)) => Err(error),
    }
}

/// What the thread that starts a program and we tell each other, by pipes: nothing of that is allocated, or waits for us.
struct Line {
    told: PipeReader,
    go: PipeWriter,
    /// Closed on the other side when the thread is done.
    end: PipeReader,
}

/// The other ends.
struct StartersLine {
    tell: PipeWriter,
    go: PipeReader,
    _end: PipeWriter,
}

impl Line {
    fn pair() -> io::Result<(StartersLine, Self)> {
        let ((told, tell), (goes, go), (end, ends)) = (io::pipe()?, io::pipe()?, io::pipe()?);
        Ok((StartersLine { tell, go: goes, _end: ends }, Self { told, go, end }))
    }

    /// The listener, once there is one; `None` where there will be none.
    fn await_listener<'l>(&mut self, listener: &'l OnceLock<Listener>) -> Option<&'l Listener> {
        matches!(self.told.read(&mut [0]), Ok(1)).then(|| listener.get()).flatten()
    }

    fn let_go(&mut self) {
        // It waits at the other end, and cannot have gone.
        let _ = self.go.write_all(b"!");
    }
}

/// Whether a supervisor of ours answers us: then a file that it knows is one of memory.
fn is_supervised() -> bool {
    let online = open("/sys/devices/system/cpu/online", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let link = online.and_then(|file| readlink(kernel::link(&file), Vec::new()));
    link.is_ok_and(|link| link.to_bytes().starts_with(b"/memfd:/sys/"))
}

impl Supervision {
    /// Supervises from here on.
    fn begin(listener: Listener, hand: Hand, heir: Option<Heir>) -> Self {
        let thread = thread::Builder::new().spawn(move || serve(&listener, &hand, None));
        // Without a thread of ours the heir does the work from now on.
        Self { heir: heir.filter(|_| thread.is_ok()) }
    }

    /// The process that goes on with it after us.
    pub(crate) fn heir(&self) -> Option<i32> {
        self.heir.as_ref().map(Heir::pid)
    }
}

/// Answers calls until there is nobody left to make any, or `stop` is closed on the other side.
fn serve(listener: &Listener, hand: &Hand, stop: Option<BorrowedFd<'_>>) {
    let mut known = Known::default();
    while has_call(listener, stop) {
        hand.with(|received| {
            if listener.receive(received).is_some() {
                Call::of(listener, received).answer(&mut known);
            }
        });
    }
}

/// Waits for a call; false when there will be none any more.
fn has_call(listener: &Listener, stop: Option<BorrowedFd<'_>>) -> bool {
    loop {
        let mut watched = vec![PollFd::new(listener, PollFlags::IN)];
        watched.extend(stop.iter().map(|stop| PollFd::new(stop, PollFlags::empty())));
        match poll(&mut watched, None) {
            Err(Errno::INTR) => {}
            Err(_) => return false,
            Ok(_) if watched[0].revents().contains(PollFlags::IN) => return true,
            Ok(_) => return false,
        }
    }
}
