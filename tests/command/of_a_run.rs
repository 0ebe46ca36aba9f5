//! Requests about a `cgproc run`, by its number, concern its program, and names chosen by others lead nowhere.

use crate::{
    bed,
    harness::{cgproc, out, printed, tempfile, waiting},
};
use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
};

#[test]
fn the_view_of_a_run_is_its_programs() {
    for supervised in ["--static=never", "--static", "--pidns"] {
        let (program, _) = waiting(&[supervised, "--memory", "77M"]);
        let pid = program.pid().to_string();
        let shown = printed(&cgproc(&["show", "--pid", &pid, "meminfo"]).output().expect("cgproc"));
        assert_eq!(bed::figure(&shown, "MemTotal:"), Some(77 << 10), "{supervised}");
        let file = format!("/proc/{pid}/cgroup");
        let shown = printed(&cgproc(&["show", "--cgroup", &file, "meminfo"]).output().expect("cgproc"));
        assert_eq!(bed::figure(&shown, "MemTotal:"), Some(77 << 10), "{supervised}: {file}");
        let run = ["run", "--static=never", "--pid", &pid, "--", "head", "-n", "1", "/proc/meminfo"];
        let text = printed(&cgproc(&run).output().expect("cgproc"));
        assert_eq!(bed::figure(&text, "MemTotal:"), Some(77 << 10), "{supervised}");
    }
}

#[test]
fn what_a_variable_names_is_looked_at_first() {
    let home = tempfile();
    let (cgroup, secret) = (home.join("cgroup"), home.join("secret"));
    fs::create_dir_all(&cgroup).expect("a directory");
    fs::write(&secret, "roots own text\n").expect("written");
    fs::write(cgroup.join("cgroup.procs"), "").expect("written");
    fs::hard_link(&secret, cgroup.join("cpu.pressure")).expect("another name");
    symlink(&secret, cgroup.join("memory.pressure")).expect("a link");
    bed::sh(&format!("mkfifo {0}/io.pressure {0}/memory.max {0}/board", cgroup.display()));
    let outputs = ["cpu", "memory", "io"].map(|name| format!("/proc/pressure/{name}")).map(|file| {
        let mut command = std::process::Command::new("timeout");
        command.args(["-k", "2", "60"]).arg(bed::command()).args(["show", &file]);
        command.env("CGPROC_CGROUP", &cgroup).env("CGPROC_BOARD", cgroup.join("board"));
        command.env_remove("LD_PRELOAD").output().expect("cgproc")
    });
    let mut explain = std::process::Command::new("timeout");
    explain.args(["-k", "2", "60"]).arg(bed::command()).args(["explain", "memory"]).env("CGPROC_CGROUP", &cgroup);
    let explained = explain.env_remove("LD_PRELOAD").output().expect("cgproc");
    fs::remove_dir_all(&home).expect("removed");
    for output in outputs {
        assert!(output.status.success() && out(&output).starts_with("some avg10="), "{output:?}");
    }
    assert!(explained.status.success(), "{explained:?}");
}

#[test]
fn what_a_run_writes_is_in_no_strangers_directory() {
    let home = std::path::PathBuf::from(format!("/dev/shm/cgproc-test-{}", std::process::id()));
    fs::create_dir(&home).expect("a directory");
    let board_of = |owner: u32, mode: u32| {
        chown(&home, Some(owner), Some(owner)).expect("given away");
        fs::set_permissions(&home, fs::Permissions::from_mode(mode)).expect("a mode");
        let mut command = cgproc(&["run", "--static=never", "--memory", "64M", "--", "sh", "-c", "echo $CGPROC_BOARD"]);
        let output =
            command.env("CGPROC_BOARD", "/no/such/board").env("XDG_RUNTIME_DIR", &home).output().expect("cgproc");
        let board = printed(&output);
        assert!(board.ends_with("/board\n") && board.contains("/cgproc-run-"), "{board}");
        board.starts_with(home.to_str().expect("UTF-8"))
    };
    let taken = [(0, 0o700), (12345, 0o700), (0, 0o777), (0, 0o755)].map(|(owner, mode)| board_of(owner, mode));
    fs::remove_dir_all(&home).expect("removed");
    assert_eq!(taken, [true, false, false, false]);
}

/// The path of the board that root's run exports, if these words of a shell start it in its own mount namespace. There,
/// /mnt has a directory that is root's alone, and another user's directory with a link to it.
fn board_by_a_strangers_link(words: &str) -> String {
    let script = format!(
        "set -e; mount -t tmpfs -o mode=755 none /mnt; mkdir -m 700 /mnt/roots /mnt/strangers; \
         ln -s ../roots /mnt/strangers/link; chown -R -h 12345:12345 /mnt/strangers; {words} \"$@\""
    );
    let run = ["run", "--static=never", "--memory", "64M", "--", "sh", "-c", "echo $CGPROC_BOARD"];
    let mut command = std::process::Command::new("unshare");
    command.args(["-m", "sh", "-c", &script, "sh"]).arg(bed::command()).args(run);
    command.env("CGPROC_OBJECT", bed::object()).env_remove("LD_PRELOAD").env_remove("XDG_RUNTIME_DIR");
    printed(&command.env("CGPROC_BOARD", "/no/such/board").output().expect("unshare"))
}

#[test]
fn what_a_run_exports_leads_through_no_link_of_a_strangers() {
    let runtime = board_by_a_strangers_link("XDG_RUNTIME_DIR=/mnt/strangers/link");
    assert!(runtime.starts_with("/mnt/roots/cgproc-run-"), "{runtime}");
    // If there is no other place in memory.
    let temporary = "mount -t tmpfs -o ro none /dev/shm; TMPDIR=/mnt/strangers/link";
    let temporary = board_by_a_strangers_link(temporary);
    assert!(temporary.starts_with("/mnt/roots/cgproc-run-"), "{temporary}");
}
