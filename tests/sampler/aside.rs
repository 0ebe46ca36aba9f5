//! The file that becomes the board: a reader who locks it as soon as possible cannot stop a start.

use crate::{
    boards::sampler,
    processes::{Place, Started, until},
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
};

/// Takes a read lock on whatever appears in a directory, and keeps it.
const LOCK_ALL: &str = "
import fcntl, os, sys
held = set()
while True:
    for name in os.listdir(sys.argv[1]):
        path = os.path.join(sys.argv[1], name)
        try:
            if os.lstat(path).st_ino in held:
                continue
            file = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            held.add(os.fstat(file).st_ino)
            open(sys.argv[2], 'w').close()
        except OSError:
            os.close(file)
";

/// A user who has neither the sampler's rights nor its user ID.
fn stranger(directory: &Path, holds: &Path) -> Started {
    let mut python = Command::new("setpriv");
    python.args(["--reuid", "12345", "--regid", "12345", "--clear-groups", "--inh-caps=-all"]);
    Started::quietly(python.args(["/usr/bin/python3", "-c", LOCK_ALL]).arg(directory).arg(holds))
}

#[test]
fn who_locks_whatever_is_new_stops_no_start() {
    let place = Place::new();
    let (home, open) = (place.file("boards"), place.file("open"));
    for (directory, mode) in [(&home, 0o755), (&open, 0o1777)] {
        fs::create_dir(directory)
            .and_then(|()| fs::set_permissions(directory, Permissions::from_mode(mode)))
            .expect("it");
    }
    let board = home.join("board");
    let _stranger = stranger(&home, &open.join("holds"));
    for start in 0..20 {
        let once = sampler(&board, &["--once"]);
        let mut strace = Command::new("strace");
        // Long enough for anybody to be there first.
        strace.args(["-f", "-qq", "-e", "trace=fcntl", "-e", "inject=fcntl:delay_enter=10000", "-o", "/dev/null"]);
        let output = strace.arg(once.get_program()).args(once.get_args()).output().expect("strace");
        assert!(output.status.success(), "start {start}: {}", String::from_utf8_lossy(&output.stderr));
        until("the stranger has locked a board", || open.join("holds").exists());
        let names = fs::read_dir(&home).expect("it").map(|entry| entry.expect("a name").file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["board"]);
    }
}
