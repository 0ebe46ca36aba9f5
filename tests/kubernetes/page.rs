//! docs/kubernetes.md: what it names exists.

use crate::bed;
use std::fs;

#[test]
fn every_file_that_the_page_names_exists() {
    let page = fs::read_to_string(bed::repository("docs/kubernetes.md")).expect("the page");
    let is_part = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let named = |start: &str| -> Vec<String> {
        let word = |(at, _): (usize, &str)| page[at..].split(|c| !is_part(c)).next().unwrap_or_default().to_owned();
        page.match_indices(start).map(word).collect()
    };
    let mut files = named("examples/");
    files.extend(page.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', '#']).next()?;
        (!target.is_empty() && !target.contains("://")).then(|| format!("docs/{target}"))
    }));
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        let path = bed::repository(file.trim_end_matches('.'));
        assert!(path.exists(), "{file}");
    }
    // And each example is on the page.
    for entry in fs::read_dir(bed::repository("examples/kubernetes")).expect("the examples") {
        let name = format!("examples/kubernetes/{}", entry.expect("an entry").file_name().to_string_lossy());
        assert!(page.contains(&name), "{name}");
    }
}
