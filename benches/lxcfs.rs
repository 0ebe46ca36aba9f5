//! The real lxcfs beside ours: this release's, the newest one, and the newest over io_uring where the kernel lets it.

use crate::bed;
use std::process::{Command, Stdio};

/// One lxcfs: what its figures are called, how tests/bed/lxcfs is asked for it, and where it mounts it.
struct Kind {
    name: &'static str,
    options: &'static [&'static str],
    variable: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind { name: "lxcfs 5", options: &["-l"], variable: "LXCFS" },
    Kind { name: "lxcfs 7", options: &["-l", "-n"], variable: "LXCFS_NEWEST" },
    Kind { name: "lxcfs 7, io_uring", options: &["-l", "-u"], variable: "LXCFS_URING" },
];

/// What the columns of lxcfs are called.
pub(crate) fn is_column(name: &str) -> bool {
    name.starts_with("lxcfs")
}

/// A command that mounts each lxcfs that starts here, to which the command to run is yet to be given, and words
/// `NAME="$VARIABLE"` for a shell in it.
pub(crate) fn beside() -> (Command, Vec<String>) {
    let script = bed::repository("tests/bed/lxcfs");
    let (mut command, mut words) = (Command::new("env"), Vec::new());
    for Kind { name, options, variable } in KINDS {
        let mut trial = Command::new(&script);
        let output = trial.args(options).arg("true").stdin(Stdio::null()).output().expect("tests/bed/lxcfs");
        if output.status.success() {
            command.arg(&script).args(options);
            words.push(format!("'{name}'=\"${variable}\""));
        } else {
            println!("no {name}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
    }
    (command, words)
}
