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

/// Whether no process of ours is left that supervises: each goes when the last that it supervised has gone.
pub(crate) fn until_no_heir_is_left() {
    crate::harness::until("the end of all heirs", || {
        let comms = std::fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
        let is_heir = |process: PathBuf| {
            let read = |name: &str| std::fs::read_to_string(process.join(name)).unwrap_or_default();
            read("comm").trim() == "cgproc-heir" && !read("stat").contains(") Z ")
        };
        !comms.into_iter().any(is_heir)
    });
}
