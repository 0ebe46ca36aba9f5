//! The environments that containers run in.

use crate::{bed, probe::Said};
use std::{
    ffi::OsString,
    fmt::{Display, Write as _},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How the library gets into a container.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    /// Not at all, unless an image brings it.
    None,
    /// The file exists, for `LD_PRELOAD` to name.
    Environment,
    /// `/etc/ld.so.preload` names it.
    File,
}

/// The variable that a base image sets.
pub(crate) const PRELOAD: &str = "LD_PRELOAD=/usr/lib/libcgproc.so";

/// An engine and its containers, on a busy machine or in the booted kernel: whatever takes longer hangs.
const LONGEST_SEC: &str = "600";

/// Where commands run: `tests/bed/private`.
pub(crate) struct Bed {
    pub(crate) userland: &'static str,
    pub(crate) library: Library,
}

impl Bed {
    /// The output of a command whose first word is a script of `tests/bed`; the command must succeed.
    pub(crate) fn says(&self, words: &[&str]) -> Said {
        self.says_in(Command::new("env"), words)
    }

    /// The same, started by another command, such as one that enters a cgroup.
    pub(crate) fn says_in(&self, mut command: Command, words: &[&str]) -> Said {
        old_enough();
        let (script, arguments) = words.split_first().expect("a command");
        command.args(["timeout", "-k", "30", LONGEST_SEC]).arg(bed::repository("tests/bed/private"));
        command.args(self.options()).arg("--").arg(bed::repository("tests/bed").join(script)).args(arguments);
        let output = command.stdin(Stdio::null()).env_remove("LD_PRELOAD").output().expect("tests/bed/private");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        let hangs = if output.status.code() == Some(124) {
            format!("still running after {LONGEST_SEC} s, or ")
        } else {
            String::new()
        };
        assert!(output.status.success(), "{hangs}{}: {words:?}\n{text}\n{errors}", output.status);
        Said(text)
    }

    fn options(&self) -> [OsString; 8] {
        let library = match self.library {
            Library::None => "none",
            Library::Environment => "environment",
            Library::File => "file",
        };
        let root = bed::repository("tests/containers/root");
        let object = bed::object();
        ["-r", self.userland, "-i", library, "-a", &root.to_string_lossy(), "-o", &object.to_string_lossy()]
            .map(OsString::from)
    }
}

/// A script for `tests/bed/docker` and the like: runs named command lines side by side, then prints their outputs one
/// after the other.
pub(crate) fn side_by_side(commands: impl Iterator<Item = (impl Display, String)>) -> String {
    let mut script = String::from("set -o pipefail\n");
    for (name, command) in commands {
        let _ = writeln!(script, "{command} >$WORK/said-{name} &\njobs+=($!)");
    }
    script + "for job in ${jobs[*]}; do wait $job; done\ncat $WORK/said-*\n"
}

/// Runs the probe in a container, with the variables that its image sets and without `LD_PRELOAD`. `enter` is the
/// command line up to the container's own.
pub(crate) fn probed(name: &str, enter: &str) -> String {
    format!("{enter} sh -c 'probe {name}; env -u LD_PRELOAD probe bare-{name}'")
}

/// Waits, because a machine that was just booted is hardly older than its containers, and nobody could tell their
/// uptimes apart.
fn old_enough() {
    let begun = Instant::now();
    while bed::host().uptime_sec < 10 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the machine's uptime stands still");
        std::thread::sleep(Duration::from_millis(100));
    }
}
