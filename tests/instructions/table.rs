//! The table of counts: which compiler they belong to, and a line for each name, with its count.

use crate::bed::{self, repository};
use std::{fmt::Write as _, fs};

pub(crate) struct Table {
    pub(crate) compiler: String,
    lines: Vec<(String, u64)>,
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
            let (name, count) = line.split_once('\t').unwrap_or_else(|| panic!("{line}: not a name and a count"));
            (name.to_owned(), count.parse().expect("a count"))
        };
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(line).collect();
        Self { compiler: compiler.to_owned(), lines }
    }

    pub(crate) fn entry(&self, name: &str) -> Option<u64> {
        self.lines.iter().find(|(known, _)| known == name).map(|(_, count)| *count)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(name, _)| name.as_str())
    }

    /// Writes the table anew, from these counts.
    pub(crate) fn renew(counts: &[(String, u64)]) {
        let mut text = format!(
            "# Instructions. Written by the command in tests/instructions.rs.\n\
             # compiler: {}\n",
            compiler()
        );
        for (name, count) in counts {
            writeln!(text, "{name}\t{count}").expect("a string");
        }
        fs::write(path(), text).expect("tests/instructions/counts.tsv");
    }
}
