//! What a program asks about its machine, through which door, what it gets, from whom, and what the kernel would have
//! said. Seen at two levels: a witness in front of the library sees calls of libc's functions; a supervisor below sees
//! the system calls that reach the kernel. What the second sees and the first did not is a door without a hook.

mod datagram;
mod judge;
mod ledger;
mod member;
mod output;
mod post;
mod question;
mod report;
mod subject;
mod tally;

use crate::{
    failure::Failure,
    host::{descriptors, object},
    run::{
        self, Job, Watch,
        limits::RunLimits,
        signals,
        supervise::{Supervise, uses_musl},
    },
};
use anyhow::{Context, Error};
use datagram::Datagram;
use judge::Judge;
use ledger::Ledger;
use post::{Arrival, Post};
use question::Question;
use report::Report;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};
use tally::Tally;
use witness_event::{Event, Moment, SOCKET};

/// What is to be traced, and how it is told.
pub(crate) struct Order<'p> {
    /// The program and its arguments.
    pub(crate) program: &'p [OsString],
    /// Whose view it gets, if not its own.
    pub(crate) cgroup: Option<OsString>,
    pub(crate) limits: &'p RunLimits,
    /// Where the lines go, if not to standard error.
    pub(crate) output: Option<&'p Path>,
    pub(crate) is_json: bool,
}

/// Runs a program, tells what it asks, and returns the exit code.
pub(crate) fn trace(order: &Order<'_>) -> Result<u8, Failure> {
    // What is opened here must not get the number of a standard descriptor: whatever is printed would go there.
    descriptors::hold_closed_standard_descriptors();
    let report = Report::open(order.output, order.is_json)?;
    let (post, sender, address) = post::open()?;
    let (witness, first) = match witness(&order.program[0]) {
        Ok(path) => (Some(path), None),
        Err(why) => (None, Some(format!("calls of libc's functions are not seen: {why}"))),
    };
    let clerk = Clerk::new(report, first);
    let begin = || thread::Builder::new().spawn(move || clerk.work(&post));
    let thread = signals::without_any(begin).context("a thread to write in")?;
    let sender = Arc::new(sender);
    let watch = Watch { observer: Arc::clone(&sender) as _, witness, variable: (SOCKET, address.path.clone()) };
    let ending = run::run(Job {
        program: order.program,
        cgroup: order.cgroup.clone(),
        limits: order.limits,
        supervise: Supervise::Auto,
        has_own_pids: false,
        watch: Some(&watch),
    });
    sender.stop();
    let clerk = thread.join().unwrap_or_else(|_| unreachable!("a panic ends this process"));
    drop(address);
    // Whatever reads the lines waits for the last one, even if nothing was started.
    let concluded = if ending.is_ok() || order.is_json { clerk.conclude() } else { Ok(()) };
    let ending = ending?;
    concluded?;
    Ok(ending.as_ours())
}

/// The witness for `program`, or the reason why there is none.
fn witness(program: &OsString) -> Result<PathBuf, Error> {
    let object = object::find()?;
    let found = object::witness(&object);
    let witness = found.with_context(|| format!("there is no {} beside {}", object::WITNESS, object.display()))?;
    // It is built for glibc, and musl's loader would not start the program with it.
    if uses_musl(program) {
        Err(Error::msg("the witness is for glibc, and this program uses musl"))
    } else {
        Ok(witness)
    }
}

/// Works up what arrives, in a thread of its own.
struct Clerk {
    report: Report,
    ledger: Ledger,
    judge: Judge,
    tally: Tally,
    /// What else there is to say.
    notes: Vec<String>,
    /// How many events were not sent for want of room.
    lost: u64,
    /// There is no supervisor.
    is_blind: bool,
}

/// Witnesses may have more to complain of than anybody reads.
const MOST_NOTES: usize = 100;

impl Clerk {
    fn new(report: Report, first: Option<String>) -> Self {
        let (ledger, judge, tally) = (Ledger::default(), Judge::new(), Tally::default());
        let mut clerk = Self { report, ledger, judge, tally, notes: Vec::new(), lost: 0, is_blind: false };
        clerk.notes_of(first);
        clerk
    }

    fn work(mut self, post: &Post) -> Self {
        loop {
            let Arrival { datagram, sender } = post.next();
            match datagram {
                Datagram::Witnessed(event) => self.witnessed(&event, sender),
                Datagram::Sighted(sighting, lost) => {
                    self.lost += u64::from(lost);
                    self.judge.learn(&sighting);
                    self.report.called(&sighting);
                    let question = self.ledger.sighted(&sighting);
                    self.take(question);
                }
                Datagram::Blind(why) => {
                    self.is_blind = true;
                    self.notes_of(Some(format!("system calls are not seen: {why}")));
                }
                Datagram::Settle => post.has_settled(),
                Datagram::Stop => return self,
            }
        }
    }

    fn witnessed(&mut self, event: &Event<'_>, sender: i32) {
        self.lost += u64::from(event.lost);
        if event.moment == Moment::Unfit {
            let [comm, function, why] =
                [&event.comm, &event.function, &event.argument].map(|text| String::from_utf8_lossy(text).into_owned());
            let what =
                if function.is_empty() { "calls of libc's functions are".to_owned() } else { format!("{function} is") };
            self.notes_of(Some(format!("in {comm}, {what} not seen: {why}")));
        }
        if self.is_blind {
            self.judge.look_at(sender);
        }
        let question = self.ledger.witnessed(event, sender);
        self.take(question);
    }

    fn take(&mut self, question: Option<Question>) {
        let Some(question) = question else { return };
        let verdict = self.judge.judge(&question);
        self.report.asked(&question, &verdict);
        self.tally.add(&question, &verdict.who);
    }

    fn notes_of(&mut self, note: Option<String>) {
        if let Some(note) = note.filter(|note| self.notes.len() < MOST_NOTES && !self.notes.contains(note)) {
            self.report.note(&note);
            self.notes.push(note);
        }
    }

    fn conclude(self) -> Result<(), Error> {
        self.report.conclude(&self.tally, &self.notes, self.lost)
    }
}
