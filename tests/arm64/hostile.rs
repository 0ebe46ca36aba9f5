//! Programs in bad circumstances, as in ring `hostile`: each fares the same with the object and without.
//!
//! Left to that ring: limits on file size (qemu-user itself is killed under them), filters of system calls (qemu-user
//! refuses them), and forks of multi-threaded programs (they may hang in qemu-user even without the object).

use crate::{
    bed::Findings,
    build,
    probes::{self, Case, Libc, Result, SMALL, SMALL_PAGES},
};
use std::path::Path;

/// What a program prints with the object: the kernel's figures, as without it, or the container's instead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    Kernels,
    Containers,
}

use Shows::{Containers, Kernels};

/// A program of `tests/probes` and its arguments.
const TRIALS: [(&str, &[&str], Shows); 11] = [
    ("limits", &["size", "1000000"], Containers),
    ("limits", &["files", "4"], Kernels),
    ("limits", &["files", "5"], Kernels),
    ("limits", &["files", "7"], Kernels),
    ("interrupt", &[], Kernels),
    ("reuse", &[], Kernels),
    ("children", &["vfork"], Containers),
    ("children", &["vfork-first"], Containers),
    ("shared", &[], Kernels),
    ("alike", &[], Kernels),
    ("places", &[], Containers),
];

fn trial(preload: Option<&Path>, program: &Path, arguments: &[&str]) -> Case {
    let line = build::running(preload, program, arguments);
    Case { title: arguments.join(" "), command: format!("PROBE_LIMIT_PAGES={SMALL_PAGES} timeout 400 {line}") }
}

/// Runs each program without the object and with it.
fn run(libc: Libc, programs: &[(&str, &[&str])]) -> Vec<Result> {
    let object = build::object();
    let both = |(name, arguments): &(&str, &[&str])| {
        let program = build::program(libc, &format!("tests/probes/{name}.c"));
        [None, Some(object.as_path())].map(|preload| trial(preload, &program, arguments))
    };
    probes::run(&SMALL, &programs.iter().flat_map(both).collect::<Vec<_>>())
}

#[test]
fn programs_fare_as_without_the_object() {
    let mut findings = Findings::default();
    for libc in Libc::ALL {
        let results = run(libc, &TRIALS.map(|(name, arguments, _)| (name, arguments)));
        for ((name, arguments, shows), pair) in TRIALS.iter().zip(results.chunks(2)) {
            let [native, ours] = pair else { unreachable!("two runs per trial") };
            let title = format!("{name} {} on {libc:?}", arguments.join(" "));
            let expected = match shows {
                Kernels => native.text.clone(),
                Containers => native.text.replace(" kernel", " container"),
            };
            findings.check(*shows == Kernels || native.text != expected, || format!("{title}: shows no figure"));
            findings.check(native.status == 0, || format!("{title}: status {} without the object", native.status));
            findings.check(ours.status == 0 && ours.text == expected, || {
                format!("{title}: status {}\n{}\nexpected:\n{expected}", ours.status, ours.text)
            });
        }
    }
    findings.conclude("on arm64 with the object as without");
}

#[test]
fn no_standard_descriptors() {
    for libc in Libc::ALL {
        let statuses: Vec<_> = run(libc, &[("bare", &[])]).iter().map(|result| result.status).collect();
        assert_eq!(statuses, [4, 3], "{libc:?}: 4: the kernel's figures, 3: the container's, others: a failure");
    }
}
