//! The container of all these tests, and the rows of a table in docs/reach.md.

use crate::bed::{self, Container, Findings, PLAIN};
use std::{
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The container's memory in KiB.
pub(crate) const KIB: u64 = 512 << 10;

/// A program with a sanitizer, on a busy machine or in the booted kernel: whatever takes longer hangs.
pub(crate) const LONGEST_SEC: u32 = 400;

/// A cell's text if the container's figure came out.
pub(crate) const YES: &str = "yes";

/// 512 MiB, and one CPU of several.
pub(crate) fn container() -> Container {
    Container { quota_usec: Some(100_000), ..PLAIN }
}

/// The file with this name below a directory; releases keep it in different places.
pub(crate) fn find(below: &Path, name: &str) -> PathBuf {
    let found = bed::sh(&format!("find {} -name {name} | head -n 1", below.display()));
    assert!(!found.is_empty(), "no {name} below {}: tests/bed/setup", below.display());
    PathBuf::from(found.trim())
}

/// The file with this name in an installed Debian package. Searching everywhere takes a minute in the booted kernel.
pub(crate) fn in_package(package: &str, name: &str) -> PathBuf {
    let listed = bed::sh(&format!("dpkg-query -L {package}"));
    let found = listed.lines().map(Path::new).find(|path| path.ends_with(name));
    found.unwrap_or_else(|| panic!("no {name} in {package}: tests/bed/setup: {listed}")).to_owned()
}

/// A compiled helper program.
pub(crate) fn program(name: &str) -> PathBuf {
    bed::programs().join(name)
}

/// The machine's memory in KiB, read without the object.
pub(crate) fn host_kib() -> u64 {
    static KIB: OnceLock<u64> = OnceLock::new();
    *KIB.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/meminfo").expect("meminfo");
        bed::figure(&text, "MemTotal:").expect("MemTotal")
    })
}

/// The version of an installed Debian package, without Debian's suffix.
pub(crate) fn package_version(package: &str) -> String {
    let version = bed::sh(&format!("dpkg-query -W -f '${{Version}}' {package}"));
    let upstream = version.trim().split(['-', '+']).next().unwrap_or_default();
    assert!(!upstream.is_empty(), "{package} is not installed: tests/bed/setup");
    upstream.to_owned()
}

/// A row of a table in docs/reach.md: each cell is checked as it is recorded.
pub(crate) struct Row<'a> {
    pub(crate) table: &'static str,
    pub(crate) runtime: &'a str,
    pub(crate) version: &'a str,
    pub(crate) findings: &'a mut Findings,
}

impl Row<'_> {
    /// Records what was seen, and whether it is as expected; if not, `what` gives details.
    pub(crate) fn cell(&mut self, probe: &str, seen: &str, expected: &str, what: impl FnOnce() -> String) {
        bed::note_reach(self.table, self.runtime, self.version, probe, seen);
        self.findings.check(seen == expected, || {
            format!("{}, {probe}: {seen:?}, expected {expected:?}: {}", self.runtime, what())
        });
    }
}

/// A directory that every user can read and write, removed when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("cgproc-runtimes-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        bed::sh(&format!("rm -rf {0}; mkdir -m 1777 {0}", dir.display()));
        assert!(dir.is_dir(), "{} cannot be made", dir.display());
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A copy of a file, for users who cannot reach the original.
    pub(crate) fn copy(&self, from: &Path, name: &str) -> PathBuf {
        let to = self.0.join(name);
        std::fs::copy(from, &to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
        to
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
