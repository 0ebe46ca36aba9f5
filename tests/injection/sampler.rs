//! The sampler has made its board, or says what it could not do.

use crate::{
    bed::{self, Findings},
    command::{Traced, fault_of_refusal},
};
use std::{fs, process::Output};

#[test]
fn the_sampler_samples_or_says_what_failed() {
    // A board lies in memory.
    let directory = tempfile::Builder::new().prefix("cgproc-").tempdir_in("/dev/shm").expect("a directory");
    let board = directory.path().join("board");
    let (command, path) = (bed::command().display().to_string(), board.display().to_string());
    let words = [&command, "sampler", "--once", "--board", &path];
    let traced = Traced { before: Vec::new(), command: words.map(str::to_owned).to_vec() };
    let mut findings = Findings::default();
    traced.fail_in_turn(&mut findings, |output: &Output| {
        let is_there = fs::remove_file(&board).is_ok();
        if output.status.success() { (!is_there).then(|| "no board".to_owned()) } else { fault_of_refusal(output) }
    });
    findings.conclude("the sampler");
}
