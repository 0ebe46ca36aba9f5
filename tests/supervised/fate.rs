//! Statuses, signals, who dies before whom: a supervised program fares as if it ran alone.

use crate::{
    bed,
    harness::{Started, cgproc, kill, out, read, run, tempfile, until},
    program::{KIB, LIMITS, busybox, compiled, told, until_no_heir_is_left},
};
use std::{fs, os::unix::process::ExitStatusExt as _, process::Stdio};

fn always() -> Vec<&'static str> {
    [&["--static"], &LIMITS[..]].concat()
}

#[test]
fn the_programs_status_is_the_commands() {
    for code in [0, 1, 7, 125, 255] {
        assert_eq!(run(&always(), &format!("exit {code}")).status.code(), Some(code));
    }
    for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGSEGV] {
        assert_eq!(run(&always(), &format!("kill -{signal} $$")).status.signal(), Some(signal));
    }
    let missing = cgproc(&["run", "--static", "/no/such/program"]).output().expect("cgproc");
    assert_eq!(missing.status.code(), Some(127), "{missing:?}");
    let text = cgproc(&["run", "--static", "/etc/passwd"]).output().expect("cgproc");
    assert_eq!(text.status.code(), Some(126), "{text:?}");
    until_no_heir_is_left();
}

#[test]
fn signals_reach_it() {
    let script = "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.02; done";
    let busybox = busybox();
    let arguments = [&["run"], &always()[..], &["--", &busybox, "sh", "-c", script]].concat();
    let mut program = Started::new(cgproc(&arguments).stdout(Stdio::piped()));
    assert_eq!(program.line(), "ready");
    kill(program.pid(), libc::SIGTERM);
    assert_eq!(program.line(), "got");
    assert_eq!(program.ended().code(), Some(9));
}

#[test]
fn it_goes_on_when_the_command_is_killed() {
    let file = tempfile();
    let output = tempfile();
    let mut command = cgproc(&["run", "--static", "--memory", "300M", "--", &compiled("past-glibc"), "waits"]);
    let stdout = fs::File::create(&output).expect("a file");
    let mut killed = Started::new(command.arg(&file).stdout(stdout));
    until("the program", || read(&output) == "ready");
    kill(killed.pid(), libc::SIGKILL);
    assert_eq!(killed.ended().signal(), Some(libc::SIGKILL));
    fs::write(&file, "").expect("written");
    until("the program's end", || read(&output).contains("total"));
    assert_eq!(read(&output), format!("ready\nfailed 0\ntotal {KIB}"));
    until_no_heir_is_left();
    for path in [file, output] {
        fs::remove_file(path).expect("removed");
    }
}

#[test]
fn daemons_may_outlive_the_program() {
    let output = tempfile();
    let script = format!(
        "({0} sleep 1; {0} awk '/^MemTotal:/ {{print $2}}' /proc/meminfo >{1}.new; mv {1}.new {1}) >/dev/null 2>&1 & exit 3",
        busybox(),
        output.display()
    );
    let ended = run(&always(), &script);
    assert_eq!(ended.status.code(), Some(3));
    assert!(!output.exists(), "the daemon is still to come");
    until("the daemon", || output.exists());
    assert_eq!(read(&output), KIB.to_string());
    fs::remove_file(&output).expect("removed");
    until_no_heir_is_left();
}

#[test]
fn nobody_waits_for_who_supervises_on() {
    // A pipe's end that is held would keep its reader waiting for as long as the daemon lives.
    let script = "sleep 30 >/dev/null 2>&1 </dev/null & echo $!";
    let output = run(&always(), script);
    kill(out(&output).trim().parse().expect("a pid"), libc::SIGTERM);
    until_no_heir_is_left();
}

#[test]
fn a_run_within_a_run() {
    let object = bed::object();
    let inner = format!(
        "CGPROC_OBJECT={} {} run --static --memory 100M -- {} awk '/^MemTotal:/ {{print $2}}' /proc/meminfo",
        object.display(),
        bed::command().display(),
        busybox()
    );
    let output = run(&always(), &inner);
    assert_eq!((out(&output).trim(), output.status.code()), ("102400", Some(0)), "{output:?}");
    until_no_heir_is_left();
}

#[test]
fn a_static_program_is_known_by_itself() {
    let total = |program: &[&str]| told(&LIMITS, program).trim().to_owned();
    let awk = ["awk", "/^MemTotal:/ {print $2}", "/proc/meminfo"];
    let own = KIB.to_string();
    assert_eq!(total(&[&[&*busybox()], &awk[..]].concat()), own, "static");
    let script = tempfile();
    fs::write(&script, format!("#!{} sh\n{} awk '/^MemTotal:/ {{print $2}}' /proc/meminfo\n", busybox(), busybox()))
        .expect("written");
    bed::sh(&format!("chmod +x {}", script.display()));
    assert_eq!(total(&[&script.display().to_string()]), own, "by its interpreter");
    fs::remove_file(&script).expect("removed");
    // By libc: the library answers, and no system call is handed on.
    assert!(told(&LIMITS, &["grep", "^Seccomp:", "/proc/self/status"]).ends_with("\t0\n"));
}
