//! Podman, with either runtime.

use crate::{
    bed::Findings,
    harness::{Bed, Library, PRELOAD, probed, side_by_side},
    probe::{Row, limited, quota_usec},
};

/// A container: its name, the runtime, options of `podman run`, and the kind of container that it must be.
struct Case {
    name: &'static str,
    runtime: &'static str,
    options: &'static str,
    facts: &'static [(&'static str, &'static str)],
}

const CASES: [Case; 4] = [
    Case {
        name: "private-cgroup-namespace",
        runtime: "runc",
        options: "--cgroupns private",
        facts: &[("namespace", "private"), ("seccomp", "2")],
    },
    Case {
        name: "host-cgroup-namespace",
        runtime: "runc",
        options: "--cgroupns host",
        facts: &[("namespace", "host"), ("seccomp", "2")],
    },
    Case {
        name: "user-namespace",
        runtime: "runc",
        options: "--uidmap 0:100000:65536 --gidmap 0:100000:65536 --cgroupns private",
        facts: &[("mapped", "100000"), ("namespace", "private")],
    },
    Case {
        name: "crun-user-1000-no-capabilities-read-only",
        runtime: "crun",
        options: "--user 1000:1000 --cap-drop all --read-only --security-opt no-new-privileges --cgroupns private",
        facts: &[("user", "1000"), ("root", "ro"), ("no-new-privileges", "1"), ("capabilities", "0000000000000000")],
    },
];

#[test]
fn podman_containers_see_themselves() {
    let quota = quota_usec();
    let run = format!(
        "podman run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 --cgroup-parent /$CGROUP \
         --memory 512m --cpu-period 100000 --cpu-quota {quota}"
    );
    let container = |case: &Case| format!("env RUNTIME={} {run} {} base", case.runtime, case.options);
    let containers = CASES.iter().map(|case| (case.name, probed(case.name, &container(case))));
    let script =
        "echo version podman $(podman version --format '{{.Client.Version}}')\n".to_owned() + &side_by_side(containers);
    let private = Bed { userland: "debian-12", library: Library::Environment };
    let said = private.says(&["podman", "-e", PRELOAD, "bash", "-euc", &script]);
    let version = said.value("version", "podman").expect("its version");
    let mut findings = Findings::default();
    for case in CASES {
        let row = Row { runtime: &format!("podman, {}", case.name.replace('-', " ")), version };
        said.is(&mut findings, case.name, case.facts);
        said.shows_container(&mut findings, &row, case.name, limited());
        said.shows_machine(&mut findings, &format!("bare-{}", case.name), limited());
    }
    findings.conclude("podman");
}
