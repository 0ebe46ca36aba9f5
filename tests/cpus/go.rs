//! Go from 1.25 on goes by the quota itself, and takes at least 2 CPUs: a mask cut to one would take one of them away.

use crate::{
    bed::{self, Findings},
    harness::{cgproc, printed},
    root::root,
};

/// What a program sees under `cgproc run --static --cpus 1`, started by these words.
fn seen(variables: &[(&str, &str)], options: &[&str], program: &str) -> String {
    let arguments = [&["run", "--static", "--cpus", "1"], options, &["--", program]].concat();
    printed(&cgproc(&arguments).envs(variables.iter().copied()).output().expect("cgproc")).trim().to_owned()
}

#[test]
fn a_mask_keeps_the_two_that_go_takes() {
    bed::log_machine();
    assert!(bed::host().cpus > 1, "one CPU shows nothing");
    let new = |name: &str| root().join("opt/counts").join(name).display().to_string();
    let old = |name: &str| bed::programs().join(name).display().to_string();
    let two = "own=2 NumCPU=2 cpuinfo=1 stat=1 online=1";
    let one = "own=1 NumCPU=1 cpuinfo=1 stat=1 online=1";
    let switch = |value| [("GODEBUG", value)];
    let mut findings = Findings::default();
    for (what, program, variables, options, expected) in [
        ("static", new("static"), &[][..], &[][..], two),
        ("with libc", new("libc"), &[], &[], two),
        ("for an older one", new("old-module"), &[], &[], one),
        ("for an older one, switched on", new("old-module"), &switch("containermaxprocs=1"), &[], two),
        ("switched off", new("static"), &switch("gctrace=0,containermaxprocs=0"), &[], one),
        ("of one CPU", new("static"), &[], &["--cpuset", "1"], one),
        ("of a declared CPU", new("static"), &[("CGPROC_CPUS", "1")], &[], one),
        ("before 1.25", old("counts-go"), &[], &[], one),
        ("before 1.25, with libc", old("counts-go-libc"), &[], &[], one),
    ] {
        let seen = seen(variables, options, &program);
        findings.check(seen == expected, || format!("{what}: {seen:?}, expected {expected:?}"));
    }
    findings.conclude("go");
}
