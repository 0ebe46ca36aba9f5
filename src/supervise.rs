//! Programs that make their system calls themselves, static and Go ones, are answered from outside: a filter of system calls
//! that they inherit (seccomp(2)) hands a few of those to us, and we give them a descriptor of ours, or write the figure into
//! their memory (seccomp_unotify(2)).
//!
//! The kernel waits for our word on each of these calls. So whoever supervises may not go before the last of the supervised:
//! [`heir`] stays when we end, in whatever way.

mod affinity;
mod answer;
mod filter;
mod go;
mod heir;
mod listener;
mod memory_file;
mod need;
mod open;
mod peer;
mod refresh;
mod seen;
mod serve;
mod starter;
mod sysinfo;
mod target;

use anyhow::{Context, Error, Result};
use heir::{Hand, Heir};
use listener::Listener;
use serve::Server;
use starter::{Starter, Word};
use std::{
    ffi::OsStr,
    sync::{Arc, OnceLock},
};

/// What the process is called that supervises after us.
const HEIR: &str = "cgproc-heir";

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

/// Somebody who supervises, until this is dropped; from then on the heir does, for as long as there is somebody left.
pub(crate) struct Supervision(Option<Own>);

/// A supervisor of this process's own, and not of one around it.
struct Own {
    listener: Arc<OnceLock<Listener>>,
    server: Option<Server>,
    starter: Option<Starter>,
    heir: Heir,
}

/// The reason why nobody supervises, and what was to be started.
pub(crate) struct Refused<F>(pub(crate) Error, pub(crate) F);

/// Calls `start`, which starts a program, so that all that the program does is supervised. Where that cannot be, it is not called.
pub(crate) fn start<T, F>(start: F) -> Result<(T, Supervision), Refused<F>>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let listener = Arc::new(OnceLock::new());
    let hand = match Hand::new().context("memory to share") {
        Ok(hand) => hand,
        Err(error) => return Err(Refused(error, start)),
    };
    let mut starter = Starter::begin(start, Arc::clone(&listener))?;
    let heir = match starter.word() {
        Word::Installed => match listener.get().context("a listener").and_then(|it| Heir::beget(it, &hand)) {
            Ok(heir) => heir,
            Err(error) => return Err(starter.refused(error)),
        },
        // Around us is a supervisor of ours, who answers for whoever asks.
        Word::Supervised => return Ok((starter.give_back()(), Supervision(None))),
        Word::Refused(error) => return Err(starter.refused(error)),
    };
    // Before anything is started: the starting itself may need answers.
    let server = match Server::begin(Arc::clone(&listener), hand) {
        Ok(server) => server,
        Err(error) => {
            heir.dismiss();
            return Err(starter.refused(Error::new(error).context("a thread to supervise in")));
        }
    };
    let (outcome, starter) = starter.let_go();
    let own = Own { listener, server: Some(server), starter: Some(starter), heir };
    Ok((outcome, Supervision(Some(own))))
}

impl Supervision {
    /// The process that goes on with it after us.
    pub(crate) fn heir(&self) -> Option<i32> {
        self.0.as_ref().map(|own| own.heir.pid())
    }

    /// Calls `stop`, which stops this process for a while. Who is supervised need not be stopped then.
    pub(crate) fn while_stopped(&self, stop: impl FnOnce()) {
        match &self.0 {
            Some(Own { server: Some(server), heir, .. }) => server.keep_still(|| heir.stand_in(stop)),
            _ => stop(),
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // The starter's thread may need answers to its end.
        drop(self.starter.take());
        drop(self.server.take());
        if self.listener.get().is_none_or(serve::is_over) {
            self.heir.dismiss();
        }
    }
}
