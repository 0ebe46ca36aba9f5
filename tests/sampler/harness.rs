//! Loads, containers that show them, and what they show.

use crate::bed::{self, Container, PLAIN};
use crate::groups::{Group, load_key};
use crate::processes::{Place, Started, serial, until};
use calc::board::Key;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// No limits that would stand in the way of a load.
pub(crate) const FREE: Container = Container { quota_usec: None, ..PLAIN };

/// `busy RUNNING BLOCKED`, outside of every container unless `group` says otherwise.
pub(crate) fn busy(running: u32, blocked: u32, group: Option<&Group>) -> Started {
    let mut command = Command::new(bed::programs().join("busy"));
    command.args([running, blocked].map(|count| count.to_string()));
    if let Some(group) = group {
        group.enter(&mut command);
    }
    Started::quietly(&mut command)
}

/// A container that runs a script under the object, with this board.
pub(crate) struct Running {
    process: Started,
    pub(crate) path: String,
    output: PathBuf,
}

impl Running {
    pub(crate) fn start(container: &Container, place: &Place, script: &str, seconds: u32) -> Self {
        let output = place.file(&serial());
        let script = format!("cd {}; export TERM=dumb\n{script}", bed::programs().display());
        let mut command = container.script(&script, Some(&bed::object()), seconds);
        command.env("CGPROC_BOARD", place.board()).stdin(Stdio::null());
        command.stdout(File::create(&output).expect("its output"));
        let process = Started(command.spawn().expect("tests/bed/container"));
        let under = container.under.map_or_else(String::new, |under| format!("{under}/"));
        Self { path: format!("{under}cgproc-test-{}", process.0.id()), process, output }
    }

    /// Waits until its cgroup is there.
    pub(crate) fn key(&self) -> Key {
        let mut key = None;
        until("a container's cgroup", || {
            key = load_key(&self.path);
            key.is_some()
        });
        key.expect("a key")
    }

    /// What it has printed up to now.
    pub(crate) fn text(&self) -> String {
        fs::read_to_string(&self.output).expect("its output")
    }

    /// Waits until it has printed `line`.
    pub(crate) fn said(&self, line: &str) {
        until(line, || self.text().lines().any(|said| said == line));
    }

    /// All that it prints until it ends.
    pub(crate) fn whole(mut self) -> String {
        let status = self.process.0.wait().expect("its status");
        let text = self.text();
        assert!(status.success(), "{status}: {text}");
        text
    }
}

/// The three averages at the beginning of a text, such as `/proc/loadavg`'s.
pub(crate) fn averages(text: &str) -> [f64; 3] {
    let mut words = text.split_whitespace().map(|word| word.parse().unwrap_or_else(|_| panic!("no average: {text:?}")));
    [(); 3].map(|()| words.next().unwrap_or_else(|| panic!("no three averages: {text:?}")))
}

/// The same as text: what tells one state of the file from another.
pub(crate) fn triple(text: &str) -> String {
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// The kernel's own, which no object comes between.
pub(crate) fn kernels() -> String {
    triple(&fs::read_to_string("/proc/loadavg").expect("/proc/loadavg"))
}
