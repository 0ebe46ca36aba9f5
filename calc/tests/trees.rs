//! Recorded trees: the files of a container, and beside them the answer to each file.
//!
//! `tests/trees/NAME/` holds `proc/…` and `sys/…` as some kernel gave them (see its README), `directories` with the
//! inode numbers and link counts that a repository cannot keep, `asked` with what differs from the caller's own view,
//! and `expect/` with the answers. `UPDATE=1 cargo test` rewrites those; read the difference before you keep it.

mod tree;

use std::{
    fs,
    path::{Path, PathBuf},
};
use tree::{ANSWERS, Tree};

/// The least buffer that the figures must do with, an odd one, and the largest that is lent.
const BUFFERS: [usize; 3] = [512, 709, 2048];

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
        for answer in ANSWERS {
            let text = tree.answer(answer, BUFFERS[2]).unwrap_or_else(|| "(the kernel's own)\n".into());
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
fn the_size_of_the_buffer_makes_no_difference() {
    for tree in trees() {
        for answer in ANSWERS.into_iter().filter(|answer| *answer != "calls") {
            let [first, rest @ ..] = BUFFERS.map(|size| tree.answer(answer, size));
            for other in rest {
                assert_eq!(first, other, "{} of {}", answer, tree.folder.display());
            }
        }
    }
}

#[test]
fn a_readme_tells_where_each_tree_comes_from() {
    for tree in trees() {
        let readme = fs::read_to_string(tree.folder.join("README.md")).unwrap_or_default();
        assert!(readme.len() > 80, "{} has no README.md", tree.folder.display());
    }
}
