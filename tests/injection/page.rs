//! docs/proof.md, made from what the probe saw.

use crate::{
    bed::{self, Findings},
    cells::{Cells, ERRORS, letters},
};
use std::{fmt::Write as _, fs};

/// Before the asks that have no row.
const LEFT_OUT: &str = "Not in the table, because the kernel of this machine says the same: ";

/// Writes the page.
pub(crate) fn write(cells: &Cells) {
    let path = bed::repository("docs/proof.md");
    fs::write(&path, page(cells)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Whatever was seen must be on the page, in the rows that it has.
pub(crate) fn check(cells: &Cells, findings: &mut Findings) {
    let page = fs::read_to_string(bed::repository("docs/proof.md")).unwrap_or_default();
    let left_out = page.lines().find_map(|line| line.strip_prefix(LEFT_OUT)).unwrap_or_default();
    let advice = "`CGPROC_RENEW=1 cargo test --locked --test injection` renews docs/proof.md";
    findings.check(page.starts_with(HEAD), || format!("its words are others: {advice}"));
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .filter(|row| row.contains(' ') && !row.starts_with('|'));
    for row in rows {
        findings.check(cells.asks().any(|ask| ask == row), || format!("nobody asks {row} any more: {advice}"));
    }
    for ask in cells.asks() {
        let Some(row) = page.lines().find_map(|line| line.strip_prefix(&format!("| {ask} |"))) else {
            findings.check(left_out.contains(&format!("`{ask}`")), || format!("{ask} has no row: {advice}"));
            continue;
        };
        // Which call fails how may differ by machine, with the length of the kernel's texts; what comes out may not.
        for error in ERRORS {
            let seen: String = letters(&cells.of(ask, error)).collect();
            let is_there = !cells.is_answered(ask) || seen.chars().all(|letter| row.contains(letter));
            findings.check(is_there, || format!("{ask}, {error}: {seen}, and the page has{row}: {advice}"));
        }
    }
}

fn page(cells: &Cells) -> String {
    let [kernels, ours, in_part, before, _] = cells.sums();
    let (all, width) = (kernels + ours + in_part + before, ERRORS.len());
    let mut text =
        format!("{HEAD}Of {all} failures, the program saw the kernel's answer after {kernels}, ours after\n");
    let _ = write!(text, "{ours}, in part after {in_part}, and as before after {before}.\n\n");
    let _ = writeln!(text, "| | {} |\n|---|{}", ERRORS.join(" | "), "---|".repeat(width));
    for ask in cells.asks().filter(|ask| cells.is_answered(ask)) {
        let cell = |error: &&str| letters(&cells.of(ask, error)).map(String::from).collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "| {ask} | {} |", ERRORS.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
    let left_out: Vec<_> = cells.asks().filter(|ask| !cells.is_answered(ask)).map(|ask| format!("`{ask}`")).collect();
    if !left_out.is_empty() {
        let _ = writeln!(text, "\n{LEFT_OUT}{}.", left_out.join(", "));
    }
    text
}

const HEAD: &str = "\
# What programs see if a system call of ours fails

`CGPROC_RENEW=1 cargo test --locked --test injection` writes this page; none of it is written by hand. For each thing
that a program may ask, a run counts the system calls that the object makes for it. Then each of them fails in turn, with
each error: once alone, and once with all that follow. `short`: a read gives half of what there is, a write takes half of
what it is given. The tracer tells the object's calls from the program's by the address of the instruction, and nothing
lists them (tests/probes/inject.c). `tests/run injection` plays every fourth failure, and fails if something comes out
for an ask that its row does not have.

The world stands still meanwhile: cgroups of either version, /proc and /sys are made for the test, so answers are
compared byte for byte. In each run, errno must be untouched by a success, no descriptor may be left, and the program
must go on. `lseek`, `pread` and `rewind` reread a file after its figures have changed.

| | |
|---|---|
| k | the kernel's own answer |
| o | ours |
| p | in part: each figure is the kernel's or ours, or ours as it is where that file does not exist. A figure that cannot be read affects only what needs it, so that a sandbox that hides one file does not lose the rest. A directory's entries are judged one by one |
| b | as before: the descriptor keeps what it had, because nothing could be put in its place. If no call works from the middle of rewriting it on, the rest of the figures are those from before |

The kernel cannot refuse to close a descriptor or to shorten a file in memory, so these two calls do their work, whatever
they report. glibc ran with cgroups of both versions, musl with version 2.

";
