//! Programs that make system calls themselves, such as static and Go programs, are answered from outside. They inherit
//! a system call filter (seccomp(2)) that hands us a few of their calls, and we give them a descriptor of ours or write
//! the figure into their memory (seccomp_unotify(2)).
//!
//! The kernel waits for our reply to each of these calls. So a supervisor must not end before the last supervised
//! program: [`heir`] stays when we end, however we end.

mod affinity;
mod answer;
mod answerer;
mod budget;
mod call;
mod caller;
mod desk;
mod filter;
mod go;
mod hand;
mod heir;
mod listener;
mod memory_file;
mod need;
mod observer;
mod open;
mod peer;
mod refresh;
mod seen;
mod serve;
mod sighting;
mod starter;
mod sysinfo;
mod target;
mod terms;
mod waits;

use anyhow::{Context, Error, Result};
pub(crate) use budget::Budget;
pub(crate) use caller::Caller;
use hand::Hand;
use heir::{Heir, Part};
use listener::Listener;
pub(crate) use need::uses_musl;
pub(crate) use observer::{Observer, Sighting};
use rustix::thread::{CapabilitySet, capabilities};
use serve::Server;
use starter::{Starter, Word};
use std::{
    ffi::{CStr, OsStr},
    sync::{Arc, OnceLock},
};
pub(crate) use target::is_of_libc;
pub(crate) use terms::Terms;

/// The name of the process that supervises after us.
const HEIR: &CStr = c"cgproc-heir";
/// The name of its child that answers, if it has one.
const ANSWERS: &CStr = c"cgproc-answers";

/// What is done about programs that bypass libc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Supervise {
    /// The program and all that it starts are supervised; if that is impossible, it fails.
    Always,
    /// Supervised if the program itself is such a program and the kernel allows it.
    Auto,
    /// Not supervised.
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

/// The supervision, until this is dropped. From then on the heir supervises, for as long as supervised programs are
/// left.
pub(crate) struct Supervision(Option<Own>);

/// A supervisor of this process, as opposed to one around it.
struct Own {
    listener: Arc<OnceLock<Listener>>,
    hand: Arc<Hand>,
    terms: Terms,
    /// `None` if the heir answers.
    server: Option<Server>,
    /// The budget for answers, if the heir answers.
    budget: Budget,
    starter: Option<Starter>,
    heir: Heir,
}

/// The reason why nothing can be supervised, and what was to be started.
pub(crate) struct NotSupervised<F>(pub(crate) Error, pub(crate) F);

/// Whether a separate process answers. It does if we have the right to look at programs with other rights than ours,
/// which might make us wait (capabilities(7), ptrace(2)). Without that right we can look only at our own user's
/// programs, and with Yama only at our descendants: a thread of ours answers them.
fn is_apart() -> bool {
    capabilities(None).is_ok_and(|own| own.effective.contains(CapabilitySet::SYS_PTRACE))
}

/// Calls `start`, which starts a program, in such a way that everything that program does is supervised on these `terms`.
/// If that is impossible, `start` is not called. If a separate process answers, its memory and CPU time come out of the
/// `budget`.
pub(crate) fn start<T, F>(
    start: F,
    terms: &Terms,
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
    let mut starter = Starter::begin(start, Arc::clone(&listener), terms.observer.is_some())?;
    let (is_apart, mut budget) = match starter.word() {
        Word::Installed if is_apart() => (true, budget()),
        Word::Installed => (false, Budget::default()),
        // A supervisor of ours is around us, and answers for this program too.
        Word::Supervised => return Ok((starter.give_back()(), Supervision(None))),
        Word::Refused(error) => return Err(starter.refused(error)),
    };
    let part = if is_apart { Part::Watches(&budget) } else { Part::Waits };
    let heir = match listener.get().context("a listener").and_then(|it| Heir::beget(it, &hand, terms, part)) {
        Ok(heir) => heir,
        Err(error) => {
            budget.close();
            return Err(starter.refused(error));
        }
    };
    // The server begins before anything is started, because starting may need answers.
    let serve = || Server::begin(Arc::clone(&listener), Arc::clone(&hand), terms.clone());
    let server = match (!is_apart).then(serve).transpose() {
        Ok(server) => server,
        Err(error) => {
            heir.dismiss();
            return Err(starter.refused(Error::new(error).context("a thread to supervise in")));
        }
    };
    let (outcome, starter) = starter.let_go();
    let own = Own { listener, hand, terms: terms.clone(), server, budget, starter: Some(starter), heir };
    Ok((outcome, Supervision(Some(own))))
}

impl Supervision {
    /// Whether the supervisor is ours, and not one around us.
    pub(crate) fn is_ours(&self) -> bool {
        self.0.is_some()
    }

    /// The process that continues after us.
    pub(crate) fn heir(&self) -> Option<i32> {
        self.0.as_ref().map(|own| own.heir.pid())
    }

    /// Notes that our child `pid` has ended. If it was the heir, somebody killed it; a new one replaces it and is
    /// returned.
    pub(crate) fn has_buried(&mut self, pid: i32) -> Option<i32> {
        let Own { listener, hand, terms, server, budget, heir, .. } =
            self.0.as_mut().filter(|own| own.heir.pid() == pid)?;
        let listener_of_all = listener.get()?;
        let beget = |part| Heir::beget(listener_of_all, hand, terms, part);
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
            // No new process can be had.
            None if server.is_none() => {
                hand.take_over(|received| listener_of_all.let_pass(received.id));
                *server = Server::begin(Arc::clone(listener), Arc::clone(hand), terms.clone()).ok();
            }
            None => return None,
        }
        Some(heir.pid())
    }

    /// Calls `stop`, which stops this process for a while. Supervised programs need not be stopped then.
    pub(crate) fn while_stopped(&self, stop: impl FnOnce()) {
        match &self.0 {
            Some(Own { server: Some(server), heir, .. }) => server.keep_still(|| heir.stand_in(stop)),
            _ => stop(),
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // The starter's thread may need answers until it ends.
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
