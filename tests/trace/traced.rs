//! A program under trace, and the same program under strace(1).

use crate::{
    bed,
    harness::{cgproc, err, out},
    program::LIMITS,
};
use calc::answer::Answer;
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path, process::Output};

/// What a trace said, line by line, and what the program printed.
pub(crate) struct Traced {
    pub(crate) lines: Vec<Value>,
    pub(crate) output: Output,
}

/// `cgproc trace OPTIONS --json -o FILE -- PROGRAM`, with the usual limits.
pub(crate) fn traced(program: &[&str]) -> Traced {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("trace");
    let to = file.to_str().expect("a path");
    let output = cgproc(&[&["trace", "--json", "-o", to], &LIMITS[..], &["--"], program].concat()).output();
    Traced { lines: lines(&file), output: output.expect("cgproc") }
}

pub(crate) fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("what was written");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

impl Traced {
    fn events(&self, event: &str) -> impl Iterator<Item = &Value> {
        self.lines.iter().filter(move |line| line["event"] == event)
    }

    /// The questions, as they were asked.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &Value> {
        self.events("asked")
    }

    /// What was asked and answered by `from`.
    pub(crate) fn things(&self, from: &str) -> BTreeSet<&str> {
        self.asked().filter(|it| it["from"] == from).filter_map(|it| it["asked"].as_str()).collect()
    }

    /// The questions that went through doors of this kind.
    pub(crate) fn through(&self, kind: &str) -> Vec<&Value> {
        self.asked().filter(|it| it["door"]["kind"] == kind).collect()
    }

    /// The calls that reached the supervisor and have an answer.
    pub(crate) fn calls(&self) -> BTreeSet<String> {
        let calls = self.events("call").filter_map(|it| {
            let call = it["call"].as_str()?;
            match (call, it["path"].as_str()) {
                ("sysinfo" | "sched_getaffinity", _) => Some(call.to_owned()),
                ("open" | "openat" | "openat2", Some(path)) => answered(path),
                _ => None,
            }
        });
        calls.collect()
    }

    pub(crate) fn summary(&self) -> &Value {
        let last = self.lines.last().expect("a line");
        assert_eq!(last["event"], "summary", "{last}");
        last
    }

    pub(crate) fn said(&self) -> String {
        format!("{}\n{}\n{}", out(&self.output), err(&self.output), self.summary())
    }
}

/// The same set, seen by strace in the same kind of run.
pub(crate) fn straced(program: &[&str]) -> BTreeSet<String> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let to = file.path().to_str().expect("a path");
    let strace = ["strace", "-f", "-y", "-qq", "-s", "200", "-e", "signal=none", "-o", to];
    let calls = ["-e", "trace=open,openat,openat2,sysinfo,sched_getaffinity", "--"];
    // What bypasses libc is answered by a supervisor, which strace would not see through.
    let output =
        cgproc(&[&["run", "--static=never"], &LIMITS[..], &["--"], &strace, &calls, program].concat()).output();
    let text = fs::read_to_string(&file).expect("what strace wrote");
    assert!(!text.is_empty(), "strace: {output:?}");
    text.lines().filter_map(of_strace).collect()
}

/// `openat(3</sys/devices/system/cpu>, "online", O_RDONLY|O_CLOEXEC) = 4</sys/...>`, after a pid.
fn of_strace(line: &str) -> Option<String> {
    let (call, arguments) = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').split_once('(')?;
    match call {
        "sysinfo" | "sched_getaffinity" => return Some(call.to_owned()),
        "open" | "openat" | "openat2" => {}
        _ => return None,
    }
    let (before, rest) = arguments.split_once('"')?;
    let (path, flags) = rest.split_once('"')?;
    let flags = flags.trim_start_matches(", ").trim_start_matches("{flags=");
    let flags = flags.split([',', ')', ' ', '}']).next()?;
    let is_read = flags
        .split('|')
        .all(|flag| ["O_RDONLY", "O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_NOFOLLOW", "O_LARGEFILE"].contains(&flag));
    if !is_read {
        return None;
    }
    let directory = before.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>')).map_or("", |(path, _)| path);
    answered(&if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") })
}

/// The path without empty parts, `.` and `..`, if the file has an answer.
fn answered(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let path = format!("/{}", parts.join("/"));
    Answer::from_path(path.as_bytes()).map(|_| path)
}

/// The witness must have been built with the object.
pub(crate) fn has_witness() -> bool {
    bed::object().with_file_name("libcgproc_witness.so").is_file()
}
