//! The beds that containers are made on.

use crate::bed;
use crate::probe::Said;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How the library gets into a container.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    /// Not at all, unless an image is made with it.
    None,
    /// It is there, for `LD_PRELOAD` to name.
    Environment,
    /// `/etc/ld.so.preload` names it.
    File,
}

/// What a base image sets.
pub(crate) const PRELOAD: &str = "LD_PRELOAD=/usr/lib/libcgproc.so";

/// Where a command runs: `tests/bed/private`.
pub(crate) struct Bed {
    pub(crate) userland: &'static str,
    pub(crate) library: Library,
}

impl Bed {
    /// What the command, its first word a script of `tests/bed`, prints until it ends well, within `seconds`.
    pub(crate) fn says(&self, seconds: u32, words: &[&str]) -> Said {
        self.says_in(Command::new("env"), seconds, words)
    }

    /// The same below another command, such as one that enters a cgroup.
    pub(crate) fn says_in(&self, mut command: Command, seconds: u32, words: &[&str]) -> Said {
        old_enough();
        let (script, arguments) = words.split_first().expect("a command");
        command.args(["timeout", "-k", "30", &seconds.to_string()]).arg(bed::repository("tests/bed/private"));
        command.args(self.options()).arg("--").arg(bed::repository("tests/bed").join(script)).args(arguments);
        let output = command.stdin(Stdio::null()).env_remove("LD_PRELOAD").output().expect("tests/bed/private");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {words:?}\n{text}\n{errors}", output.status);
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

/// A script for `tests/bed/docker` and its like: runs containers side by side, and prints what they said, one after the other.
/// Each has a name, and the engine's command up to the container's own.
pub(crate) fn side_by_side<'a>(containers: impl Iterator<Item = (&'a str, String)>) -> String {
    let probes = "probe $name; env -u LD_PRELOAD probe bare-$name";
    let mut script = format!("start() {{ local name=$1; shift; \"$@\" sh -c \"{probes}\" >$WORK/said-$name & }}\n");
    for (name, command) in containers {
        let _ = writeln!(script, "start {name} {command}");
    }
    script + "for job in $(jobs -p); do wait $job; done; cat $WORK/said-*"
}

/// A machine that has just been booted is hardly older than its containers: then nobody could tell whose uptime is shown.
fn old_enough() {
    let begun = Instant::now();
    while bed::host().uptime_sec < 10 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the machine's uptime stands still");
        std::thread::sleep(Duration::from_millis(100));
    }
}
