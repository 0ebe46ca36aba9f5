//! Docker in Docker: each container sees its own limits.

use crate::{
    bed::{self, Findings, Version},
    harness::{Bed, Library, PRELOAD},
    probe::{Figures, MEMORY_KIB, Row, quota_usec},
};

#[test]
fn containers_in_containers_see_themselves() {
    // On version 2 an engine needs a cgroup tree of its own.
    let namespaces = if bed::version() == Version::V1 { &["private", "host"][..] } else { &["private"] };
    let mut findings = Findings::default();
    for namespace in namespaces {
        judge(&mut findings, namespace);
    }
    findings.conclude("nested");
}

fn judge(findings: &mut Findings, namespace: &str) {
    let private = Bed { userland: "debian-12", library: Library::Environment };
    let quota_usec = outer_quota_usec();
    let quota = quota_usec.to_string();
    let scripts = ["probe outer; dockerd --version", "probe inner; env -u LD_PRELOAD probe bare"];
    let words = ["docker", "-e", PRELOAD, &nested(), namespace, &quota, scripts[0], scripts[1]];
    let said = private.says(&words);
    let version = said.0.lines().find_map(|line| line.strip_prefix("Docker version ")?.split(',').next());
    let version = version.expect("its version");
    let shown = |quota_usec: u32| u64::from(quota_usec.div_ceil(100_000));
    let outer = Figures { memory_kib: 2 * MEMORY_KIB, cpus: shown(quota_usec) };
    let inner = Figures { memory_kib: MEMORY_KIB, cpus: shown(quota_usec / 2) };
    for (name, figures) in [("outer", outer), ("inner", inner)] {
        let row = Row { runtime: &format!("docker in docker, {namespace} cgroup namespace: the {name}"), version };
        said.shows_container(findings, &row, name, figures);
        said.is(findings, name, &[("namespace", namespace)]);
    }
    said.shows_machine(findings, "bare", inner);
}

/// The quota in which the inner engine works: as large as possible, but not the machine's number of CPUs.
fn outer_quota_usec() -> u32 {
    if bed::host().cpus > 3 { 300_000 } else { quota_usec() }
}

fn nested() -> String {
    bed::repository("tests/bed/nested").display().to_string()
}
