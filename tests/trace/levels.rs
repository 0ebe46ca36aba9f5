//! Both levels, each alone, and what the program notices of either: nothing.

use crate::{
    bed,
    harness::{Public, Started, cgproc, err, out},
    program::{LIMITS, busybox, compiled, until_no_heir_is_left},
    traced::lines,
};
use std::{
    fs,
    io::Write as _,
    process::{Command, Output, Stdio},
};

fn trace(program: &[&str]) -> Output {
    cgproc(&[&["trace"], &LIMITS[..], &["--"], program].concat()).output().expect("cgproc")
}

/// A directory with the object alone.
fn without_witness() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::copy(bed::object(), directory.path().join("libcgproc.so")).expect("a copy");
    directory
}

#[test]
fn a_missing_witness_is_told() {
    let directory = without_witness();
    let object = directory.path().join("libcgproc.so");
    let mut command = cgproc(&[&["trace"], &LIMITS[..], &["--", "free", "-k"]].concat());
    let output = command.env("CGPROC_OBJECT", &object).output().expect("cgproc");
    let text = err(&output);
    let first = text.lines().next().expect("a line");
    assert!(
        first.contains("calls of libc's functions are not seen: there is no libcgproc_witness.so beside"),
        "{text}"
    );
    // The level below sees it all the same, and the program gets its answer.
    assert!(text.contains("] openat by libc /proc/meminfo: the container's, memory.total 300.0 MiB"), "{text}");
    assert!(out(&output).contains(" 307200 "), "{}", out(&output));
}

#[test]
fn refused_supervision_is_told() {
    let mut command = Command::new(compiled("filter"));
    command.arg("forbids").arg(bed::command()).arg("trace").args(LIMITS).args(["--", "free", "-k"]);
    let output = command.env("CGPROC_OBJECT", bed::object()).env_remove("LD_PRELOAD").output().expect("filter");
    let text = err(&output);
    assert!(text.contains("system calls are not seen: the kernel, or a sandbox around us, refuses"), "{text}");
    // If the program has already ended, its cgroup is not known any more.
    assert!(text.contains("/proc/meminfo: the container's, memory.total "), "{text}");
}

#[test]
fn within_another_run_the_witness_sees_alone() {
    let command = bed::command().display().to_string();
    let inner = [&["run", "--static"], &LIMITS[..], &["--", &command, "trace", "--", "free", "-k"]].concat();
    let output = cgproc(&inner).output().expect("cgproc");
    let text = err(&output);
    assert!(text.contains("system calls are not seen: a cgproc run around this one supervises already"), "{text}");
    assert!(text.contains("/proc/meminfo: the container's, memory.total "), "{text}");
}

#[test]
fn the_programs_end_and_output_are_its_own() {
    let output = trace(&["sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((output.status.code(), &*out(&output)), (Some(7), "out\n"));
    assert!(err(&output).lines().any(|line| line == "err"), "{}", err(&output));
    let killed = trace(&["sh", "-c", "kill -TERM $$"]);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&killed.status), Some(libc::SIGTERM));
    assert!(err(&killed).contains("asked"), "it is summed up all the same: {}", err(&killed));
    let missing = trace(&["/no/such/program"]);
    assert_eq!(missing.status.code(), Some(127), "{missing:?}");
}

#[test]
fn a_file_gets_all_of_it() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let to = file.path().to_str().expect("a path");
    let output = cgproc(&["trace", "-o", to, "--", "nproc"]).output().expect("cgproc");
    assert_eq!(err(&output), "");
    let text = fs::read_to_string(&file).expect("what was written");
    assert!(text.lines().last().is_some_and(|line| line.starts_with("nproc asked ")), "{text}");
    let output = cgproc(&["trace", "-o", "/no/such/directory/file", "--", "nproc"]).output().expect("cgproc");
    assert_eq!((output.status.code(), &*out(&output)), (Some(125), ""), "nothing is started");
}

#[test]
fn other_users_programs_are_traced_too() {
    // Where other users find the libraries.
    let public = Public::new();
    let witness = bed::object().with_file_name("libcgproc_witness.so");
    assert!(Command::new("install").arg("-m755").arg(witness).arg(&public.0).status().expect("install").success());
    let file = tempfile::NamedTempFile::new().expect("a file");
    let to = file.path().to_str().expect("a path");
    let below = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", "cat", "/proc/meminfo"];
    let mut command = cgproc(&[&["trace", "--json", "-o", to], &LIMITS[..], &["--"], &below].concat());
    let output = command.env("CGPROC_OBJECT", public.0.join("libcgproc.so")).output();
    let lines = lines(file.path());
    let is_it =
        |it: &&serde_json::Value| it["event"] == "asked" && it["comm"] == "cat" && it["asked"] == "/proc/meminfo";
    let cat = lines.iter().find(is_it).unwrap_or_else(|| panic!("{output:?} {lines:?}"));
    assert_eq!((&cat["from"], &cat["door"]["kind"]), (&"container".into(), &"function".into()), "{cat}");
}

#[test]
fn a_daemon_that_stays_is_left_in_peace() {
    // It asks once the trace is over, past libc, and is answered.
    let ask = format!("exec {} cat /proc/meminfo >&4", busybox());
    let script = format!("exec 3<&0 4>&1; (read -r word <&3; {ask}) 2>/dev/null & echo started");
    let mut command = cgproc(&["trace", "-o", "/dev/null", "--", "sh", "-c", &script]);
    command.env("CGPROC_MEMORY", "300M").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut run = Started::new(&mut command);
    assert_eq!(run.line(), "started");
    // Waiting would close it.
    let mut stdin = run.0.stdin.take().expect("a pipe");
    assert!(run.ended().success());
    stdin.write_all(b"\n").expect("written");
    assert!(run.line().ends_with(" 307200 kB"));
    drop(run);
    until_no_heir_is_left();
}
