//! The thread that installs the filter and starts the program. A filter applies to a thread and what that starts, and
//! our other threads must stay without one. The thread lives as long as the program, because the kernel regards it as
//! the program's parent (PR_SET_PDEATHSIG, prctl(2)).

use super::{
    NotSupervised, filter,
    listener::{Listener, Refusal},
    open,
};
use anyhow::{Error, Result};
use std::{
    io::{self, PipeReader, PipeWriter, Read, Write},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread::{self, JoinHandle},
};

/// The thread after the program has been started. It ends when this is dropped.
pub(super) struct Starter {
    thread: Option<JoinHandle<()>>,
    go: Option<PipeWriter>,
}

/// The thread before the program is started.
pub(super) struct PendingStart<T, F> {
    starter: Starter,
    exchange: Arc<Exchange<T, F>>,
    told: PipeReader,
    /// Becomes readable when the program has been started.
    done: PipeReader,
}

/// What the thread reports about the filter.
pub(super) enum Word {
    /// It is installed, and the listener is there.
    Installed,
    /// A supervisor of ours is already around us: nothing was installed.
    Supervised,
    /// Nothing was installed, or only for the thread itself.
    Refused(Error),
}

/// What the two threads hand to each other; never used by both at once.
struct Exchange<T, F> {
    start: Mutex<Option<F>>,
    outcome: Mutex<Option<T>>,
    word: Mutex<Option<Word>>,
}

/// The thread's ends of the pipes. Using them allocates nothing and needs no answer of ours.
struct Ends {
    tell: PipeWriter,
    go: PipeReader,
    done: PipeWriter,
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn put<T>(slot: &Mutex<Option<T>>, value: T) {
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
}

impl Starter {
    /// Starts the thread, which first installs the filter and then waits. If somebody observes, more calls come to us.
    pub(super) fn begin<T, F>(
        start: F,
        listener: Arc<OnceLock<Listener>>,
        is_observed: bool,
    ) -> Result<PendingStart<T, F>, NotSupervised<F>>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let exchange =
            Arc::new(Exchange { start: Mutex::new(Some(start)), outcome: Mutex::new(None), word: Mutex::new(None) });
        let begin = || -> Result<_> {
            let ((told, tell), (goes, go), (done, dones)) = (io::pipe()?, io::pipe()?, io::pipe()?);
            let ends = Ends { tell, go: goes, done: dones };
            let inner = Arc::clone(&exchange);
            let thread = thread::Builder::new().spawn(move || live(&inner, &listener, ends, is_observed))?;
            Ok((Self { thread: Some(thread), go: Some(go) }, told, done))
        };
        match begin() {
            Ok((starter, told, done)) => Ok(PendingStart { starter, exchange, told, done }),
            Err(error) => match take(&exchange.start) {
                Some(start) => Err(NotSupervised(error.context("a thread to start the program in"), start)),
                None => unreachable!("no thread has taken it"),
            },
        }
    }
}

impl Drop for Starter {
    fn drop(&mut self) {
        drop(self.go.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's life.
fn live<T, F: FnOnce() -> T>(
    exchange: &Exchange<T, F>,
    listener: &OnceLock<Listener>,
    mut ends: Ends,
    is_observed: bool,
) {
    let program = filter::program(is_observed);
    let word = match Listener::install(&program) {
        Ok(installed) => {
            let _ = listener.set(installed);
            Word::Installed
        }
        Err(Refusal::Taken) if open::is_supervised() => Word::Supervised,
        Err(Refusal::Taken) => Word::Refused(Error::msg("another supervisor already handles these system calls")),
        Err(Refusal::Other(error)) => Word::Refused(error),
    };
    put(&exchange.word, word);
    // Nothing is started until there is an heir, and nothing at all if this fails.
    let is_let_go = ends.tell.write_all(b"!").is_ok() && matches!(ends.go.read(&mut [0]), Ok(1));
    if let Some(start) = if is_let_go { take(&exchange.start) } else { None } {
        put(&exchange.outcome, start());
        // Closing the pipe would not do: the heir may have a copy.
        let _ = ends.done.write_all(b"!");
        // Waits until the program has ended.
        let _ = ends.go.read(&mut [0]);
    }
}

impl<T, F> PendingStart<T, F> {
    /// The thread's report about the filter.
    pub(super) fn word(&mut self) -> Word {
        let is_said = matches!(self.told.read(&mut [0]), Ok(1));
        let word = if is_said { take(&self.exchange.word) } else { None };
        word.unwrap_or_else(|| Word::Refused(Error::msg("the thread that starts the program failed")))
    }

    /// Returns what was to be started, because it is not started here.
    pub(super) fn give_back(self) -> F {
        let Self { starter, exchange, .. } = self;
        drop(starter);
        match take(&exchange.start) {
            Some(start) => start,
            None => unreachable!("it was not let go"),
        }
    }

    /// The same, with the reason.
    pub(super) fn refused(self, reason: Error) -> NotSupervised<F> {
        NotSupervised(reason, self.give_back())
    }

    /// Lets the thread start the program, and returns the result of that.
    pub(super) fn let_go(mut self) -> (T, Starter) {
        if let Some(go) = &mut self.starter.go {
            let _ = go.write_all(b"!");
        }
        // Waits until that is done.
        let _ = self.done.read(&mut [0]);
        match take(&self.exchange.outcome) {
            Some(outcome) => (outcome, self.starter),
            None => unreachable!("a panic ends this process"),
        }
    }
}
