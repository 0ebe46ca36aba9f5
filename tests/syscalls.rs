//! What an answer costs in syscalls, counted by strace: the figure that does not depend on the machine's mood. A count above
//! its entry in the table is a regression; one below it means that the entry can be lowered.

mod bed;
mod probes;

use bed::{Container, Findings, Version, View};
use probes::{Case, Libc, SMALL, quoted};
use std::fmt::Write as _;

/// The syscalls of the first time in a process, of every later time, and of reading again from the start. A file is opened,
/// read by one read, and closed: natively 3 and 2. A call has no third figure.
type Counts = [u32; 3];

struct Entry {
    name: &'static str,
    v1: Counts,
    v2: Counts,
}

/// In a container as Docker makes it: its own cgroup mounted alone on v1, a cgroup namespace on v2.
#[rustfmt::skip]
const TABLE: [Entry; 14] = [
    Entry { name: "meminfo",            v1: [0, 0, 0], v2: [0, 0, 0] },
    Entry { name: "swaps",              v1: [0, 0, 0], v2: [0, 0, 0] },
    Entry { name: "stat",               v1: [0, 0, 0], v2: [0, 0, 0] },
    Entry { name: "cpuinfo",            v1: [0, 0, 0], v2: [0, 0, 0] },
    Entry { name: "uptime",             v1: [0, 0, 0], v2: [0, 0, 0] },
    Entry { name: "online",             v1: [0, 0, 0], v2: [0, 0, 0] },
    Entry { name: "present",            v1: [0, 0, 0], v2: [0, 0, 0] },
    Entry { name: "other",              v1: [0, 0, 0], v2: [0, 0, 0] },
    Entry { name: "sysinfo",            v1: [0, 0, 0], v2: [0, 0, 0] },
    Entry { name: "affinity",           v1: [0, 0, 0], v2: [0, 0, 0] },
    Entry { name: "nprocs",             v1: [0, 0, 0], v2: [0, 0, 0] },
    Entry { name: "sysconf-online",     v1: [0, 0, 0], v2: [0, 0, 0] },
    Entry { name: "sysconf-pages",      v1: [0, 0, 0], v2: [0, 0, 0] },
    Entry { name: "sysconf-free-pages", v1: [0, 0, 0], v2: [0, 0, 0] },
];

const STEPS: [&str; 3] = ["first", "steady", "refresh"];

#[test]
fn no_answer_costs_more_syscalls_than_its_entry() {
    bed::log_machine();
    let object = bed::object();
    let steps = probes::program(Libc::Glibc, "steps");
    let (view, version) = match bed::version() {
        Version::V1 => (View::Bind, "v1"),
        Version::V2 => (View::Namespace, "v2"),
    };
    let (object, steps) = (object.to_str().expect("UTF-8"), steps.to_str().expect("UTF-8"));
    let trace = |entry: &Entry| Case {
        title: entry.name.to_owned(),
        command: format!(
            "strace -f -o /dev/stdout -s 64 -E LD_PRELOAD={} {} {}",
            quoted(object),
            quoted(steps),
            entry.name
        ),
    };
    let cases: Vec<_> = TABLE.iter().map(trace).collect();
    let results = probes::run(&Container { view, ..SMALL }, &cases);
    let mut findings = Findings::default();
    let mut measured = String::new();
    for (entry, result) in TABLE.iter().zip(results) {
        assert_eq!(result.status, 0, "{}: {}", entry.name, result.text);
        let ours = counts(&result.text);
        let _ = writeln!(measured, "{:20} {version}: {ours:?}", entry.name);
        let expected = if version == "v1" { entry.v1 } else { entry.v2 };
        for (step, (got, expected)) in STEPS.iter().zip(ours.iter().zip(expected)) {
            let advice = if *got < expected { ": lower the entry" } else { "" };
            findings.check(*got == expected, || {
                format!("{} {step}: {got} syscalls, {expected} in the table{advice}", entry.name)
            });
        }
    }
    println!("{measured}");
    findings.conclude("syscalls");
}

/// The fewest syscalls between the marks of each step: a round in which the scope is checked again, once a second, has more.
fn counts(trace: &str) -> Counts {
    let mut counts = [None, None, None];
    let mut open: Option<(usize, u32)> = None;
    for line in trace.lines() {
        if let Some(step) = mark(line, "begin ") {
            open = Some((step, 0));
        } else if mark(line, "end ").is_some() {
            let (step, count) = open.take().expect("a step that began");
            counts[step] = Some(counts[step].map_or(count, |least: u32| least.min(count)));
        } else if let Some((_, count)) = &mut open {
            *count += 1;
        }
    }
    counts.map(Option::unwrap_or_default)
}

/// The step that a line of strace's marks.
fn mark(line: &str, word: &str) -> Option<usize> {
    let (_, rest) = line.split_once("write(-1, \"")?;
    let rest = rest.strip_prefix(word)?;
    STEPS.iter().position(|step| rest.starts_with(&format!("{step}\"")))
}
