//! The links of the documents: each leads to a file of the repository, and to a heading that this file has.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The documents below a directory.
fn documents(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let is_ours = name != "target" && !name.as_encoded_bytes().starts_with(b".");
        if is_ours && entry.file_type().unwrap().is_dir() {
            found.extend(documents(&path));
        } else if path.extension().is_some_and(|it| it == "md") {
            found.push(path);
        }
    }
    found
}

/// The targets of the links in a text. Code is left out: it may contain anything.
fn links(text: &str) -> Vec<&str> {
    let outside_code = text.split("```").step_by(2).flat_map(|part| part.split('`').step_by(2));
    // The text of a link may end in code, and its target follows.
    outside_code
        .flat_map(|part| part.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|it| it.0)
        .collect()
}

/// The names by which the headings of a document are linked to.
fn headings(text: &str) -> Vec<String> {
    let name = |heading: &str| -> String {
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    let prose = text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n");
    prose.lines().filter(|line| line.starts_with('#')).map(|line| name(line.trim_start_matches('#'))).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let (mut broken, mut count) = (Vec::new(), 0);
    for document in documents(&repository()) {
        let text = fs::read_to_string(&document).unwrap();
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            count += 1;
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { document.clone() } else { document.with_file_name("").join(path) };
            let is_right = match fs::read_to_string(&target) {
                Ok(text) => heading.is_empty() || headings(&text).iter().any(|it| it == heading),
                Err(_) => heading.is_empty() && target.is_dir(),
            };
            if !is_right {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(count > 50, "{count} links");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn links_and_headings_are_found() {
    assert_eq!(links("a [b](c.md#d), `[x](y)` and\n[`e`](f/)\n```\n[g](h)\n```\n[i](#j)"), ["c.md#d", "f/", "#j"]);
    let text = "# One: `two`, (three)\ntext\n```sh\n# no\n```\n## Four-five six\n";
    assert_eq!(headings(text), ["one-two-three", "four-five-six"]);
}
