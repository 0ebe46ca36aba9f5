//! What each program asked, added up.

use super::{
    judge::Who,
    question::{Door, Question, short},
};
use crate::output::plain;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Of all programs, by name.
#[derive(Default)]
pub(super) struct Tally {
    programs: BTreeMap<String, Program>,
    /// Things of all programs together.
    kept: usize,
    /// Processes of all programs together.
    processes: usize,
    /// Questions of more programs than are kept apart.
    more: u64,
}

/// Of one.
#[derive(Default)]
struct Program {
    processes: HashSet<i32>,
    /// Each thing once for each way in which it was answered.
    things: BTreeMap<Class, BTreeSet<String>>,
    kept: usize,
    /// Questions about more things than are kept apart.
    more: u64,
}

/// How things were answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Container,
    /// From outside, because the program makes its system calls itself, or does not have the library.
    Outside,
    /// By the kernel, for this reason.
    Kernel(String),
    /// Through a door without a hook: the call and the object.
    Unhooked {
        call: String,
        object: String,
        is_answered: bool,
    },
    /// Asked by libc itself.
    Libc(String),
    Nothing,
}

/// A program may make up names without end.
const MOST_PROGRAMS: usize = 1000;
const MOST_THINGS: usize = 1000;
/// Of all programs together.
const MOST_THINGS_OF_ALL: usize = 20_000;
const MOST_PROCESSES: usize = 100_000;

impl Tally {
    pub(super) fn add(&mut self, question: &Question, who: &Who) {
        if self.programs.len() >= MOST_PROGRAMS && !self.programs.contains_key(&question.comm) {
            self.more += 1;
            return;
        }
        let program = self.programs.entry(question.comm.clone()).or_default();
        if self.processes < MOST_PROCESSES && program.processes.insert(question.process) {
            self.processes += 1;
        }
        let class = class(question, who);
        let is_known = program.things.get(&class).is_some_and(|things| things.contains(&question.asked));
        if is_known {
            return;
        }
        if program.kept >= MOST_THINGS || self.kept >= MOST_THINGS_OF_ALL {
            program.more += 1;
            return;
        }
        program.kept += 1;
        self.kept += 1;
        program.things.entry(class).or_default().insert(question.asked.clone());
    }

    /// A line for each program.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.programs.iter().map(|(comm, program)| program.line(comm)).collect();
        if lines.is_empty() {
            lines.push("nothing was asked about the machine".to_owned());
        }
        if self.more > 0 {
            lines.push(format!("{} more questions were asked by other programs", self.more));
        }
        lines
    }
}

fn class(question: &Question, who: &Who) -> Class {
    let is_answered = *who == Who::Container;
    match (who, &question.door) {
        (Who::Nobody(_), _) => Class::Nothing,
        (_, Door::Unhooked { call, object }) if has_answer(question) => {
            Class::Unhooked { call: call.clone(), object: object.clone(), is_answered }
        }
        (_, Door::Libc { call, .. }) if has_answer(question) => Class::Libc(call.clone()),
        (Who::Container, Door::Outside { .. }) => Class::Outside,
        (Who::Container, _) => Class::Container,
        (Who::Kernel(why), _) => Class::Kernel(why.clone()),
    }
}

/// Whether a container can answer it at all: otherwise it does not matter by which door it is asked.
fn has_answer(question: &Question) -> bool {
    !matches!(question.subject, super::subject::Subject::Kernels(_))
}

impl Program {
    fn line(&self, comm: &str) -> String {
        let asked: usize = self.things.values().map(BTreeSet::len).sum();
        let processes = self.processes.len();
        let often = if processes == 1 { String::new() } else { format!(" in {processes} processes") };
        let s = if asked == 1 { "" } else { "s" };
        let mut parts: Vec<String> = self.things.iter().filter_map(|(class, things)| class.words(things)).collect();
        parts.extend(self.unhooked());
        if self.more > 0 {
            parts.push(format!("and {} more questions", self.more));
        }
        format!("{} asked {asked} thing{s}{often}; {}", plain(comm), parts.join(", "))
    }
}

impl Program {
    /// What went through doors without hooks, in words.
    fn unhooked(&self) -> Option<String> {
        let mut count = 0;
        let door = |(class, things): (&Class, &BTreeSet<String>)| {
            let Class::Unhooked { call, object, is_answered } = class else { return None };
            count += things.len();
            let from_outside = if *is_answered { ", answered from outside here" } else { "" };
            Some(format!("{call} in {}: {}{from_outside}", plain(short(object)), some(things)))
        };
        let doors: Vec<String> = self.things.iter().filter_map(door).collect();
        let through = if doors.len() == 1 { "a door that is" } else { "doors that are" };
        (count > 0).then(|| format!("{count} through {through} not hooked ({})", doors.join("; ")))
    }
}

impl Class {
    /// In words; of doors without hooks, [`Program::unhooked`] has them.
    fn words(&self, things: &BTreeSet<String>) -> Option<String> {
        let (count, some) = (things.len(), some(things));
        let words = match self {
            Self::Container => format!("{count} answered by the container"),
            Self::Outside => format!("{count} answered by the container from outside"),
            Self::Kernel(why) => format!("{count} by the kernel because {} ({some})", plain(why)),
            Self::Unhooked { .. } => return None,
            Self::Libc(call) => format!("{count} by libc for itself ({call}: {some})"),
            Self::Nothing => format!("{count} not there ({some})"),
        };
        Some(words)
    }
}

/// The first few names, and how many there are beside them.
fn some(things: &BTreeSet<String>) -> String {
    const FEW: usize = 4;
    let mut names: Vec<String> = things.iter().take(FEW).map(|name| plain(name)).collect();
    if things.len() > FEW {
        names.push(format!("{} more", things.len() - FEW));
    }
    names.join(", ")
}

/// As `--json` has it.
#[derive(Serialize)]
pub(super) struct Summary<'t> {
    event: &'static str,
    programs: Vec<ProgramSummary<'t>>,
    more: u64,
    notes: &'t [String],
    lost: u64,
}

#[derive(Serialize)]
struct ProgramSummary<'t> {
    comm: &'t str,
    processes: usize,
    asked: usize,
    container: Vec<&'t str>,
    outside: Vec<&'t str>,
    kernel: Vec<Reasoned<'t>>,
    unhooked: Vec<Unhooked<'t>>,
    libc: Vec<&'t str>,
    nothing: Vec<&'t str>,
    more: u64,
}

#[derive(Serialize)]
struct Reasoned<'t> {
    why: &'t str,
    things: Vec<&'t str>,
}

#[derive(Serialize)]
struct Unhooked<'t> {
    call: &'t str,
    object: &'t str,
    is_answered: bool,
    things: Vec<&'t str>,
}

impl Tally {
    /// All of it, with what else there is to say.
    pub(super) fn summary<'t>(&'t self, notes: &'t [String], lost: u64) -> Summary<'t> {
        let programs = self.programs.iter().map(|(comm, program)| program.summary(comm)).collect();
        Summary { event: "summary", programs, more: self.more, notes, lost }
    }
}

impl Program {
    fn summary<'t>(&'t self, comm: &'t str) -> ProgramSummary<'t> {
        let mut all = ProgramSummary {
            comm,
            processes: self.processes.len(),
            asked: self.things.values().map(BTreeSet::len).sum(),
            container: Vec::new(),
            outside: Vec::new(),
            kernel: Vec::new(),
            unhooked: Vec::new(),
            libc: Vec::new(),
            nothing: Vec::new(),
            more: self.more,
        };
        for (class, things) in &self.things {
            let things: Vec<&str> = things.iter().map(String::as_str).collect();
            match class {
                Class::Container => all.container = things,
                Class::Outside => all.outside = things,
                Class::Kernel(why) => all.kernel.push(Reasoned { why, things }),
                Class::Unhooked { call, object, is_answered } => {
                    all.unhooked.push(Unhooked { call, object, is_answered: *is_answered, things });
                }
                Class::Libc(_) => all.libc.extend(things),
                Class::Nothing => all.nothing = things,
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{question::Outcome, subject};

    fn question(process: i32, asked: &str, door: Door) -> Question {
        let subject = subject::of_path(asked.as_bytes()).unwrap();
        Question { process, comm: "top".into(), door, asked: asked.into(), subject, outcome: Outcome::Kernels }
    }

    #[test]
    fn a_program_in_a_sentence() {
        let mut tally = Tally::default();
        let open = || Door::Function { name: "open".into(), object: "/usr/bin/top".into() };
        for process in [1, 2, 2] {
            tally.add(&question(process, "/proc/meminfo", open()), &Who::Container);
        }
        tally.add(&question(1, "/proc/stat", open()), &Who::Container);
        tally.add(&question(1, "/proc/slabinfo", open()), &Who::Kernel("no cgroup has it".into()));
        let raw = || Door::Unhooked { call: "getdents64".into(), object: "/opt/libfoo.so".into() };
        tally
            .add(&question(1, "/sys/devices/system/cpu", raw()), &Who::Kernel("the call passes by the library".into()));
        tally.add(&question(1, "/proc/kmsg", raw()), &Who::Kernel("no cgroup has it".into()));
        let expected = "top asked 5 things in 2 processes; 2 answered by the container, \
            2 by the kernel because no cgroup has it (/proc/kmsg, /proc/slabinfo), \
            1 through a door that is not hooked (getdents64 in libfoo.so: /sys/devices/system/cpu)";
        assert_eq!(tally.lines(), [expected]);
        let json = serde_json::to_string(&tally.summary(&[], 0)).unwrap();
        assert!(json.contains(r#""container":["/proc/meminfo","/proc/stat"]"#), "{json}");
        assert!(json.contains(r#"{"call":"getdents64","object":"/opt/libfoo.so","is_answered":false"#), "{json}");
    }

    #[test]
    fn names_without_end_are_counted() {
        let mut tally = Tally::default();
        for number in 0..2 * MOST_THINGS {
            let asked = format!("/proc/made-up-{number}");
            tally.add(&question(1, &asked, Door::Unwitnessed { call: "openat".into() }), &Who::Nobody(String::new()));
        }
        for number in 0..2 * MOST_PROGRAMS {
            let asked = question(1, "/proc/stat", Door::Unwitnessed { call: "openat".into() });
            tally.add(&Question { comm: format!("p{number}"), ..asked }, &Who::Container);
        }
        assert_eq!((tally.programs.len(), tally.programs["top"].kept), (MOST_PROGRAMS, MOST_THINGS));
        assert_eq!((tally.more, tally.programs["top"].more), (1001, 1000));
        for number in 0..MOST_THINGS_OF_ALL {
            let asked = question(1, &format!("/proc/x{number}"), Door::Unwitnessed { call: "openat".into() });
            tally.add(&Question { comm: format!("p{}", number % 100), process: 7, ..asked }, &Who::Container);
        }
        assert_eq!(tally.kept, MOST_THINGS_OF_ALL);
        assert_eq!(tally.kept, tally.programs.values().map(|it| it.kept).sum::<usize>());
        assert_eq!(Tally::default().lines(), ["nothing was asked about the machine"]);
    }
}
