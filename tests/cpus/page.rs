//! docs/cpus.md, made from what the table's programs printed.

use crate::{
    bed::{self, Findings, Version},
    cells::{Cells, QUOTAS, SETS},
    programs::{By, CPUS, Knows, PROGRAMS, Program, shown},
    table::Place,
};
use std::{collections::BTreeMap, fmt::Write as _, fs};

type Kernels<'c> = [(Version, &'c Cells); 2];

/// Writes the page. If nothing may be skipped, the page must already match what the tests saw, except for versions,
/// because releases move on.
pub(crate) fn keep(kernels: Kernels<'_>, versions: &BTreeMap<String, String>, findings: &mut Findings) {
    let path = bed::repository("docs/cpus.md");
    for program in PROGRAMS.iter().filter(|program| !["doors", "static"].contains(&program.name)) {
        let version = versions.get(program.of_version).filter(|version| !version.is_empty());
        findings.check(version.is_some(), || format!("no version of {}", program.title));
    }
    let text = page(kernels, versions);
    if std::env::var_os("CI").is_none_or(|value| value != "true") {
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    let differing = |one: &str, other: &str| {
        let others: Vec<String> = other.lines().map(without_version).collect();
        one.lines().map(without_version).filter(|line| !others.contains(line)).collect::<Vec<_>>()
    };
    let (gone, new) = (differing(&there, &text), differing(&text, &there));
    findings.check(gone.is_empty() && new.is_empty(), || {
        format!("docs/cpus.md differs from what was seen; tests/run cpus rewrites it. It has {gone:?}, seen: {new:?}")
    });
}

/// A line of the page, without its second column.
fn without_version(line: &str) -> String {
    let mut columns: Vec<&str> = line.split('|').collect();
    if columns.len() > 3 {
        columns.remove(2);
    }
    columns.join("|")
}

fn page(kernels: Kernels<'_>, versions: &BTreeMap<String, String>) -> String {
    let mut text = HEAD.to_owned();
    for (set, cpus) in SETS {
        let head = if cpus == CPUS { format!("All {CPUS} CPUs") } else { format!("CPUs {set} of {CPUS}") };
        let _ = write!(text, "\n## {head}\n\n| | version | its own rule |");
        QUOTAS.iter().for_each(|milli| {
            let _ = write!(text, " {} |", *milli as f64 / 1000.0);
        });
        let _ = write!(text, "\n|---|---|---|{}\n| **what is shown** | | |", "---|".repeat(QUOTAS.len()));
        QUOTAS.iter().for_each(|milli| {
            let _ = write!(text, " **{}** |", shown(*milli, cpus));
        });
        text.push('\n');
        for program in &PROGRAMS {
            let version = versions.get(program.of_version).map_or("", String::as_str);
            let _ = write!(text, "| {}{} | {version} | {} |", program.title, mark(program), rule(program));
            for milli in QUOTAS {
                let [v1, v2] =
                    kernels.map(|(version, cells)| cell(&Place { cells, version, set, cpus, milli }, program));
                let both = if v1 == v2 { v1 } else { format!("v1: {v1}; v2: {v2}") };
                let _ = write!(text, " {both} |");
            }
            text.push('\n');
        }
    }
    text + FOOT
}

fn mark(program: &Program) -> &'static str {
    if matches!(program.by, By::Supervision) { " ¹" } else { "" }
}

fn rule(program: &Program) -> String {
    let only = match program.knows {
        Knows::Both => "",
        Knows::V1 => ", v1 only",
        Knows::V2 => ", v2 only",
    };
    format!("{}{only}", program.rule.text())
}

/// What a program takes with us, and natively if that differs.
fn cell(place: &Place<'_>, program: &Program) -> String {
    let [native, ours] =
        ["native", "ours"].map(|how| place.own(program, how).map_or_else(|| "?".to_owned(), |count| count.to_string()));
    if native == ours { ours } else { format!("{native} → {ours}") }
}

const HEAD: &str = "\
# How many CPUs programs count

A quota is a fraction of a number of CPUs. Each runtime makes a whole number of it by a rule of its own, or ignores it.
We show the quota rounded up, at most the CPUs of the cpuset, and the same number everywhere. Most runtimes then use the
lower of that number and of what they make of the quota themselves, so nothing is cut twice; **no runtime gets fewer
CPUs than its own rule gives it**. Runtimes with a different rule use their own number, while everything else that they
can ask returns ours. `cgproc explain runtimes` shows what each uses in a given container, with cgproc and without.

`tests/run cpus` writes this page. Each cell is what a program printed in a booted kernel with 4 CPUs, and none is
written by hand; the tests ran once with cgroup version 1, with the whole tree visible, and once with version 2 in a
namespace. `4 → 2` means 4 without cgproc and 2 with it. A single number means both. The columns are quotas, in CPUs.
";

const FOOT: &str = "
¹ This program makes its own system calls, and `cgproc run --static` answers it ([static.md](static.md)). The library
alone changes nothing for it, with libc or not: Go bypasses it to ask for its mask. The files that it reads, and the
mask (except that of Go from 1.25 on), say what is shown. The mask of Go from 1.25 on keeps the 2 CPUs that Go uses at a
quota of 1 or less. A module for a Go before 1.25, or `GODEBUG=containermaxprocs=0`, turns Go's rule off, and it then
behaves like the older one.

Some programs were not available here, and are not in the table: a current .NET, which according to its sources knows
version 2 too; Bun, Deno and Envoy, which according to theirs round down as Node does. GNU make does not count CPUs, and
uses the number that it is given; PHP does not either, and is measured by what its libraries read.
";
