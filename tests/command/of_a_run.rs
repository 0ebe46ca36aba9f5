//! What is asked of a `cgproc run` by its number is asked of its program, and what others name leads nowhere.

use crate::bed;
use crate::harness::{cgproc, out, printed, tempfile, waiting};
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn the_view_of_a_run_is_its_programs() {
    for supervised in ["--static=never", "--static"] {
        let (program, _) = waiting(&[supervised, "--memory", "77M"]);
        let pid = program.pid().to_string();
        let shown = printed(&cgproc(&["show", "--pid", &pid, "meminfo"]).output().expect("cgproc"));
        assert_eq!(bed::figure(&shown, "MemTotal:"), Some(77 << 10), "{supervised}");
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
