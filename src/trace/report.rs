//! What is printed: a line for each question as it is asked, and a summary at the end.

use super::{
    judge::{Verdict, Who},
    output::Output,
    question::{Door, Outcome, Question, short},
    tally::Tally,
};
use crate::{output::plain, run::supervise::Sighting, see::explain::Headline};
use anyhow::{Context, Result};
use serde::Serialize;
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Where the lines go, and in which form.
pub(super) struct Report {
    to: Box<dyn Write + Send>,
    /// The file's name; `None` for standard error.
    file: Option<PathBuf>,
    is_json: bool,
    /// The first failure to write.
    failed: Option<io::Error>,
}

/// A question, as `--json` has it.
#[derive(Serialize)]
struct Asked<'q> {
    event: &'static str,
    pid: i32,
    comm: &'q str,
    door: DoorOf<'q>,
    asked: &'q str,
    from: &'static str,
    why: Option<&'q str>,
    got: Option<&'q str>,
    figure: Option<&'q Headline>,
}

#[derive(Serialize)]
struct DoorOf<'q> {
    kind: &'static str,
    name: &'q str,
    object: Option<&'q str>,
}

/// A system call, as `--json` has it.
#[derive(Serialize)]
struct Called<'s> {
    event: &'static str,
    pid: i32,
    tid: i32,
    comm: &'s str,
    call: &'s str,
    path: Option<&'s str>,
    is_answered: bool,
    object: &'s str,
}

#[derive(Serialize)]
struct Note<'n> {
    event: &'static str,
    text: &'n str,
}

impl Report {
    /// Into `file`, or on standard error.
    pub(super) fn open(file: Option<&Path>, is_json: bool) -> Result<Self> {
        let to: Box<dyn Write + Send> = match file {
            Some(path) => Box::new(Output::open(path).with_context(|| path.display().to_string())?),
            None => Box::new(io::stderr()),
        };
        Ok(Self { to, file: file.map(Path::to_path_buf), is_json, failed: None })
    }

    pub(super) fn asked(&mut self, question: &Question, verdict: &Verdict) {
        if self.is_json {
            self.json(&of_question(question, verdict));
        } else {
            self.text(&line(question, verdict));
        }
    }

    /// A system call that reached a supervisor: in `--json` only.
    pub(super) fn called(&mut self, it: &Sighting) {
        if !self.is_json {
            return;
        }
        let path = it.path.as_deref().map(String::from_utf8_lossy);
        let (comm, object) = (String::from_utf8_lossy(&it.comm), String::from_utf8_lossy(&it.caller.object));
        self.json(&Called {
            event: "call",
            pid: it.process,
            tid: it.thread,
            comm: &comm,
            call: &it.call,
            path: path.as_deref(),
            is_answered: it.is_answered,
            object: &object,
        });
    }

    pub(super) fn note(&mut self, text: &str) {
        if self.is_json {
            self.json(&Note { event: "note", text });
        } else {
            self.text(text);
        }
    }

    /// The last lines. Returns the first failure to write to a file.
    pub(super) fn conclude(mut self, tally: &Tally, notes: &[String], lost: u64) -> Result<()> {
        if self.is_json {
            self.json(&tally.summary(notes, lost));
        } else {
            for line in tally.lines() {
                self.text(&line);
            }
            if lost > 0 {
                self.text(&format!(
                    "at least {lost} events were lost, because they came faster than they could be written"
                ));
            }
        }
        match (self.failed, self.file) {
            (Some(error), Some(file)) => Err(error).with_context(|| file.display().to_string()),
            _ => Ok(()),
        }
    }

    fn json(&mut self, it: &impl Serialize) {
        if let Ok(line) = serde_json::to_string(it) {
            self.put(&line);
        }
    }

    fn text(&mut self, line: &str) {
        // On standard error, what the program says is beside it.
        let prefix = if self.file.is_some() { "" } else { "cgproc: " };
        self.put(&format!("{prefix}{}", plain(line)));
    }

    /// Writes a line in one piece.
    fn put(&mut self, line: &str) {
        if let Err(error) = self.to.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.to.flush()) {
            self.failed.get_or_insert(error);
        }
    }
}

fn of_question<'q>(question: &'q Question, verdict: &'q Verdict) -> Asked<'q> {
    let (from, why) = match &verdict.who {
        Who::Container => ("container", None),
        Who::Kernel(why) => ("kernel", Some(&why[..])),
        Who::Nobody(why) => ("nobody", Some(&why[..])),
    };
    let door = &question.door;
    Asked {
        event: "asked",
        pid: question.process,
        comm: &question.comm,
        door: DoorOf {
            kind: door.kind(),
            name: door.name(),
            object: Some(door.object()).filter(|object| !object.is_empty()),
        },
        asked: &question.asked,
        from,
        why,
        got: match &question.outcome {
            Outcome::Gave { text, .. } if !text.is_empty() => Some(text),
            _ => None,
        },
        figure: verdict.headline.as_ref(),
    }
}

/// `free[77] fopen by libproc2.so.0 /proc/meminfo: the container's, memory.total 512.0 MiB (kernel: 23.5 GiB)`
fn line(question: &Question, verdict: &Verdict) -> String {
    let Question { process, comm, door, asked, .. } = question;
    let way = way(door, comm);
    let space = if way.contains(',') { ", " } else { " " };
    let what = if asked == door.name() { String::new() } else { format!("{space}{asked}") };
    let shown = |is_the_containers| {
        let words = verdict.headline.as_ref().map(|it| it.words(is_the_containers)).unwrap_or_default();
        if words.is_empty() { words } else { format!(", {words}") }
    };
    let answer = match &verdict.who {
        Who::Container => format!("the container's{}", shown(true)),
        Who::Kernel(why) => format!("the kernel's{}: {why}", shown(false)),
        Who::Nobody(why) => format!("nobody's: {why}"),
    };
    format!("{comm}[{process}] {way}{what}: {answer}")
}

/// The door, and who went through it if that is not the program's own file.
fn way(door: &Door, comm: &str) -> String {
    let (name, object) = (door.name(), short(door.object()));
    match door {
        Door::Function { object: path, .. } if path.is_empty() || object.starts_with(comm) => name.to_owned(),
        Door::Function { .. } => format!("{name} by {object}"),
        Door::Outside { has_libc: false, .. } => format!("{name}, without a libc"),
        Door::Outside { has_libc: true, .. } => format!("{name}, without the library"),
        Door::Unhooked { .. } => format!("{name} in {object}, not hooked"),
        Door::Libc { .. } => format!("{name} by libc itself"),
        Door::Unwitnessed { .. } => format!("{name} by libc"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::subject;

    fn question(door: Door, asked: &str, outcome: Outcome) -> Question {
        let subject = subject::of_path(asked.as_bytes()).or_else(|| subject::of_function(asked, b"")).unwrap();
        Question { process: 77, comm: "free".into(), door, asked: asked.into(), subject, outcome }
    }

    fn function(name: &str, object: &str) -> Door {
        Door::Function { name: name.into(), object: object.into() }
    }

    #[test]
    fn lines_say_who_and_why() {
        let said =
            |door, asked: &str, who| line(&question(door, asked, Outcome::Kernels), &Verdict { who, headline: None });
        let by_library = said(function("fopen", "/usr/lib/libproc2.so.0"), "/proc/meminfo", Who::Container);
        assert_eq!(by_library, "free[77] fopen by libproc2.so.0 /proc/meminfo: the container's");
        let own = said(function("open", "/usr/bin/free"), "/proc/slabinfo", Who::Kernel("no cgroup has it".into()));
        assert_eq!(own, "free[77] open /proc/slabinfo: the kernel's: no cgroup has it");
        assert_eq!(said(function("sysinfo", ""), "sysinfo", Who::Container), "free[77] sysinfo: the container's");
        let raw = Door::Unhooked { call: "openat".into(), object: "/a/libfoo.so".into() };
        let raw = said(raw, "/proc/stat", Who::Nobody("No such file or directory".into()));
        assert_eq!(raw, "free[77] openat in libfoo.so, not hooked, /proc/stat: nobody's: No such file or directory");
    }

    #[test]
    fn json_has_the_same() {
        let outcome = Outcome::Gave { returned: 2, text: "0-1".into() };
        let question = question(function("sched_getaffinity", "/usr/bin/nproc"), "sched_getaffinity", outcome);
        let verdict = Verdict { who: Who::Container, headline: None };
        let json = serde_json::to_string(&of_question(&question, &verdict)).unwrap();
        let expected = r#"{"event":"asked","pid":77,"comm":"free","door":{"kind":"function","name":"sched_getaffinity","object":"/usr/bin/nproc"},"asked":"sched_getaffinity","from":"container","why":null,"got":"0-1","figure":null}"#;
        assert_eq!(json, expected);
    }
}
