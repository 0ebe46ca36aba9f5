//! The acceptance list and the programs of the matrix under trace: none asks for an answered figure through a door that
//! is neither hooked nor listed in docs/hooks.md.

use crate::{
    bed::{self, Container, Findings, PLAIN},
    harness::cgproc,
    traced::lines,
};
use calc::answer::Answer;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

/// A program that makes system calls itself although it has the library ("raw syscalls" in docs/hooks.md): Go's runtime
/// beside a C library.
const RAW: [&str; 1] = ["counts-go-libc"];

/// What libc asks for itself, within functions that show no figure ("libc itself" in docs/hooks.md).
const BY_LIBC_ITSELF: [&str; 3] = ["sysinfo", "sched_getaffinity", "/sys/devices/system/cpu/online"];

/// Doors that have a hook although they are no symbol of the library's: calls by number, which `syscall` answers.
const BY_NUMBER: [&str; 2] = ["syscall(sysinfo)", "syscall(sched_getaffinity)"];

/// Programs that count CPUs or ask for memory, each in another language or by other functions.
const MATRIX: &[&str] = &[
    "./runtime-glibc $TMPDIR/scratch",
    "./runtime-glibc-64 $TMPDIR/scratch",
    "./cxx",
    "./gomp",
    "./fort",
    "./fort64",
    "./kept",
    "./counts-rust",
    "./counts-go",
    "./counts-go-libc",
    "python3 counts.py",
    "python3 doors.py",
    "node counts.js",
    "java -cp . Counts",
];

/// Longer than any line takes, however busy the machine is.
const LONGEST_SEC: u32 = 400;

#[test]
fn the_acceptance_list_takes_no_door_without_a_hook() {
    let table = std::fs::read_to_string(bed::repository("tests/tools.tsv")).expect("tools.tsv");
    let rows = table.lines().filter(|row| !row.starts_with('#')).map(|row| row.split('\t').collect::<Vec<_>>());
    let commands: Vec<(String, String)> = rows
        .filter(|row| row[6] == "in")
        // What the line is judged by is the ring `tools`'s.
        .map(|row| (format!("{} {}", row[0], row[1]), row[2].replace("@AGE@", "1")))
        .collect();
    judge("the acceptance list", &commands);
}

#[test]
fn the_programs_of_the_matrix_take_no_door_without_a_hook() {
    let commands: Vec<(String, String)> = MATRIX.iter().map(|it| ((*it).to_owned(), format!("exec {it}"))).collect();
    judge("the matrix", &commands);
}

/// Runs each command in a container of its own. Many of them wait, so more run at a time than there are CPUs.
fn judge(what: &str, commands: &[(String, String)]) {
    let exports = std::fs::read_to_string(bed::repository("shim/exports.txt")).expect("exports.txt");
    let hooked: BTreeSet<&str> = exports.lines().chain(BY_NUMBER).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((name, command)) = commands.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((name, doors(command, &hooked)));
        }
        done
    };
    let found = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..bed::host().cpus + 1).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect::<Vec<_>>()
    });
    let mut findings = Findings::default();
    let mut figures = 0;
    for (name, found) in found {
        figures += found.figures;
        findings.check(found.strange.is_empty(), || format!("{name}: {}", found.strange.join("\n    ")));
    }
    println!("{what}: {figures} questions for answered figures");
    assert!(figures > commands.len(), "{figures} questions of {} commands", commands.len());
    findings.conclude(what);
}

/// What one command asked.
struct Doors {
    /// Questions for figures that have an answer.
    figures: usize,
    /// Those that took a door that nobody knows of, and whatever keeps this from being judged.
    strange: Vec<String>,
}

fn doors(command: &str, hooked: &BTreeSet<&str>) -> Doors {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("trace");
    let trace = cgproc(&[]);
    let script = format!(
        "export TMPDIR={} TERM=xterm CGPROC_OBJECT={}; cd {}\n{} trace --json -o {} -- bash -c {}",
        directory.path().display(),
        bed::object().display(),
        bed::programs().display(),
        Path::new(trace.get_program()).display(),
        file.display(),
        quoted(command),
    );
    let container = Container { quota_usec: Some(50_000), pids: Some(1000), ..PLAIN };
    let outcome = container.run(&script, None, LONGEST_SEC);
    if !file.is_file() {
        return Doors { figures: 0, strange: vec![format!("nothing was traced: {}", outcome.text)] };
    }
    let lines = lines(&file);
    let asked: Vec<&Value> = lines.iter().filter(|line| line["event"] == "asked" && is_answered(line)).collect();
    let mut strange: BTreeSet<String> =
        asked.iter().filter(|it| !is_known(it, hooked)).map(|it| format!("{} {}", it["comm"], it["door"])).collect();
    let summary = lines.last().filter(|line| line["event"] == "summary");
    if summary.is_none_or(|summary| summary["lost"] != 0 || summary["notes"] != Value::Array(Vec::new())) {
        strange.insert(format!("not all was seen: {summary:?}"));
    }
    Doors { figures: asked.len(), strange: strange.into_iter().collect() }
}

/// For the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Whether there is an answer to this question.
fn is_answered(it: &Value) -> bool {
    let asked = it["asked"].as_str().expect("a text");
    asked == "sysinfo" || asked == "sched_getaffinity" || Answer::from_path(asked.as_bytes()).is_some()
}

fn is_known(it: &Value, hooked: &BTreeSet<&str>) -> bool {
    let [kind, name, object] = ["kind", "name", "object"].map(|key| it["door"][key].as_str().unwrap_or_default());
    match kind {
        "function" => hooked.contains(name),
        // Static programs, and Go's.
        "outside" => true,
        "unhooked" => RAW.iter().any(|raw| object.ends_with(&format!("/{raw}"))),
        "libc" => BY_LIBC_ITSELF.contains(&it["asked"].as_str().expect("a text")),
        _ => false,
    }
}
