//! Recorded trees: a container's files, and next to them the expected answer for each.
//!
//! `tests/trees/NAME/` holds `proc/…` and `sys/…` as a kernel gave them (see its README), `directories` with the inode
//! numbers and link counts that a repository cannot keep, `asked` with deviations from the caller's own view and the
//! paths of further files, and `expect/` with the answers. `UPDATE=1 cargo test --locked` rewrites the answers; read
//! the difference before you keep it.

mod tree;

use std::{
    fs,
    path::{Path, PathBuf},
};
use tree::Tree;

fn trees() -> Vec<Tree> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/trees");
    let entries = fs::read_dir(folder).expect("tests/trees is in the repository");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 10, "the recorded trees are missing: {folders:?}");
    folders.into_iter().map(Tree::open).collect()
}

#[test]
fn every_tree_gives_the_answers_beside_it() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for tree in trees() {
        for answer in tree.answers() {
            let text = tree.answer(answer).unwrap_or_else(|| "(the kernel's own)\n".into());
            let path = tree.folder.join("expect").join(answer);
            if update {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &text).unwrap();
            }
            let expected = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            if text != expected {
                wrong.push(format!("{}\n--- expected\n{expected}+++ is\n{text}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_nodes_that_are_asked_for_add_up_to_the_machine() {
    let kib = |text: &str, key: &str| -> u64 {
        let values = text
            .lines()
            .filter_map(|line| line.split_once(':').filter(|(name, _)| name.rsplit(' ').next() == Some(key)));
        values.map(|(_, value)| value.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap()).sum()
    };
    let with_nodes = trees().into_iter().filter(|tree| tree.asks_for("/meminfo"));
    let added_up = with_nodes.map(|tree| {
        let answer = |name| tree.answer(name).unwrap();
        for (key, key_of_node) in [("MemTotal", "MemTotal"), ("MemFree", "MemFree"), ("Cached", "FilePages")] {
            let machine = kib(&answer("meminfo"), key);
            let nodes = kib(&answer("files"), key_of_node);
            assert!(machine > 0 && machine == nodes, "{key} of {}: {machine}, {nodes}", tree.folder.display());
        }
    });
    assert!(added_up.count() >= 4);
}

#[test]
fn a_readme_tells_where_each_tree_comes_from() {
    for tree in trees() {
        let readme = fs::read_to_string(tree.folder.join("README.md")).unwrap_or_default();
        assert!(readme.len() > 80, "{} has no README.md", tree.folder.display());
    }
}
