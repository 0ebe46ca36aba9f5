//! docs/museum.md: its table is whole, each test that it names exists, and it names each of this ring's.

use crate::bed::{self, Findings};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// An incident, with the tests that hold it.
struct Row {
    cells: Vec<String>,
    /// As `RING:TEST`.
    tests: Vec<(String, String)>,
}

/// The rows of the page's table.
fn rows() -> Vec<Row> {
    let page = fs::read_to_string(bed::repository("docs/museum.md")).expect("the page");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.skip(1).map(|row| row.split(" | ").map(str::to_owned).collect());
    rows.map(|cells: Vec<String>| Row { tests: named(cells.last().expect("a cell")), cells }).collect()
}

/// The tests between backticks.
fn named(cell: &str) -> Vec<(String, String)> {
    let quoted = cell.split('`').skip(1).step_by(2).filter_map(|text| text.split_once(':'));
    quoted.map(|(ring, test)| (ring.to_owned(), test.to_owned())).collect()
}

/// Every Rust file of a ring; for `unit`, those of the command.
fn files(ring: &str) -> Vec<PathBuf> {
    if ring == "unit" {
        return below(&bed::repository("src"));
    }
    let top = bed::repository(&format!("tests/{ring}.rs"));
    [vec![top.clone()], below(&top.with_extension(""))].concat()
}

fn below(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

/// The names of the tests in these files.
fn tests(files: &[PathBuf]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "rs")) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let after = text.split("#[test]").skip(1).filter_map(|rest| rest.trim_start().strip_prefix("fn "));
        names.extend(after.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
    }
    names
}

#[test]
fn every_incident_of_the_page_has_its_test() {
    let (rows, mut findings) = (rows(), Findings::default());
    assert!(rows.len() >= 15, "{} incidents", rows.len());
    for row in &rows {
        let what = &row.cells[0];
        let is_dated = row.cells.get(1).is_some_and(|whom| (1990..2100).any(|year| whom.contains(&year.to_string())));
        findings.check(row.cells.len() == 4 && is_dated, || format!("{what}: whom did it befall, and when?"));
        findings.check(!row.tests.is_empty(), || format!("{what}: no test"));
        for (ring, test) in &row.tests {
            findings.check(tests(&files(ring)).contains(test), || format!("{what}: there is no {ring}:{test}"));
        }
    }
    let named: BTreeSet<_> = rows.iter().flat_map(|row| &row.tests).filter(|(ring, _)| ring == "museum").collect();
    let own = files("museum").into_iter().filter(|file| !file.ends_with("museum/page.rs")).collect::<Vec<_>>();
    for test in tests(&own) {
        findings.check(named.iter().any(|(_, it)| *it == test), || format!("the page does not name museum:{test}"));
    }
    findings.conclude("incidents");
}
