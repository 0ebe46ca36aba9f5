//! `cgproc sampler --check`: a probe that passes where a sampler publishes, and otherwise says why not.

use crate::{
    bed,
    doctor::{board, header},
    harness::{Started, err, kill, out, tempfile, until},
};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn checked(board: &Path) -> Output {
    let mut command = Command::new(bed::command());
    command.args(["sampler", "--check", "--board"]).arg(board).env_remove("LD_PRELOAD").env_remove("CGPROC_BOARD");
    command.output().expect("cgproc")
}

/// A check that fails, with one line that has these words and the board's path.
fn fails(board: &Path, words: &str) {
    let output = checked(board);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(1), ""), "{words}: {output:?}");
    let why = err(&output);
    assert!(why.starts_with(&format!("cgproc: {}: ", board.display())) && why.lines().count() == 1, "{why}");
    assert!(why.contains(words), "{words}: {why}");
}

#[test]
fn it_passes_while_a_sampler_publishes() {
    let directory = Path::new("/dev/shm").join(tempfile().file_name().expect("a name"));
    let path = directory.join("board");
    fs::create_dir(&directory).expect("a directory");
    fails(&path, "there is none");
    let mut sampler = Started::new(Command::new(bed::command()).args(["sampler", "--board"]).arg(&path));
    until("the check passes", || checked(&path).status.success());
    let output = checked(&path);
    assert_eq!((out(&output), err(&output)), (String::new(), String::new()));
    kill(sampler.pid(), libc::SIGTERM);
    assert!(sampler.ended().success());
    fails(&path, "the sampler has ended");
    fs::remove_dir_all(&directory).expect("removed");
}

#[test]
fn it_fails_where_readers_do_not_believe_the_board() {
    let well = board(header(0));
    assert!(checked(well.0.as_path()).status.success());
    // Killed an hour ago, so that it could not say that it ended.
    fails(board(header(3600)).0.as_path(), "the board was last written 36");
    let mut other = header(0);
    other.words_mut()[2] = 99;
    fails(board(other).0.as_path(), "version 99");
    let open = board(header(0));
    open.mode(0o666);
    fails(open.0.as_path(), "mode 666");
    let foreign = board(header(0));
    std::os::unix::fs::chown(&foreign.0, Some(1000), None).expect("another owner");
    fails(foreign.0.as_path(), "it belongs to user 1000");
    let link = tempfile();
    std::os::unix::fs::symlink(&well.0, &link).expect("a link");
    fails(&link, "symbolic link");
    fs::remove_file(&link).expect("removed");
    fails(Path::new("/dev/zero"), "not a regular file");
    fails(Path::new("/nowhere/board"), "there is none");
}

#[test]
fn it_is_no_sampler_as_well() {
    for option in [&["--once"][..], &["--disk"], &["--interval", "1"]] {
        let output = Command::new(bed::command()).args(["sampler", "--check"]).args(option).output().expect("cgproc");
        assert_eq!(output.status.code(), Some(125), "{option:?}: {output:?}");
    }
}
