//! Filters that were there before, and kernels that will not: said plainly, or done without.

use crate::{
    bed,
    harness::{cgproc, err, out},
    program::{KIB, LIMITS, busybox, compiled, machines_kib},
};
use std::process::{Command, Output};

/// `cgproc run` below a filter that was there before.
fn below(filter: &str, when: &[&str]) -> Output {
    let mut command = Command::new(compiled("filter"));
    command.arg(filter).arg(bed::command()).arg("run").args(when).args(LIMITS).arg("--");
    command.args([&busybox(), "awk", "/^MemTotal:/ {print $2}", "/proc/meminfo"]);
    command.env("CGPROC_OBJECT", bed::object()).env_remove("LD_PRELOAD").output().expect("filter")
}

#[test]
fn below_a_sandbox_that_allows_it() {
    let output = below("allows", &["--static"]);
    assert_eq!((out(&output).trim(), &*err(&output)), (&*KIB.to_string(), ""));
}

#[test]
fn below_a_sandbox_that_does_not() {
    for (filter, reason) in [("forbids", "a sandbox around us, refuses"), ("listens", "another supervisor")] {
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
fn the_words_are_checked() {
    let output = cgproc(&["run", "--static=sometimes", "true"]).output().expect("cgproc");
    assert_eq!(output.status.code(), Some(125));
    assert!(err(&output).contains("always, auto, never"), "{}", err(&output));
}
