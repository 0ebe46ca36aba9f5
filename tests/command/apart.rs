//! `cgproc run --pidns`: a pid namespace of its own, for root and for ordinary users. Statuses, signals and terminals
//! are in signals.rs.

use crate::{
    bed,
    harness::{Public, Started, cgproc, err, kill, out, printed, run, until},
};
use std::{
    fs,
    process::{Command, Stdio},
};

/// Prints the processes there, how many are shells, and the uptime in whole seconds.
const LOOK: &str = "all=$(ps -e -o comm=); echo $all; pgrep -c sh; cut -d. -f1 /proc/uptime";

/// On a machine that was just booted, nobody could tell its uptime from a program's.
fn on_an_old_machine() {
    until("the machine's uptime", || bed::host().uptime_sec >= 10);
}

fn check(text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let mut names: Vec<&str> = lines[0].split_whitespace().collect();
    names.sort_unstable();
    assert_eq!((names, lines[1]), (vec!["cgproc-init", "ps", "sh"], "1"), "{text}");
    let uptime: u64 = lines[2].parse().expect("seconds");
    assert!(uptime + 1 < bed::host().uptime_sec, "the uptime is the program's, not {uptime}");
}

#[test]
fn the_program_sees_only_what_it_starts() {
    on_an_old_machine();
    check(&printed(&run(&["--pidns", "--memory", "64M"], LOOK)));
    check(&printed(&run(&["--pidns", "--static", "--memory", "64M"], LOOK)));
    let text = printed(&run(&["--pidns"], "ps -e -o comm= | wc -l"));
    assert_eq!(text.trim(), "4", "without limits too");
}

#[test]
fn ordinary_users_have_it_too() {
    on_an_old_machine();
    let public = Public::new();
    let output = public.unprivileged(&["--pidns", "--memory", "64M"], LOOK).output().expect("setpriv");
    assert!(output.status.success() && err(&output).contains("shown, not enforced"), "{}", err(&output));
    check(&out(&output));
    // Their supervisor would be in the namespace as well.
    let refused = public.unprivileged(&["--pidns", "--static"], "echo ran").output().expect("setpriv");
    assert_eq!((refused.status.code(), out(&refused).as_str()), (Some(125), ""));
    assert!(err(&refused).contains("with --pidns, only root's can be supervised"), "{}", err(&refused));
}

#[test]
fn it_ends_with_the_program() {
    let script = "setsid sleep 600 & readlink /proc/self/ns/pid; exit 6";
    let output = run(&["--pidns", "--memory", "64M"], script);
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(6), ""), "no process is left");
    assert!(!namespaces().contains(&out(&output).trim().to_owned()), "{}", out(&output));
}

/// The pid namespaces of all processes.
fn namespaces() -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let links = entries.filter_map(|entry| fs::read_link(entry.path().join("ns/pid")).ok());
    links.map(|link| link.display().to_string()).collect()
}

#[test]
fn it_outlives_a_command_that_is_killed_but_not_the_program() {
    let mut command =
        cgproc(&["run", "--pidns", "-m", "64M", "sh", "-c", "readlink /proc/self/ns/pid; read x; echo over"]);
    let mut program = Started::new(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let namespace = program.line();
    kill(program.pid(), libc::SIGKILL);
    program.0.wait().expect("its status");
    assert!(namespaces().contains(&namespace));
    drop(program.0.stdin.take());
    assert_eq!(program.line(), "over");
    until("the namespace's end", || !namespaces().contains(&namespace));
}

#[test]
fn where_none_can_be_made_it_says_so() {
    let public = Public::new();
    // A user namespace that allows no others, and no rights in it.
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && \
                  exec setpriv --inh-caps=-all --bounding-set=-all \"$0\" run --pidns -- echo ran";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", script]).arg(public.0.join("cgproc"));
    let output = command.env_remove("CGPROC_OBJECT").env_remove("LD_PRELOAD").output().expect("unshare");
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(125), ""), "{}", err(&output));
    assert!(err(&output).starts_with("cgproc: --pidns: no right to make a pid namespace"), "{}", err(&output));
}
