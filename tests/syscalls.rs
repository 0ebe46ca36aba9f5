//! What an answer costs in syscalls, counted by strace, since this figure does not depend on how busy the machine is. A
//! count above its entry in the table is a regression; one below means that the entry can be lowered.
//!
//! Not counted, because they depend on the machine: continued reads and writes (they depend on the length of a text),
//! calls that an older kernel refuses (EINVAL), the way to the auxiliary vector, and looks at the clock (User-Mode Linux
//! has no other way than a call).

mod bed;
mod probes;

use bed::{Container, Findings, Version, View};
use probes::{Case, Libc, SMALL, quoted};
use std::{collections::HashMap, fs, path::Path};

/// The syscalls of the first time in a process, of each later time, and of rereading from the start. A file is opened,
/// read by one read, and closed: natively 3 and 2. Of a call: the first time in a process, each later time after a tick
/// of the kernel's clock, and again within that tick.
type Counts = [u32; 3];

struct Entry {
    name: &'static str,
    v1: Counts,
    v2: Counts,
    /// If the machine has swap.
    v1_swap: Counts,
    v2_swap: Counts,
}

/// To find out, the first time, that cpu and cpuacct are mounted together.
const TOGETHER: u32 = 2;

/// To find out how many CPUs and cores a package has, if the machine has packages.
const PACKAGES: u32 = 3;

/// In a container as made by Docker: only its own cgroup mounted on v1, a cgroup namespace on v2.
#[rustfmt::skip]
const TABLE: [Entry; 17] = [
    Entry { name: "meminfo",            v1: [53, 13, 23], v2: [44, 13, 26], v1_swap: [55, 13, 26], v2_swap: [50, 13, 32] },
    Entry { name: "meminfo-later",      v1: [54, 22, 23], v2: [45, 25, 26], v1_swap: [56, 25, 26], v2_swap: [51, 31, 32] },
    Entry { name: "swaps",              v1: [42, 12,  2], v2: [33, 15,  2], v1_swap: [54, 23, 25], v2_swap: [49, 29, 31] },
    Entry { name: "stat",               v1: [65, 21, 23], v2: [47, 18, 20], v1_swap: [64, 21, 23], v2_swap: [47, 18, 20] },
    Entry { name: "cpuinfo",            v1: [63, 19, 21], v2: [48, 19, 21], v1_swap: [62, 19, 21], v2_swap: [48, 19, 21] },
    Entry { name: "uptime",             v1: [65, 21, 23], v2: [47, 18, 20], v1_swap: [64, 21, 23], v2_swap: [47, 18, 20] },
    Entry { name: "online",             v1: [56, 12, 14], v2: [41, 12, 14], v1_swap: [55, 12, 14], v2_swap: [41, 12, 14] },
    Entry { name: "present",            v1: [56, 12, 14], v2: [41, 12, 14], v1_swap: [55, 12, 14], v2_swap: [41, 12, 14] },
    Entry { name: "other",              v1: [ 3,  3,  2], v2: [ 3,  3,  2], v1_swap: [ 3,  3,  2], v2_swap: [ 3,  3,  2] },
    Entry { name: "threads-max",        v1: [38,  8,  2], v2: [26,  8,  2], v1_swap: [37,  8,  2], v2_swap: [26,  8,  2] },
    Entry { name: "sysinfo",            v1: [40, 10,  3], v2: [31, 13,  3], v1_swap: [42, 13,  3], v2_swap: [37, 19,  3] },
    Entry { name: "affinity",           v1: [43,  1,  1], v2: [28,  1,  1], v1_swap: [42,  1,  1], v2_swap: [28,  1,  1] },
    Entry { name: "load",               v1: [32,  2,  2], v2: [20,  2,  2], v1_swap: [31,  2,  2], v2_swap: [20,  2,  2] },
    Entry { name: "nprocs",             v1: [42,  0,  0], v2: [27,  0,  0], v1_swap: [41,  0,  0], v2_swap: [27,  0,  0] },
    Entry { name: "sysconf-online",     v1: [42,  0,  0], v2: [27,  0,  0], v1_swap: [41,  0,  0], v2_swap: [27,  0,  0] },
    Entry { name: "sysconf-pages",      v1: [38,  8,  0], v2: [29, 11,  0], v1_swap: [40, 11,  0], v2_swap: [35, 17,  0] },
    Entry { name: "sysconf-free-pages", v1: [38,  8,  0], v2: [29, 11,  0], v1_swap: [40, 11,  0], v2_swap: [35, 17,  0] },
];

impl Entry {
    /// The column of this machine.
    fn here(&self) -> Counts {
        let mut counts = match (bed::version(), bed::host().swap_kib > 0) {
            (Version::V1, false) => self.v1,
            (Version::V1, true) => self.v1_swap,
            (Version::V2, false) => self.v2,
            (Version::V2, true) => self.v2_swap,
        };
        if Path::new("/sys/fs/cgroup/cpu").is_symlink() && self.name != "other" {
            counts[0] += TOGETHER;
        }
        if has_packages() && self.name == "cpuinfo" {
            counts = counts.map(|count| count + PACKAGES);
        }
        counts
    }
}

/// Some machines have no packages.
fn has_packages() -> bool {
    let package = fs::read_to_string("/sys/devices/system/cpu/cpu0/topology/physical_package_id");
    package.is_ok_and(|package| package.trim() != "-1")
}

const STEPS: [&str; 3] = ["first", "steady", "refresh"];

/// A slow machine may recheck its scope in the middle of a step: such a trace is repeated. A real regression shows in
/// every attempt.
const ATTEMPTS: usize = 20;

#[test]
fn no_answer_costs_more_syscalls_than_its_entry() {
    bed::log_machine();
    let mut least: HashMap<&str, Counts> = HashMap::new();
    for _ in 0..ATTEMPTS {
        let open: Vec<_> = TABLE.iter().filter(|entry| least.get(entry.name) != Some(&entry.here())).collect();
        if open.is_empty() {
            break;
        }
        for (entry, counts) in open.iter().zip(traced(&open)) {
            let least = least.entry(entry.name).or_insert(counts);
            *least = std::array::from_fn(|step| least[step].min(counts[step]));
        }
    }
    let mut findings = Findings::default();
    for entry in &TABLE {
        let (ours, expected) = (least[entry.name], entry.here());
        println!("{:20} {ours:?}", entry.name);
        for (step, (got, expected)) in STEPS.iter().zip(ours.iter().zip(expected)) {
            let advice = if *got < expected { ": lower the entry" } else { "" };
            findings.check(*got == expected, || {
                format!("{} {step}: {got} syscalls, {expected} in the table{advice}", entry.name)
            });
        }
    }
    findings.conclude("syscalls");
}

/// A steady answer if no cgroup can be found: open, read and close, because it is remembered for a second that there is
/// none. A directory listing asks for each of its entries.
#[test]
fn what_is_not_found_is_not_looked_for_each_time() {
    const STEADY: u32 = 5;
    let object = bed::object();
    let steps = probes::program(Libc::Glibc, "steps");
    let (object, steps) = (quoted(&object.to_string_lossy()), quoted(&steps.to_string_lossy()));
    let nowhere = "-E CGPROC_CGROUP=/no/where";
    let case = Case {
        title: "nowhere".into(),
        command: format!("strace -f -o /dev/stdout -s 64 {nowhere} -E LD_PRELOAD={object} {steps} meminfo"),
    };
    let mut least = u32::MAX;
    for _ in 0..ATTEMPTS {
        let results = probes::run(&SMALL, std::slice::from_ref(&case));
        assert_eq!(results[0].status, 0, "{}", results[0].text);
        least = least.min(counts(&results[0].text)[1]);
        if least <= STEADY {
            break;
        }
    }
    assert_eq!(least, STEADY);
}

/// The counts of these entries, in a new container.
fn traced(entries: &[&Entry]) -> Vec<Counts> {
    let object = bed::object();
    let steps = probes::program(Libc::Glibc, "steps");
    let view = if bed::version() == Version::V1 { View::Bind } else { View::Namespace };
    let (object, steps) = (quoted(&object.to_string_lossy()), quoted(&steps.to_string_lossy()));
    let trace = |entry: &&Entry| Case {
        title: entry.name.to_owned(),
        command: format!("strace -f -o /dev/stdout -s 64 -E LD_PRELOAD={object} {steps} {}", entry.name),
    };
    let cases: Vec<_> = entries.iter().map(trace).collect();
    let results = probes::run(&Container { view, ..SMALL }, &cases);
    for (entry, result) in entries.iter().zip(&results) {
        assert_eq!(result.status, 0, "{}: {}", entry.name, result.text);
    }
    results.iter().map(|result| counts(&result.text)).collect()
}

/// The fewest syscalls between the marks of each step: rounds in which the scope is rechecked, once a second, have
/// more.
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
    if name.ends_with("clock_gettime") {
        return false;
    }
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

/// The step that a line of strace's output marks.
fn mark(line: &str, word: &str) -> Option<usize> {
    let (_, rest) = line.split_once("write(-1, \"")?;
    let rest = rest.strip_prefix(word)?;
    STEPS.iter().position(|step| rest.starts_with(&format!("{step}\"")))
}
