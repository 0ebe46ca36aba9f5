//! Ways in which programs lose a container's environment. `/etc/ld.so.preload` reaches them, `LD_PRELOAD` does not.
//! Some of them are programs that change their user.

use crate::{
    bed::Findings,
    harness::{Bed, Library, PRELOAD},
    oci::version,
    probe::{Row, Said, limited, machine, quota_usec},
};

/// Name, package whose version is reported, title in the table.
const WAYS: [(&str, &str, &str); 5] = [
    ("su", "login", "su - user -c"),
    ("env-i", "coreutils", "env -i"),
    ("sudo", "sudo", "sudo"),
    ("ssh", "openssh-server", "ssh login"),
    ("cron", "cron", "cron"),
];

fn logins(library: Library, environment: &str) -> Said {
    let bed = Bed { userland: "system", library };
    let quota = quota_usec().to_string();
    bed.says(&["oci", "-s", "-q", &quota, "-e", environment, "--", "logins"])
}

#[test]
fn logins_see_the_container_by_the_file() {
    let said = logins(Library::File, "NONE=");
    let mut findings = Findings::default();
    for (name, package, title) in WAYS {
        let version = said.value("version", package).expect("its version");
        let row = Row { runtime: &format!("{title}, by the file"), version };
        said.shows_container(&mut findings, &row, name, limited());
    }
    said.is(&mut findings, "su", &[("user", "1000")]);
    said.is(&mut findings, "ssh", &[("user", "1000")]);
    said.is(&mut findings, "cron", &[("user", "1000")]);
    said.is(&mut findings, "sudo", &[("user", "0")]);
    setuid_programs(&mut findings, &said);
    findings.conclude("logins, by the file");
}

#[test]
fn logins_lose_the_variable() {
    let said = logins(Library::Environment, PRELOAD);
    let mut findings = Findings::default();
    for (name, ..) in WAYS {
        said.shows_machine(&mut findings, name, limited());
    }
    let row = Row { runtime: "runc, many capabilities, writable root", version: &version("runc") };
    said.shows_container(&mut findings, &row, "container", limited());
    findings.conclude("logins, by the variable");
}

/// What glibc's loader accepts in secure-execution mode: any path from the file; from the variable no path at all, only
/// the name of a library in a standard directory that itself has the set-user-ID bit.
fn setuid_programs(findings: &mut Findings, said: &Said) {
    let [shown, machines] = [limited().cpus, machine().cpus].map(|cpus| cpus.to_string());
    for (how, expected) in [
        ("file", &*shown),
        ("elsewhere", &shown),
        ("marked", &shown),
        ("none", &machines),
        ("path", &machines),
        ("name", &machines),
        // Without secure-execution mode, the loader would print the auxiliary vector.
        ("secure", "1"),
    ] {
        said.is(findings, "setuid", &[(how, expected)]);
    }
    let plain = said.value("setuid", "plain");
    findings.check(plain.is_some_and(|lines| lines != "1"), || format!("LD_SHOW_AUXV: {plain:?} lines"));
}
