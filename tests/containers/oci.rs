//! The runtimes below the engines, with the configuration that they propose themselves: a read-only root, three
//! capabilities, no new privileges.

use crate::{
    bed::{self, Container, Findings, PLAIN, Version, View},
    harness::{Bed, Library, PRELOAD, probed, side_by_side},
    probe::{Row, limited, quota_usec},
};

/// A container: its name in the table, options of `tests/bed/oci`, and the kind of container that it must be.
struct Case {
    name: &'static str,
    options: &'static [&'static str],
    facts: &'static [(&'static str, &'static str)],
}

const CASES: [Case; 4] = [
    Case {
        name: "private cgroup namespace",
        options: &["-n", "private"],
        facts: &[("namespace", "private"), ("root", "ro"), ("no-new-privileges", "1"), ("mapped", "0")],
    },
    Case { name: "host cgroup namespace", options: &["-n", "host"], facts: &[("namespace", "host"), ("root", "ro")] },
    Case {
        name: "user namespace",
        options: &["-u"],
        facts: &[("namespace", "private"), ("mapped", "100000"), ("user", "0")],
    },
    Case {
        name: "user namespace, host cgroup namespace",
        options: &["-u", "-n", "host"],
        facts: &[("namespace", "host"), ("mapped", "100000")],
    },
];

#[test]
fn runc_containers_see_themselves() {
    bed::log_machine();
    judge("runc");
}

#[test]
fn crun_containers_see_themselves() {
    judge("crun");
}

/// Made by an unprivileged user, who cannot set limits: the container has those of the cgroup that it is started in.
#[test]
fn rootless_containers_see_their_cgroup() {
    let mut findings = Findings::default();
    for runtime in ["runc", "crun"] {
        let group = Container { quota_usec: Some(quota_usec()), view: View::Raw, ..PLAIN };
        let script = "probe rootless; env -u LD_PRELOAD probe bare";
        let words = ["rootless", "-t", runtime, "-e", PRELOAD, "sh", "-c", script];
        let bed = Bed { userland: "debian-12", library: Library::Environment };
        let said = bed.says_in(group.enter(), &words);
        let row = Row { runtime: &format!("{runtime}, rootless"), version: &version(runtime) };
        said.is(&mut findings, "rootless", &[("mapped", "1000"), ("no-new-privileges", "1")]);
        // runc hides version 2 if it may not mount it: it covers it with a tmpfs (CVE-2023-25809).
        if runtime == "runc" && bed::version() == Version::V2 {
            said.is(&mut findings, "rootless", &[("cgroups", "0")]);
            said.is_out_of_reach(&mut findings, &row, "rootless", limited());
        } else {
            said.shows_container(&mut findings, &row, "rootless", limited());
        }
        said.shows_machine(&mut findings, "bare", limited());
    }
    findings.conclude("rootless");
}

/// The version that the runtime reports.
pub(crate) fn version(runtime: &str) -> String {
    bed::sh(&format!("{runtime} --version | sed -n '1s/.* //p'")).trim().to_owned()
}

/// All containers of a runtime share one userland.
fn judge(runtime: &str) {
    let version = version(runtime);
    let oci = bed::repository("tests/bed/oci").display().to_string();
    let enter =
        |case: &Case| format!("{oci} -t {runtime} -q {} -e {PRELOAD} {} --", quota_usec(), case.options.join(" "));
    let name = |case: &Case| case.name.replace([' ', ','], "-");
    let containers = CASES.iter().map(|case| (name(case), probed(&name(case), &enter(case))));
    let bed = Bed { userland: "debian-12", library: Library::Environment };
    let said = bed.says(&["/bin/bash", "-euc", &side_by_side(containers)]);
    let mut findings = Findings::default();
    for case in &CASES {
        let row = Row { runtime: &format!("{runtime}, {}", case.name), version: &version };
        said.is(&mut findings, &name(case), case.facts);
        said.shows_container(&mut findings, &row, &name(case), limited());
        said.shows_machine(&mut findings, &format!("bare-{}", name(case)), limited());
    }
    findings.conclude(runtime);
}
