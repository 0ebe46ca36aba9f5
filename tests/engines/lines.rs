//! The lines of docs/engines.md, which the tests run as they stand there.

use crate::bed;

/// The line by which `engine` gives the view to one container.
pub(crate) fn documented(engine: &str) -> String {
    let path = bed::repository("docs/engines.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let row = text.lines().find_map(|line| line.strip_prefix(&format!("| {engine} | `")));
    let row = row.unwrap_or_else(|| panic!("{}: no line for {engine}", path.display()));
    row.split('`').next().expect("a line").to_owned()
}
