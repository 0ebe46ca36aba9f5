//! What the command does if its own system calls fail. strace lets them, one number of one call in all of its processes
//! at a time, with the errors that such a call may have. What the C library does before the command begins is left
//! alone.

use crate::bed::{self, Findings};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, Output, Stdio},
};

/// Calls that begin alike, and how they may fail. Not among them: what cannot fail as it is used here (`close`, a look
/// at children that does not wait), and what Rust's library ends the program for (memory, random numbers).
const FAILURES: [(&str, &[&str]); 3] = [
    ("open pipe socket dup fcntl inotify signalfd pidfd memfd clone", &["EMFILE", "EACCES"]),
    ("read write pread pwrite poll ppoll recv send ioctl getdents process_vm", &["EINTR"]),
    ("stat newfstat fstat mkdir rmdir unlink link rename fchmod flock seccomp sysinfo sched_get", &["EACCES"]),
];

/// Each call is let fail up to this number: later ones do for other cgroups what earlier ones did.
const MOST: usize = 20;

/// A program under strace.
pub(crate) struct Traced {
    /// What comes before strace.
    pub(crate) before: Vec<String>,
    pub(crate) command: Vec<String>,
}

impl Traced {
    /// Runs it, with `options` of strace, and its trace in `trace`. Processes that execute something else are let go.
    fn run(&self, trace: &Path, options: &[String]) -> Output {
        // A bound that only detects a hang; strace's processes end with it.
        let patience = bed::PATIENCE_SEC.to_string();
        let bound = ["timeout", "-s", "KILL", &patience, "strace", "-f", "-b", "execve", "-o"].map(str::to_owned);
        let words = self.before.iter().chain(&bound).map(OsStr::new).chain([trace.as_os_str()]);
        let mut words = words.chain(options.iter().chain(&self.command).map(OsStr::new));
        let mut command = Command::new(words.next().expect("a word"));
        command.args(words).env("CGPROC_OBJECT", bed::object()).env_remove("LD_PRELOAD").stdin(Stdio::null());
        command.output().expect("strace: tests/bed/setup packages")
    }

    /// Lets each call fail in turn, and has `judge` say what is wrong with what came out.
    pub(crate) fn fail_in_turn(&self, findings: &mut Findings, mut judge: impl FnMut(&Output) -> Option<String>) {
        let directory = tempfile::tempdir().expect("a directory");
        let trace = directory.path().join("trace");
        let whole = self.run(&trace, &[]);
        assert!(whole.status.success(), "{whole:?}");
        let calls = Calls::of(&fs::read_to_string(&trace).expect("the trace"));
        let mut played = 0;
        for (name, (first, last)) in &calls.numbers {
            for error in errors_of(name) {
                for number in *first..=(*last).min(first + MOST) {
                    let failing = format!("inject={name}:error={error}:when={number}");
                    let output = self.run(&trace, &["-e".to_owned(), failing.clone()]);
                    if is_the_loaders(&output) {
                        continue;
                    }
                    let fault = judge(&output);
                    findings.check(fault.is_none(), || format!("{failing}: {}", fault.unwrap_or_default()));
                    played += 1;
                }
            }
        }
        println!("{}: {played} failures of {} calls", self.command.join(" "), calls.numbers.len());
        assert!(played > 100, "{:?}", calls.numbers);
    }
}

/// Whether a call failed that the loader makes, in the only process that has one.
fn is_the_loaders(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stderr).contains("error while loading shared libraries")
}

fn errors_of(name: &str) -> impl Iterator<Item = &'static &'static str> {
    let failures = FAILURES.iter().filter(|(names, _)| names.split(' ').any(|begin| name.starts_with(begin)));
    failures.flat_map(|(_, errors)| *errors)
}

/// The first and last number of each call, counted by process, as strace counts.
struct Calls {
    numbers: BTreeMap<String, (usize, usize)>,
}

impl Calls {
    fn of(trace: &str) -> Self {
        // The first thing that the command does itself.
        const BEGIN: &str = "\"/dev/null\"";
        let (mut counts, mut numbers) = (BTreeMap::<(&str, &str), usize>::new(), BTreeMap::new());
        let mut has_begun = false;
        for line in trace.lines() {
            let Some((process, call)) = line.split_once(' ') else { continue };
            let Some((name, _)) = call.trim_start().split_once('(') else { continue };
            let count = counts.entry((process, name)).or_default();
            *count += 1;
            has_begun |= call.contains(BEGIN);
            if has_begun {
                let (first, last) = numbers.entry(name.to_owned()).or_insert((*count, *count));
                (*first, *last) = ((*first).min(*count), (*last).max(*count));
            }
        }
        Self { numbers }
    }
}

/// What is wrong with how it ended: it must have told what failed, and not only how, if it did not do its work.
pub(crate) fn fault_of_refusal(output: &Output) -> Option<String> {
    const BARE: [&str; 3] = ["Too many open files", "Permission denied", "Interrupted system call"];
    let said = String::from_utf8_lossy(&output.stderr);
    let message = said.trim_end().strip_prefix("cgproc: ").unwrap_or_default();
    let is_told = !message.is_empty() && !BARE.contains(&message);
    let is_refused = output.status.code() == Some(125) && is_told;
    (!is_refused).then(|| format!("{:?}, signal {:?}: {said:?}", output.status, output.status.signal()))
}
