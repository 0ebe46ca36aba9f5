//! What an answer costs in syscalls, counted by strace: the figure that does not depend on the machine's mood. A count above
//! its entry in the table is a regression; one below it means that the entry can be lowered.
//!
//! Not counted, since they depend on the machine: reads and writes that go on where another ended (the length of a text),
//! what an older kernel refuses (EINVAL), and the way to the auxiliary vector.

mod bed;
mod probes;

use bed::{Container, Findings, Version, View};
use probes::{Case, Libc, SMALL, quoted};
use std::fmt::Write as _;
use std::path::Path;

/// The syscalls of the first time in a process, of every later time, and of reading again from the start. A file is opened,
/// read by one read, and closed: natively 3 and 2. A call has no third figure.
type Counts = [u32; 3];

struct Entry {
    name: &'static str,
    /// cgroup v1 with cpu and cpuacct mounted apart.
    apart: Counts,
    /// cgroup v1 with cpu and cpuacct mounted together.
    together: Counts,
    v2: Counts,
    /// What there is more where the machine has swap.
    swap: Counts,
}

/// In a container as Docker makes it: its own cgroup mounted alone on v1, a cgroup namespace on v2.
#[rustfmt::skip]
const TABLE: [Entry; 14] = [
    Entry { name: "meminfo",            apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
    Entry { name: "swaps",              apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
    Entry { name: "stat",               apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
    Entry { name: "cpuinfo",            apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
    Entry { name: "uptime",             apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
    Entry { name: "online",             apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
    Entry { name: "present",            apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
    Entry { name: "other",              apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
    Entry { name: "sysinfo",            apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
    Entry { name: "affinity",           apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
    Entry { name: "nprocs",             apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
    Entry { name: "sysconf-online",     apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
    Entry { name: "sysconf-pages",      apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
    Entry { name: "sysconf-free-pages", apart: [0, 0, 0], together: [0, 0, 0], v2: [0, 0, 0], swap: [0, 0, 0] },
];

impl Entry {
    /// The column of this machine, with its name.
    fn here(&self) -> (&'static str, Counts) {
        let (name, mut counts) = match bed::version() {
            Version::V2 => ("v2", self.v2),
            Version::V1 if Path::new("/sys/fs/cgroup/cpu").is_symlink() => {
                ("v1, cpu and cpuacct together", self.together)
            }
            Version::V1 => ("v1, cpu and cpuacct apart", self.apart),
        };
        if bed::host().swap_kib == 0 {
            return (name, counts);
        }
        for (count, more) in counts.iter_mut().zip(self.swap) {
            *count += more;
        }
        (name, counts)
    }
}

const STEPS: [&str; 3] = ["first", "steady", "refresh"];

#[test]
fn no_answer_costs_more_syscalls_than_its_entry() {
    bed::log_machine();
    let object = bed::object();
    let steps = probes::program(Libc::Glibc, "steps");
    let view = if bed::version() == Version::V1 { View::Bind } else { View::Namespace };
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
        let (column, expected) = entry.here();
        let _ = writeln!(measured, "{:20} {column}: {ours:?}", entry.name);
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
    let mut auxv = None;
    for line in trace.lines() {
        if let Some(step) = mark(line, "begin ") {
            open = Some((step, 0));
        } else if mark(line, "end ").is_some() {
            let (step, count) = open.take().expect("a step that began");
            counts[step] = Some(counts[step].map_or(count, |least: u32| least.min(count)));
        } else if let Some((_, count)) = &mut open {
            *count += u32::from(is_counted(line, &mut auxv));
        }
    }
    counts.map(Option::unwrap_or_default)
}

/// `auxv` is the descriptor of the auxiliary vector while it is open.
fn is_counted(line: &str, auxv: &mut Option<String>) -> bool {
    let Some((call, result)) = line.rsplit_once(" = ") else { return false };
    let Some((name, arguments)) = call.split_once('(') else { return false };
    let first = arguments.split([',', ')']).next().unwrap_or_default();
    if arguments.contains("\"/proc/self/auxv\"") {
        *auxv = Some(result.to_owned());
        return false;
    }
    if auxv.as_deref() == Some(first) {
        if name.ends_with("close") {
            *auxv = None;
        }
        return false;
    }
    let offset = || arguments.trim_end().trim_end_matches(')').rsplit(", ").next().unwrap_or_default();
    let goes_on = (name.ends_with("pread64") || name.ends_with("pwrite64")) && offset() != "0";
    let is_auxv = name.ends_with("prctl") && (first.starts_with("0x41555856") || first == "PR_GET_AUXV");
    !goes_on && !is_auxv && !result.contains("EINVAL")
}

/// The step that a line of strace's marks.
fn mark(line: &str, word: &str) -> Option<usize> {
    let (_, rest) = line.split_once("write(-1, \"")?;
    let rest = rest.strip_prefix(word)?;
    STEPS.iter().position(|step| rest.starts_with(&format!("{step}\"")))
}
