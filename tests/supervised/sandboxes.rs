//! Filters installed beforehand, and kernels that refuse: reported plainly, or the program runs without supervision.

use crate::{
    bed,
    harness::{cgproc, err, out},
    program::{KIB, LIMITS, busybox, compiled, machines_kib},
};
use std::process::{Command, Output};

/// `cgproc run` under a filter installed beforehand.
fn below(filter: &str, when: &[&str]) -> Output {
    let mut command = Command::new(compiled("filter"));
    command.arg(filter).arg(bed::command()).arg("run").args(when).args(LIMITS).arg("--");
    command.args([&busybox(), "awk", "/^MemTotal:/ {print $2}", "/proc/meminfo"]);
    command.env("CGPROC_OBJECT", bed::object()).env_remove("LD_PRELOAD").output().expect("filter")
}

#[test]
fn below_a_sandbox_that_allows_it() {
    // Some sandboxes also lack the call by which the heir closes all open files at once.
    for filter in ["allows", "closes"] {
        let output = below(filter, &["--static"]);
        assert_eq!((out(&output).trim(), &*err(&output)), (&*KIB.to_string(), ""), "{filter}");
    }
}

#[test]
fn below_a_sandbox_that_does_not() {
    let filters = [
        ("forbids", "a sandbox around us, refuses"),
        ("listens", "another supervisor"),
        ("withholds", "older than 5.9"),
    ];
    for (filter, reason) in filters {
        let output = below(filter, &["--static"]);
        assert_eq!(output.status.code(), Some(125), "{filter}: {output:?}");
        let message = err(&output);
        assert!(message.contains(reason) && message.contains("--static=auto"), "{filter}: {message}");
        assert_eq!(out(&output), "", "{filter}: the program was not started");

        for when in [&["--static=auto"][..], &[]] {
            let output = below(filter, when);
            assert_eq!(output.status.code(), Some(0), "{filter}: {output:?}");
            assert_eq!(out(&output).trim(), machines_kib().to_string());
            let message = err(&output);
            assert!(message.contains(reason) && message.contains("sees the machine's figures"), "{filter}: {message}");
        }
        assert_eq!(
            (&*err(&below(filter, &["--static=never"])), below(filter, &["--static=never"]).status.code()),
            ("", Some(0))
        );
    }
}

#[test]
fn where_no_thread_can_be_had() {
    // One process too few: the run ends, supervised or not, and the status is the program's own either way.
    let public = crate::harness::Public::new();
    for most in 1..12 {
        let run = format!(
            "timeout {} prlimit --nproc={most} {}/cgproc run -- {} true",
            bed::PATIENCE_SEC,
            public.0.display(),
            busybox()
        );
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "54321", "--regid", "54321", "--clear-groups", "--inh-caps=-all", "sh", "-c", &run]);
        let output = command.env_remove("CGPROC_OBJECT").output().expect("setpriv");
        assert!([Some(0), Some(126), Some(125)].contains(&output.status.code()), "{most}: {output:?}");
    }
}

#[test]
fn who_is_not_supervised_keeps_all_privileges() {
    // The filter needs no_new_privs, and is refused all the same.
    let public = crate::harness::Public::new();
    for name in ["filter", "past-glibc"] {
        std::fs::copy(compiled(name), public.0.join(name)).expect("a copy");
    }
    let run = format!(
        "{0}/filter listens {0}/cgproc run -- {1} grep NoNewPrivs /proc/self/status",
        public.0.display(),
        busybox()
    );
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "sh", "-c", &run]);
    let with = out(&command.env_remove("CGPROC_OBJECT").output().expect("setpriv"));
    // The launcher sets it on itself.
    assert_eq!(with, "NoNewPrivs:\t1\n");
    let alone =
        format!("{0}/cgproc run --static=auto -- {1} grep NoNewPrivs /proc/self/status", public.0.display(), busybox());
    // With so few descriptors that supervision has none for its pipes. How few depends on what is open here.
    let outputs = (6..40).map(|few| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "sh", "-c"]);
        command.arg(format!("ulimit -n {few}; {alone}")).env_remove("CGPROC_OBJECT").output().expect("setpriv")
    });
    let done: Vec<Output> = outputs.filter(|output| output.status.success()).collect();
    let (with, without): (Vec<_>, Vec<_>) = done.iter().partition(|output| err(output).is_empty());
    assert!(!with.is_empty() && !without.is_empty(), "{done:?}");
    assert!(with.iter().all(|output| out(output) == "NoNewPrivs:\t1\n"), "{with:?}");
    for output in without {
        assert_eq!(out(output), "NoNewPrivs:\t0\n", "{output:?}");
        assert!(err(output).contains("sees the machine's figures: "), "{output:?}");
    }
}

#[test]
fn the_words_are_checked() {
    let output = cgproc(&["run", "--static=sometimes", "true"]).output().expect("cgproc");
    assert_eq!(output.status.code(), Some(125));
    assert!(err(&output).contains("always, auto, never"), "{}", err(&output));
}
