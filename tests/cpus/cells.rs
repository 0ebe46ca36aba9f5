//! The output of the programs in the booted kernels.

use crate::{
    bed::{self, Version},
    programs::CPUS,
    root::root,
};
use std::{collections::BTreeMap, process::Command};

/// The quotas, in thousandths of a CPU.
pub(crate) const QUOTAS: [u64; 6] = [500, 1000, 1250, 1500, 2400, 3990];

/// The cpusets, and how many CPUs each has.
pub(crate) const SETS: [(&str, u64); 2] = [("all", CPUS), ("1-3", 3)];

/// What all programs printed in one kernel, by cpuset, quota, program, and one of `native`, `preloaded`, `ours`.
pub(crate) struct Cells(BTreeMap<(String, u64, String, String), String>);

impl Cells {
    /// From a kernel booted for this.
    pub(crate) fn of(version: Version) -> Self {
        let quotas = QUOTAS.map(|milli| milli.to_string());
        let mut boot = Command::new(bed::repository("tests/bed/boot"));
        boot.args(["-c", if version == Version::V1 { "v1" } else { "v2" }, "-n", &CPUS.to_string(), "--"]);
        boot.arg(bed::repository("tests/cpus/cells")).arg(bed::programs()).arg(root());
        let output = boot.arg(bed::object()).arg(bed::command()).args(quotas).output().expect("tests/bed/boot");
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{version:?}: {:?}: {text}\n{errors}", output.status);
        let cell = |line: &str| {
            let [set, milli, name, how, printed] =
                line.strip_prefix("cell|")?.splitn(5, '|').collect::<Vec<_>>().try_into().ok()?;
            let at: (&str, u64, &str, &str) = (set, milli.parse().ok()?, name, how);
            Some(((at.0.to_owned(), at.1, at.2.to_owned(), at.3.to_owned()), printed.trim().to_owned()))
        };
        Self(text.lines().filter_map(cell).collect())
    }

    pub(crate) fn text(&self, set: &str, milli: u64, name: &str, how: &str) -> &str {
        let key = (set.to_owned(), milli, name.to_owned(), how.to_owned());
        self.0.get(&key).map_or("nothing", String::as_str)
    }
}

/// `way=count` pairs, or a single count, which is the program's own; empty if anything else was printed.
pub(crate) fn counts(text: &str) -> Vec<(&str, u64)> {
    let count = |word| {
        let (way, count): (&str, &str) = str::split_once(word, '=').unwrap_or(("own", word));
        Some((way, count.parse().ok()?))
    };
    text.split_whitespace().map(count).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// The version of each program.
pub(crate) fn versions() -> BTreeMap<String, String> {
    let cells = bed::repository("tests/cpus/cells");
    let (programs, root) = (bed::programs(), root());
    let text =
        bed::sh(&format!("unshare --mount {} versions {} {}", cells.display(), programs.display(), root.display()));
    let version = |line: &str| {
        let (name, version) = line.strip_prefix("version|")?.split_once('|')?;
        Some((name.to_owned(), version.to_owned()))
    };
    text.lines().filter_map(version).collect()
}
