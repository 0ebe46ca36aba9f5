//! The table of counts: which compiler they belong to, and a line for each name, with the count on v1 and on v2.

use crate::bed::{self, Version, repository};
use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

/// What a line with a count begins with.
pub(crate) const MARK: &str = "count\t";

pub(crate) struct Table {
    pub(crate) compiler: String,
    /// The counts on the two kernels.
    lines: Vec<(String, [u64; 2])>,
}

/// The compiler of the object, as far as it can be known: what is installed here.
pub(crate) fn compiler() -> String {
    bed::sh("rustc --version").trim().to_owned()
}

fn path() -> std::path::PathBuf {
    repository("tests/instructions/counts.tsv")
}

impl Table {
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string(path()).expect("tests/instructions/counts.tsv");
        let compiler = text.lines().find_map(|line| line.strip_prefix("# compiler: ")).expect("its compiler");
        let line = |line: &str| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, v1, v2] = fields[..] else { panic!("{line}: not a name and two counts") };
            (name.to_owned(), [v1, v2].map(|count| count.parse().expect("a count")))
        };
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(line).collect();
        Self { compiler: compiler.to_owned(), lines }
    }

    /// The entry of this kernel.
    pub(crate) fn entry(&self, name: &str) -> Option<u64> {
        let (_, [v1, v2]) = self.lines.iter().find(|(known, _)| known == name)?;
        Some(if bed::version() == Version::V1 { *v1 } else { *v2 })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(name, _)| name.as_str())
    }

    /// Writes the table anew, from these counts and from those of the booted kernel.
    pub(crate) fn renew(here: &[(String, u64)]) {
        let there = counts_there();
        let mut text = format!(
            "# Instructions: what is counted, on cgroup v1, on v2. Written by the command in tests/instructions.rs.\n\
             # compiler: {}\n",
            compiler()
        );
        for (name, count) in here {
            let (_, other) = there.iter().find(|(known, _)| known == name).expect("the same counts there");
            let [v1, v2] = if bed::version() == Version::V1 { [count, other] } else { [other, count] };
            writeln!(text, "{name}\t{v1}\t{v2}").expect("a string");
        }
        fs::write(path(), text).expect("tests/instructions/counts.tsv");
    }
}

/// This program's counts in the booted kernel, which has the other cgroup version.
fn counts_there() -> Vec<(String, u64)> {
    let other = if bed::version() == Version::V1 { "v2" } else { "v1" };
    let own = std::env::current_exe().expect("this program");
    let mut boot = Command::new(repository("tests/bed/boot"));
    boot.args(["-c", other, "--"]).arg(own).arg("--nocapture").env("CGPROC_RENEW", "here").stdin(Stdio::null());
    let output = boot.output().expect("tests/bed/boot");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "in the booted kernel: {}\n{text}", output.status);
    let counts = text.lines().filter_map(|line| line.trim_end().strip_prefix(MARK)?.split_once('\t'));
    counts.map(|(name, count)| (name.to_owned(), count.parse().expect("a count"))).collect()
}
