//! What a sampler with an owner's rights leaves alone, and who cannot stop it.

use crate::{
    bed,
    boards::{Sampler, published_usec, sampler},
    processes::{Place, Started, now_usec, until},
};
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
    path::Path,
    process::Command,
};

/// A sampler must refuse the board at `path`, given by option or variable, with these words.
fn is_refused(path: &Path, words: &str) {
    let by_option = sampler(path, &["--once"]);
    let mut by_variable = Command::new(bed::command());
    by_variable.args(["sampler", "--once"]).env("CGPROC_BOARD", path);
    for (way, mut command) in [("--board", by_option), ("CGPROC_BOARD", by_variable)] {
        let output = command.output().expect("cgproc");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("{way}: {}", said.trim());
        assert_eq!(output.status.code(), Some(125), "{way}: {said}");
        let directory = path.parent().expect("a directory").to_string_lossy();
        assert!(said.contains(words) && said.contains(&*directory), "{way}: {said}");
    }
}

/// The file at a path, and the names in its directory.
fn state(path: &Path) -> (u64, u32, i64, Option<Vec<u8>>, Vec<std::ffi::OsString>) {
    let it = fs::symlink_metadata(path).expect("what was there");
    let contents = it.is_file().then(|| fs::read(path).expect("a file"));
    let entries = fs::read_dir(path.parent().expect("a directory")).expect("its names");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("a name").file_name()).collect();
    names.sort();
    (it.ino(), it.mode(), it.mtime_nsec(), contents, names)
}

#[test]
fn what_is_no_board_is_not_replaced() {
    let place = Place::new();
    let kinds: [fn(&Path); 6] = [
        |path| fs::write(path, "what I must not forget\n").expect("notes"),
        |path| fs::write(path, "").expect("an empty file"),
        |path| fs::write(path, [b"        cgprocb?".as_slice(), &[0; 9000]].concat()).expect("nearly a board"),
        |path| symlink("elsewhere", path).expect("a link"),
        |path| assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success()),
        |path| fs::create_dir(path).expect("a directory"),
    ];
    for (index, make) in kinds.into_iter().enumerate() {
        let path = place.file(&format!("notes-{index}.txt"));
        make(&path);
        let before = state(&path);
        is_refused(&path, "not a board");
        assert_eq!(state(&path), before);
    }
    // A board is replaced, also one from another version.
    for _ in 0..2 {
        assert!(sampler(&place.board(), &["--once"]).status().expect("cgproc").success());
    }
}

#[test]
fn a_directory_that_is_not_in_memory_stays_empty() {
    let home = std::env::temp_dir().join(format!("cgproc-test-disk-{}", std::process::id()));
    fs::create_dir(&home).expect("a directory");
    let kind = bed::sh(&format!("stat -fc %T {}", home.display()));
    assert_ne!(kind.trim(), "tmpfs", "{} is no place for this test", home.display());
    for below in ["board", "deeper/still/board"] {
        is_refused(&home.join(below), "mount a tmpfs");
        assert_eq!(fs::read_dir(&home).expect("it").count(), 0, "{below}");
    }
    fs::remove_dir(&home).expect("still empty");
}

/// A user who may read the board can lock it in two ways, and waits for the chance; the next sampler publishes all the
/// same.
#[test]
fn a_readers_lock_does_not_stop_the_next_start() {
    let place = Place::new();
    let sampler = Sampler::start(&place, &[]);
    let script = format!(
        "import fcntl, os\n\
         file = open('{0}', 'rb')\n\
         open('{1}', 'w').close()\n\
         fcntl.lockf(file, fcntl.LOCK_SH)\n\
         fcntl.flock(file, fcntl.LOCK_SH)\n\
         open('{2}', 'w').close()\n\
         os.read(0, 1)",
        place.board().display(),
        place.file("open/waits").display(),
        place.file("open/holds").display(),
    );
    fs::create_dir(place.file("open")).expect("a directory");
    bed::sh(&format!("chmod 1777 {}", place.file("open").display()));
    let mut stranger = Command::new("setpriv");
    stranger.args([
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "--inh-caps=-all",
        "/usr/bin/python3",
        "-c",
    ]);
    let _stranger = Started(stranger.arg(script).stdin(std::process::Stdio::piped()).spawn().expect("python3"));
    until("a stranger waits", || place.file("open/waits").exists());
    sampler.end(libc::SIGKILL);
    until("the stranger has the locks", || place.file("open/holds").exists());
    let begun = now_usec();
    let next = Sampler::start(&place, &[]);
    until("the next one publishes", || published_usec(&place.board()).is_some_and(|moment| moment > begun));
    assert!(next.end(libc::SIGTERM).success());
}

/// Any user may mount at a name that contains arbitrary bytes.
#[test]
fn a_mount_whose_name_is_no_text() {
    let place = Place::new();
    let script = format!(
        "mount --make-rprivate / && cd {} && point=$(printf 'b\\377\\376') && mkdir \"$point\" && \
         mount -t tmpfs tmpfs \"$point\" && exec {} sampler --once --board {}",
        place.file("").display(),
        bed::command().display(),
        place.board().display(),
    );
    let output = Command::new("unshare").args(["-m", "sh", "-c", &script]).output().expect("unshare");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(published_usec(&place.board()).is_some());
}
