//! Programs that make their system calls themselves, static and Go ones, are answered from outside: a filter of system calls
//! that they inherit (seccomp(2)) hands a few of those to us, and we give them a descriptor of ours, or write the figure into
//! their memory (seccomp_unotify(2)).
//!
//! The kernel waits for our word on each of these calls. So whoever supervises may not go before the last of the supervised:
//! [`heir`] stays when we end, in whatever way.

mod affinity;
mod answer;
mod answerer;
mod budget;
mod call;
mod desk;
mod filter;
mod go;
mod hand;
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
mod waits;

use super::environment::Environment;
use anyhow::{Context, Error, Result};
pub(crate) use budget::Budget;
use hand::Hand;
use heir::{Heir, Part};
use listener::Listener;
use rustix::thread::{CapabilitySet, capabilities};
use serve::Server;
use starter::{Starter, Word};
use std::{
    ffi::{CStr, OsStr},
    sync::{Arc, OnceLock},
};

/// What the process is called that supervises after us.
const HEIR: &CStr = c"cgproc-heir";
/// And its child that answers, where there is one.
const ANSWERS: &CStr = c"cgproc-answers";

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
    hand: Arc<Hand>,
    /// What the program was started with.
    gave: Environment,
    /// Where the heir does not answer.
    server: Option<Server>,
    /// Of what it takes to answer, where the heir does.
    budget: Budget,
    starter: Option<Starter>,
    heir: Heir,
}

/// The reason why nobody supervises, and what was to be started.
pub(crate) struct NotSupervised<F>(pub(crate) Error, pub(crate) F);

/// Whether a separate process answers: where we may look at programs that have not got our rights, which might make us wait
/// (capabilities(7), ptrace(2)). Without that right we can look at programs of our own user alone, and with Yama at no other than our
/// descendants: then a thread of ours answers.
fn is_apart() -> bool {
    capabilities(None).is_ok_and(|own| own.effective.contains(CapabilitySet::SYS_PTRACE))
}

/// Calls `start`, which starts a program with the environment that we `gave`, so that all that the program does is supervised. Where
/// that cannot be, it is not called. What answers take comes out of the `budget` where a separate process gives them.
pub(crate) fn start<T, F>(
    start: F,
    gave: &Environment,
    budget: impl FnOnce() -> Budget,
) -> Result<(T, Supervision), NotSupervised<F>>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let listener = Arc::new(OnceLock::new());
    let hand = match Hand::new().context("memory to share") {
        Ok(hand) => Arc::new(hand),
        Err(error) => return Err(NotSupervised(error, start)),
    };
    let mut starter = Starter::begin(start, Arc::clone(&listener))?;
    let (is_apart, mut budget) = match starter.word() {
        Word::Installed if is_apart() => (true, budget()),
        Word::Installed => (false, Budget::default()),
        // Around us is a supervisor of ours, who answers for whoever asks.
        Word::Supervised => return Ok((starter.give_back()(), Supervision(None))),
        Word::Refused(error) => return Err(starter.refused(error)),
    };
    let part = if is_apart { Part::Watches(&budget) } else { Part::Waits };
    let heir = match listener.get().context("a listener").and_then(|it| Heir::beget(it, &hand, gave, part)) {
        Ok(heir) => heir,
        Err(error) => {
            budget.close();
            return Err(starter.refused(error));
        }
    };
    // Before anything is started: the starting itself may need answers.
    let serve = || Server::begin(Arc::clone(&listener), Arc::clone(&hand), gave.clone());
    let server = match (!is_apart).then(serve).transpose() {
        Ok(server) => server,
        Err(error) => {
            heir.dismiss();
            return Err(starter.refused(Error::new(error).context("a thread to supervise in")));
        }
    };
    let (outcome, starter) = starter.let_go();
    let own = Own { listener, hand, gave: gave.clone(), server, budget, starter: Some(starter), heir };
    Ok((outcome, Supervision(Some(own))))
}

impl Supervision {
    /// The process that goes on with it after us.
    pub(crate) fn heir(&self) -> Option<i32> {
        self.0.as_ref().map(|own| own.heir.pid())
    }

    /// Takes note that our child `pid` has ended. Another heir follows one that somebody has killed; it is returned.
    pub(crate) fn has_buried(&mut self, pid: i32) -> Option<i32> {
        let Own { listener, hand, gave, server, budget, heir, .. } =
            self.0.as_mut().filter(|own| own.heir.pid() == pid)?;
        let listener_of_all = listener.get()?;
        let beget = |part| Heir::beget(listener_of_all, hand, gave, part);
        let next = match server {
            Some(server) => {
                let mut next = None;
                server.keep_still(|| next = beget(Part::Waits).ok());
                next
            }
            None => beget(Part::Watches(budget)).ok(),
        };
        match next {
            Some(next) => *heir = next,
            // No more processes are to be had.
            None if server.is_none() => {
                hand.take_over(|received| listener_of_all.let_pass(received.id));
                *server = Server::begin(Arc::clone(listener), Arc::clone(hand), gave.clone()).ok();
            }
            None => return None,
        }
        Some(heir.pid())
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
            self.budget.close();
        } else {
            self.budget.leave();
        }
    }
}
