//! Userlands of several releases: after the installation every program has the library, whatever its environment.

use crate::{
    bed,
    harness::{LIBRARY, Root, privately, same, sh},
};
use std::fs;

/// A copy of nproc that gains root's rights: its loader ignores the environment.
const SETUID: &str = "/usr/local/bin/setuid-nproc";

/// A command to start in the container, and what it must print there.
const PROBES: [(&str, &str, &str); 7] = [
    ("free, env -i", "/usr/bin/env -i /usr/bin/free -k", "Mem: 524288"),
    ("nproc, env -i", "/usr/bin/env -i /usr/bin/nproc", "1"),
    ("uptime, env -i", "/usr/bin/env -i /usr/bin/uptime", "up 0 min"),
    ("nproc, su -", "/bin/su - -c nproc", "1"),
    ("free, su - -c of another user", "/bin/su - daemon -s /bin/sh -c 'free -k'", "Mem: 524288"),
    ("nproc, start-stop-daemon", "/sbin/start-stop-daemon --start --chuid nobody --exec /usr/bin/nproc", "1"),
    ("nproc, setuid", "/bin/su - daemon -s /bin/sh -c /usr/local/bin/setuid-nproc", "1"),
];

fn installed_in(name: &'static str) {
    privately(move || {
        let root = Root::over(name);
        sh(&format!("install -m4755 {} {}", root.at("/usr/bin/nproc").display(), root.at(SETUID).display()));
        let before = root.state();
        let version = root.libc_version();
        let printed = root.done(&[]);
        for word in ["/bin/sh", "/bin/ls", "put: /usr/lib/libcgproc.so", "put: /etc/ld.so.preload", "/etc/cgproc.conf"]
        {
            assert!(printed.contains(word), "{word}: {printed}");
        }
        assert_eq!(root.text("/etc/ld.so.preload"), format!("{LIBRARY}\n"));
        assert_eq!(fs::read(root.at(LIBRARY)).expect("the library"), fs::read(bed::object()).expect("the object"));
        let is_set = |line: &str| !line.is_empty() && !line.starts_with('#');
        assert_eq!(root.text("/etc/cgproc.conf").lines().filter(|line| is_set(line)).count(), 0);
        seen_in_a_container(&root, name, &version);
        assert_eq!(every_program_starts(&root), Vec::<String>::new());
        changes_nothing_twice(&root);
        root.done(&["--uninstall"]);
        is_uninstalled(&root, &before);
    });
}

fn seen_in_a_container(root: &Root, name: &str, version: &str) {
    let mut findings = bed::Findings::default();
    for (probe, program, expected) in PROBES {
        let outcome = root.contained(program);
        let words = outcome.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_seen = outcome.status == Some(0) && format!(" {words} ").contains(&format!(" {expected}"));
        bed::note_reach("install", name, version, probe, if is_seen { "yes" } else { "no" });
        findings.check(is_seen, || format!("{probe}: {words}"));
    }
    findings.conclude(name);
}

/// Starts every program of the root with its help or version option, and lists those that complain about the library.
fn every_program_starts(root: &Root) -> Vec<String> {
    let programs = bed::sh(&format!("cd {} && find bin/ -type f -perm -100 ! -perm /6000", root.top().display()));
    assert!(programs.lines().count() > 100, "{programs}");
    let complains = |program: &str| {
        let script = format!("timeout 5 chroot {} /{program} --version </dev/null 2>&1", root.top().display());
        let text = bed::sh(&script);
        ["cgproc", "ld.so", "FATAL", "relocation"].iter().any(|word| text.contains(word)).then(|| program.to_owned())
    };
    programs.lines().filter_map(complains).collect()
}

fn changes_nothing_twice(root: &Root) {
    let installed = root.state();
    let printed = root.done(&[]);
    for path in [LIBRARY, "/etc/cgproc.conf", "/etc/ld.so.preload"] {
        assert!(printed.contains(&format!("there already: {path}")), "{printed}");
    }
    root.is_as(&installed, "a second installation");
}

/// Ignores the times of the two directories, and what the started programs have left behind.
fn is_uninstalled(root: &Root, before: &str) {
    let compared = |state: &str| {
        let is_one = |line: &&str| ["./etc d ", "./usr/lib d ", "./tmp"].iter().any(|path| line.starts_with(path));
        state.lines().filter(|line| !is_one(line)).collect::<Vec<_>>().join("\n")
    };
    let after = root.state();
    same(&compared(before), &compared(&after), "something is left of it");
    root.done(&["--uninstall"]);
    root.is_as(&after, "a second removal");
}

#[test]
fn debian_11() {
    installed_in("debian-11");
}

#[test]
fn debian_12() {
    installed_in("debian-12");
}

#[test]
fn debian_13() {
    installed_in("debian-13");
}

#[test]
fn debian_sid() {
    installed_in("debian-sid");
}
