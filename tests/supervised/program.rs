//! The programs that these tests run.

use crate::{
    bed,
    harness::{cgproc, printed},
};
use std::path::PathBuf;

/// What they are limited to.
pub(crate) const LIMITS: [&str; 4] = ["--memory", "300M", "--cpus", "1"];
pub(crate) const KIB: u64 = 300 << 10;

/// The machine's memory, as its own kernel has it.
pub(crate) fn machines_kib() -> u64 {
    bed::figure(&std::fs::read_to_string("/proc/meminfo").expect("meminfo"), "MemTotal:").expect("MemTotal")
}

pub(crate) fn compiled(name: &str) -> String {
    bed::programs().join(name).display().to_string()
}

/// Static C programs of both C libraries.
pub(crate) fn static_programs() -> [(&'static str, String); 2] {
    [("static glibc", compiled("past-glibc")), ("static musl", compiled("past-musl"))]
}

pub(crate) fn busybox() -> String {
    let path: PathBuf = bed::cache().join("busybox-static/bin/busybox");
    assert!(path.is_file(), "{} is missing: tests/bed/setup busybox", path.display());
    path.display().to_string()
}

/// What `cgproc run OPTIONS -- PROGRAM` prints, which has nothing to complain of.
pub(crate) fn told(options: &[&str], program: &[&str]) -> String {
    printed(&cgproc(&[&["run"], options, &["--"], program].concat()).output().expect("cgproc"))
}

/// Waits until no process of this test is left that supervises: each goes when the last that it supervised has gone.
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

/// Whether every thread of it waits for something.
pub(crate) fn is_at_rest(pid: i32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its threads").flatten();
    threads
        .map(|thread| thread.file_name())
        .all(|thread| crate::harness::state(thread.to_str().and_then(|it| it.parse().ok()).expect("a number")) == 'S')
}

/// How many descriptors are open in it.
pub(crate) fn descriptors(pid: i32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count()
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

    /// A column is right where all that belongs to it is.
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
