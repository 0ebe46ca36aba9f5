//! The calls themselves: every form is answered, every refusal is the kernel's, none is lost.

use crate::{
    bed,
    harness::{Started, cgproc, until},
    program::{KIB, LIMITS, compiled, static_programs, told},
};
use std::{fs, process::Command, process::Stdio};

#[test]
fn files_by_all_their_names() {
    for (runtime, program) in static_programs() {
        let text = told(&LIMITS, &[&program, "forms"]);
        assert_eq!(text.lines().count(), 7, "{runtime}: {text}");
        for line in text.lines() {
            assert!(line.ends_with(&format!(" {KIB}")), "{runtime}: {line}");
        }
    }
}

#[test]
fn refusals_are_the_kernels() {
    for (runtime, program) in static_programs() {
        let native = Command::new(&program).arg("refuses").output().expect(runtime);
        let native = String::from_utf8_lossy(&native.stdout);
        assert!(native.lines().count() == 10 && native.contains("full EMFILE"), "{native}");
        assert_eq!(told(&LIMITS, &[&program, "refuses"]), native, "{runtime}");
    }
}

#[test]
fn a_file_that_is_kept_open_is_told_anew() {
    for (runtime, program) in static_programs() {
        assert_eq!(told(&LIMITS, &[&program, "keeps"]), "lseek tells\npread tells\n", "{runtime}");
    }
}

#[test]
fn threads_at_once_lose_nothing() {
    let opens = if bed::host().is_uml { 100 } else { 2000 };
    for (runtime, program) in static_programs() {
        let text = told(&LIMITS, &[&program, "threads", "16", &opens.to_string()]);
        assert_eq!(text, format!("right {}\n", 16 * opens), "{runtime}");
    }
}

#[test]
fn a_thousand_processes_lose_nothing_and_leak_nothing() {
    // A call takes that kernel 16 times as long.
    let [processes, opens] = if bed::host().is_uml { ["100", "100"] } else { ["1000", "1000"] };
    let mut command = cgproc(&["run", "--memory", "300M", "--", &compiled("past-glibc"), "forks", processes, opens]);
    let mut run = Started::new(command.stdout(Stdio::piped()));
    let descriptors = |pid: i32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    // The files that it composes from are open for a moment each.
    let least = |pid| (0..50).map(|_| descriptors(pid)).filter(|count| *count > 0).min().unwrap_or(0);
    until("the first processes", || fs::read_dir(format!("/proc/{}/task", run.pid())).map_or(0, Iterator::count) > 1);
    let before = least(run.pid());
    let first = run.line();
    assert_eq!(first, format!("right {processes}"));
    assert_eq!(run.line(), "more 0");
    let after = least(run.pid());
    assert!(after <= before, "{before} descriptors at first, {after} at last");
    assert!(run.ended().success());
}

#[test]
fn a_timer_disturbs_nothing() {
    let opens = if bed::host().is_uml { "300" } else { "10000" };
    for (runtime, program) in static_programs() {
        assert_eq!(told(&LIMITS, &[&program, "signals", opens]), format!("right {opens}\n"), "{runtime}");
    }
}

#[test]
fn programs_of_both_kinds_in_one_tree() {
    // The library answers in those that have it, also what they keep open; the others are answered from outside.
    let script = format!(
        "free -k | awk '/^Mem:/ {{print $2}}'; {0} forms | tail -n 1; exec {1} sh -c 'python3 -c \"\n\
         import os\n\
         f = open(\\\"/proc/meminfo\\\")\n\
         print(f.readline().split()[1], os.cpu_count())\n\
         f.seek(0)\n\
         print(f.readline().split()[1], os.readlink(\\\"/proc/self/fd/%d\\\" % f.fileno()))\"'",
        compiled("past-musl"),
        crate::program::busybox()
    );
    let text = told(&[&["--static"], &LIMITS[..]].concat(), &["sh", "-c", &script]);
    let expected = format!("{KIB}\nupwards {KIB}\n{KIB} 1\n{KIB} /memfd:/proc/meminfo (deleted)\n");
    assert_eq!(text, expected);
}
