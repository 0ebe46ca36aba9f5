//! systemd as the first process of a container: its services, in cgroups below the container's, see the container.

use crate::{
    bed::Findings,
    harness::{Bed, Library, PRELOAD},
    probe::{Figures, Row, Said, limited, quota_usec},
};

fn boot(library: Library, options: &[&str]) -> Said {
    let bed = Bed { userland: "system", library };
    let quota = quota_usec().to_string();
    bed.says(&[&["system", "-q", &quota], options, &["probes.target"]].concat())
}

/// A service with less memory sees that memory, and the container's CPUs and age.
fn with_less_memory() -> Figures {
    Figures { memory_kib: 256 << 10, ..limited() }
}

fn version(said: &Said) -> &str {
    said.0.lines().find_map(|line| line.strip_prefix("systemd ")).expect("its version")
}

#[test]
fn services_see_the_container_by_the_file() {
    let said = boot(Library::File, &[]);
    let mut findings = Findings::default();
    for (name, title, figures) in [
        ("service", "systemd service", limited()),
        ("unset", "systemd service, UnsetEnvironment=LD_PRELOAD", limited()),
        ("limited", "systemd service, MemoryMax=256M", with_less_memory()),
        ("login", "ssh login by systemd's sshd", limited()),
    ] {
        let row = Row { runtime: &format!("{title}, by the file"), version: version(&said) };
        said.shows_container(&mut findings, &row, name, figures);
    }
    said.is(&mut findings, "login", &[("user", "1000")]);
    findings.conclude("systemd, by the file");
}

#[test]
fn services_see_the_container_by_the_managers_environment() {
    let said = boot(Library::Environment, &["-e", PRELOAD]);
    let mut findings = Findings::default();
    for (name, title, figures) in
        [("service", "systemd service", limited()), ("limited", "systemd service, MemoryMax=256M", with_less_memory())]
    {
        let row = Row { runtime: &format!("{title}, by DefaultEnvironment="), version: version(&said) };
        said.shows_container(&mut findings, &row, name, figures);
    }
    for lost in ["unset", "login"] {
        said.shows_machine(&mut findings, lost, limited());
    }
    findings.conclude("systemd, by the manager's environment");
}

#[test]
fn services_see_the_machine_otherwise() {
    let said = boot(Library::Environment, &[]);
    let mut findings = Findings::default();
    for name in ["service", "unset", "login"] {
        said.shows_machine(&mut findings, name, limited());
    }
    said.shows_machine(&mut findings, "limited", with_less_memory());
    findings.conclude("systemd, without the library");
}
