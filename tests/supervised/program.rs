//! The programs that these tests run.

use crate::{
    bed,
    harness::{cgproc, children, printed},
};
use std::{path::PathBuf, process::Command};

/// Their limits.
pub(crate) const LIMITS: [&str; 4] = ["--memory", "300M", "--cpus", "1"];
pub(crate) const KIB: u64 = 300 << 10;

/// The machine's memory, according to its own kernel.
pub(crate) fn machines_kib() -> u64 {
    bed::figure(&std::fs::read_to_string("/proc/meminfo").expect("meminfo"), "MemTotal:").expect("MemTotal")
}

pub(crate) fn compiled(name: &str) -> String {
    bed::programs().join(name).display().to_string()
}

/// A static C program with each C library.
pub(crate) fn static_programs() -> [(&'static str, String); 2] {
    [("static glibc", compiled("past-glibc")), ("static musl", compiled("past-musl"))]
}

pub(crate) fn busybox() -> String {
    let path: PathBuf = bed::cache().join("busybox-static/bin/busybox");
    assert!(path.is_file(), "{} is missing: tests/bed/setup busybox", path.display());
    path.display().to_string()
}

/// The output of `cgproc run OPTIONS -- PROGRAM`, which must report nothing else.
pub(crate) fn told(options: &[&str], program: &[&str]) -> String {
    printed(&cgproc(&[&["run"], options, &["--"], program].concat()).output().expect("cgproc"))
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answering {
    /// A separate process: the command may inspect other users' programs.
    Apart,
    /// A thread of the command.
    Within,
}

impl Answering {
    pub(crate) const BOTH: [Self; 2] = [Self::Apart, Self::Within];

    /// `cgproc` with `arguments`, and rights that lead to this kind of answering.
    pub(crate) fn cgproc(self, arguments: &[&str]) -> Command {
        let plain = cgproc(arguments);
        if self == Self::Apart {
            return plain;
        }
        let mut command = Command::new("setpriv");
        command.args(["--inh-caps=-sys_ptrace", "--bounding-set=-sys_ptrace"]).arg(plain.get_program());
        command.args(plain.get_args()).stdin(std::process::Stdio::null());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

pub(crate) fn comm(pid: i32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// The processes that supervise for the command `pid`: itself, its heir, and the one that answers, if there is one.
pub(crate) fn supervisors(pid: i32) -> Vec<i32> {
    let heirs: Vec<i32> = children(pid).into_iter().filter(|child| comm(*child) == "cgproc-heir").collect();
    let answer = heirs.iter().flat_map(|heir| children(*heir)).collect();
    [vec![pid], heirs, answer].concat()
}

/// Waits for the process that answers for the command `pid`.
pub(crate) fn who_answers(pid: i32) -> i32 {
    let mut found = None;
    bed::until("a process that answers", || {
        found = supervisors(pid).into_iter().find(|it| comm(*it) == "cgproc-answers");
        found.is_some()
    });
    found.expect("it was awaited")
}

/// Waits until none of this test's processes supervises any more: each ends after the last that it supervised.
pub(crate) fn until_no_heir_is_left() {
    let (name, value) = crate::harness::mark();
    let mark = format!("{name}={value}\0");
    crate::harness::until("the end of all heirs", || {
        let comms = std::fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
        let is_heir = |process: PathBuf| {
            let read = |name: &str| std::fs::read_to_string(process.join(name)).unwrap_or_default();
            read("comm").trim() == "cgproc-heir" && !read("stat").contains(") Z ") && read("environ").contains(&mark)
        };
        !comms.into_iter().any(is_heir)
    });
}

/// Whether all of its threads are waiting.
pub(crate) fn is_at_rest(pid: i32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its threads").flatten();
    threads
        .map(|thread| thread.file_name())
        .all(|thread| crate::harness::state(thread.to_str().and_then(|it| it.parse().ok()).expect("a number")) == 'S')
}

/// A row of the document: what was right in `runtime`, column by column.
pub(crate) struct Row<'r> {
    runtime: &'r str,
    version: String,
    columns: Vec<(&'static str, bool)>,
}

impl<'r> Row<'r> {
    pub(crate) fn new(runtime: &'r str, version: &str) -> Self {
        Self { runtime, version: version.trim().to_owned(), columns: Vec::new() }
    }

    /// A column is right if everything in it is.
    pub(crate) fn cell(&mut self, column: &'static str, is_right: bool) {
        match self.columns.iter_mut().find(|(known, _)| *known == column) {
            Some((_, all)) => *all &= is_right,
            None => self.columns.push((column, is_right)),
        }
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        for (column, is_right) in &self.columns {
            let cell = if *is_right { "yes" } else { "no" };
            bed::note_reach("supervised", self.runtime, &self.version, column, cell);
        }
    }
}
