//! The container in which programs are timed, and the programs.

use crate::bed::{self, PLAIN};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Cargo's target directory.
pub(crate) fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("tmp/ is in it")
}

/// A C program of this directory, or other text, compiled into the target directory.
pub(crate) fn compile(compiler: &str, name: &str, source: &Path, flags: &[&str]) -> PathBuf {
    let directory = target().join("tmp/benches");
    std::fs::create_dir_all(&directory).expect("a directory");
    let to = directory.join(name);
    let status = Command::new(compiler).args(["-O2", "-o"]).args([&to, source]).args(flags).status().expect(compiler);
    assert!(status.success(), "{compiler} {}", source.display());
    to
}

/// A file with this text.
pub(crate) fn written(name: &str, text: &str) -> PathBuf {
    let directory = target().join("tmp/benches");
    std::fs::create_dir_all(&directory).expect("a directory");
    let path = directory.join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

/// A container that has a limit of memory, as Docker makes it on this kernel.
pub(crate) struct Limited<'a> {
    /// Microseconds of CPU time in 100 ms.
    pub(crate) quota_usec: Option<u32>,
    /// The cgroup to make it below.
    pub(crate) under: Option<&'a str>,
    /// Whether it sees the machine's cgroups.
    pub(crate) is_raw: bool,
}

/// A quota that never throttles a single thread.
pub(crate) const USUAL: Limited<'static> = Limited { quota_usec: Some(150_000), under: None, is_raw: false };

impl Limited<'_> {
    /// The arguments of tests/bed/container, which come after those of `command`.
    pub(crate) fn enter(&self, command: &mut Command) {
        let view = match (self.is_raw, bed::version()) {
            (true, _) => "raw",
            (_, bed::Version::V1) => "bind",
            (_, bed::Version::V2) => "ns",
        };
        command.arg(bed::repository("tests/bed/container")).args(["-m", PLAIN.memory, "-V", view]);
        if let Some(quota) = self.quota_usec {
            command.args(["-q", &quota.to_string()]);
        }
        if let Some(under) = self.under {
            command.args(["-u", under]);
        }
        command.arg("--").env_remove("LD_PRELOAD");
    }
}

/// What a command prints.
pub(crate) fn output(command: &mut Command) -> String {
    let output =
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}
