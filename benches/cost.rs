//! What each answer costs, and each call that is passed through: by cost.c, in a container, with a sampler that provides
//! the load.

use crate::{
    bed::{self, repository},
    boards::Sampler,
    containers::{Limited, USUAL, compile, output, written},
    figures::{self, Quartiles},
    length, lxcfs,
    processes::Place,
};
use std::process::Command;

/// Every operation.
pub(crate) fn run() {
    let (command, directories) = lxcfs::beside();
    let text = timed(command, &USUAL, length::rounds(101, 401), "all", &directories);
    for line in text.lines().filter_map(Line::parse) {
        line.tell(line.table(), &line.operation);
    }
}

/// Three operations by up to 16 threads. Without a quota, which would throttle them.
pub(crate) fn run_threads() {
    let (command, directories) = lxcfs::beside();
    let container = Limited { quota_usec: None, ..USUAL };
    let text = timed(command, &container, length::rounds(41, 201), "threads", &directories);
    for line in text.lines().filter_map(Line::parse) {
        line.tell("threads", &line.operation);
    }
}

/// What cost.c prints about `operations` in a container that `command` starts.
pub(crate) fn timed(
    mut command: Command,
    container: &Limited<'_>,
    rounds: u32,
    operations: &str,
    directories: &[String],
) -> String {
    let cost = compile("cc", "cost", &repository("benches/cost.c"), &["-ldl", "-pthread"]);
    let (other, like) = (written("other", "\n"), written("like-stat", "\n"));
    let script = format!(
        "LD_PRELOAD={} exec {} {} {} {rounds} {operations} -- {}",
        bed::object().display(),
        cost.display(),
        other.display(),
        like.display(),
        directories.join(" ")
    );
    container.enter(&mut command);
    let place = Place::new();
    let _sampler = Sampler::start(&place, &[]);
    output(command.args(["sh", "-c", &script]).env("CGPROC_BOARD", place.board()))
}

/// A line of cost.c.
pub(crate) struct Line {
    pub(crate) operation: String,
    pub(crate) variant: String,
    pub(crate) time: Quartiles,
    pub(crate) over: Quartiles,
}

impl Line {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let (operation, variant) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        let numbers: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
        let (time, over) = numbers.split_at_checked(3)?;
        Some(Self { operation, variant, time: time.try_into().ok()?, over: over.try_into().ok()? })
    }

    /// The table of page/tables.rs that it belongs to.
    fn table(&self) -> &'static str {
        const PASSED: [&str; 8] = [
            "open and close",
            "open and close, named like one",
            "read a byte",
            "pread a byte",
            "lseek",
            "fstat",
            "stat",
            "sysconf(_SC_PAGESIZE)",
        ];
        if PASSED.contains(&self.operation.as_str()) {
            return "passed";
        }
        if self.operation.starts_with('/') { "files" } else { "calls" }
    }

    /// Tells its time, and of ours the difference.
    pub(crate) fn tell(&self, table: &str, row: &str) {
        figures::tell(table, row, &self.variant, self.time);
        if self.variant == "ours" {
            figures::tell(table, row, "difference", self.over);
        }
    }
}
