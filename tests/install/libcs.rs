//! Roots with musl, with both C libraries, without a shell, and without a C library.

use crate::{
    bed,
    harness::{LIBRARY, Root, Scratch, privately},
};

const MUSL: &str = "/lib/ld-musl-x86_64.so.1";

/// The variable that musl's users are told to set.
fn variable() -> String {
    format!("LD_PRELOAD={LIBRARY}")
}

/// The probe of tests/runtimes.rs: it prints what it sees, one line for each way of asking.
fn put_musl(root: &Root) {
    root.put_program(std::path::Path::new(MUSL), MUSL);
    root.put_program(&bed::programs().join("runtime-musl"), "/app/probe-musl");
}

/// What the probe prints.
fn seen(root: &Root, variables: &str, program: &str) -> String {
    let text = root.contained_with(variables, program).text;
    assert!(text.contains("\nsysinfo "), "{program}: {text}");
    text
}

/// Whether it saw the container, not the machine.
fn is_right(seen: &str) -> bool {
    seen.contains("\nsysinfo 524288\n") && seen.contains("\nget_nprocs 1\n")
}

/// The version that its C library reports.
fn version(seen: &str) -> &str {
    seen.lines().find_map(|line| line.strip_prefix("libc ")).expect("a line of the library")
}

#[test]
fn musl_is_told_of_the_variable() {
    privately(|| {
        let root = Root::bare();
        put_musl(&root);
        let printed = root.done(&[]);
        assert!(printed.contains("/app/probe-musl (loader /lib/ld-musl-x86_64.so.1)"), "{printed}");
        assert!(printed.contains(&format!("ENV LD_PRELOAD={LIBRARY} in a Dockerfile")), "{printed}");
        assert!(root.has(LIBRARY) && root.has("/etc/cgproc.conf"), "{printed}");
        assert!(!root.has("/etc/ld.so.preload"), "{printed}");
        assert!(!is_right(&seen(&root, "", "/app/probe-musl /scratch")));
        let told = bed::sh(&format!("chroot {} {MUSL} 2>&1", root.top().display()));
        let version = told.lines().find_map(|line| line.strip_prefix("Version ")).expect("a version").to_owned();
        let is_right = is_right(&seen(&root, &variable(), "/app/probe-musl /scratch"));
        bed::note_reach(
            "install",
            "musl",
            &format!("musl {version}"),
            "the named variable",
            if is_right { "yes" } else { "no" },
        );
        assert!(is_right);
        let installed = root.state();
        root.done(&[]);
        root.is_as(&installed, "a second installation");
        root.done(&["--uninstall"]);
        assert!(!root.has(LIBRARY) && !root.has("/etc/cgproc.conf"));
    });
}

#[test]
fn of_both_libcs_each_is_served() {
    privately(|| {
        let root = Root::over("debian-12");
        put_musl(&root);
        let printed = root.done(&[]);
        for loader in [MUSL, "/lib64/ld-linux-x86-64.so.2"] {
            assert!(printed.contains(&format!("(loader {loader})")), "{printed}");
        }
        assert!(printed.contains("programs that use musl need a variable"), "{printed}");
        assert_eq!(root.text("/etc/ld.so.preload"), format!("{LIBRARY}\n"));
        assert_eq!(root.contained("/usr/bin/env -i /usr/bin/nproc").text.trim(), "1");
        assert!(is_right(&seen(&root, &variable(), "/app/probe-musl /tmp/scratch")));
    });
}

#[test]
fn no_shell_is_needed() {
    privately(|| {
        let root = Root::of_one_program("debian-13");
        let printed = root.done(&[]);
        assert!(printed.contains("/app/probe (loader /lib64/ld-linux-x86-64.so.2)"), "{printed}");
        let seen = seen(&root, "", "/app/probe /scratch");
        let is_right = is_right(&seen);
        bed::note_reach(
            "install",
            "no shell",
            &format!("glibc {}", version(&seen)),
            "its only program",
            if is_right { "yes" } else { "no" },
        );
        assert!(is_right);
    });
}

#[test]
fn a_program_elsewhere_can_be_named() {
    privately(|| {
        let root = Root::bare();
        root.put_program(std::path::Path::new(MUSL), MUSL);
        root.put_program(&bed::programs().join("runtime-musl"), "/srv/far/away");
        let why = root.refused(&[]);
        assert!(why.contains("no dynamic program in the usual directories: name one with --program"), "{why}");
        assert!(root.done(&["--program", "/srv/far/away"]).contains("/srv/far/away (loader"));
        let why = root.refused(&["--program", "/etc/cgproc.conf"]);
        assert!(why.contains("/etc/cgproc.conf of ") && why.contains("not a dynamic 64-bit program"), "{why}");
    });
}

#[test]
fn programs_for_32_bits_are_mentioned() {
    privately(|| {
        let root = Root::over("debian-12");
        let mut loader = std::fs::read("/bin/ls").expect("a program");
        (loader[4], loader[18]) = (1, 3);
        root.put_program(&Scratch::file("ld-linux.so.2", &loader).0, "/usr/lib/ld-linux.so.2");
        let printed = root.done(&[]);
        assert!(printed.contains("32-bit programs (/lib/ld-linux.so.2) see the machine"), "{printed}");
    });
}
