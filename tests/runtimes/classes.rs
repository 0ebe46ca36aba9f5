//! 32-bit programs in the environment of 64-bit ones: the loader ignores the object, and they run as without it.

use crate::{
    bed::{self, Outcome},
    harness::{KIB, LONGEST_SEC, Row, YES, container, host_kib, program},
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The program's exit status if all went well.
const STATUS: i32 = 7;

/// In each program, glibc says once that it ignores the object, and why.
const REFUSAL: &str = "wrong ELF class: ELFCLASS64";

/// What runs a 32-bit program here, and how: the kernel, or qemu's user mode if the kernel does not run such programs.
fn runner(libraries: &Path) -> (&'static str, String) {
    let loader = libraries.join("lib/i386-linux-gnu/ld-linux.so.2");
    assert!(loader.exists(), "{} is missing: tests/bed/setup libcs", loader.display());
    if Command::new(&loader).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return ("the kernel", String::new());
    }
    ("qemu-i386", "qemu-i386-static ".to_owned())
}

/// A 32-bit C library.
struct Library {
    name: &'static str,
    loader: PathBuf,
    program: &'static str,
    /// What it says about an object of another class.
    says: &'static str,
}

fn libraries(below: &Path) -> [Library; 2] {
    let glibc = below.join("lib/i386-linux-gnu/ld-linux.so.2");
    let musl = below.join("lib/i386-linux-musl/libc.so");
    [
        Library { name: "glibc", loader: glibc, program: "class-glibc", says: "ignored, one line" },
        Library { name: "musl", loader: musl, program: "class-musl", says: "nothing" },
    ]
}

/// What the loaders said about the object.
fn said(text: &str) -> String {
    let complaints = text.lines().filter(|line| line.contains("libcgproc.so")).collect::<Vec<_>>();
    match complaints.as_slice() {
        [] => "nothing".to_owned(),
        [line] if line.contains(REFUSAL) && line.contains("ignored") => "ignored, one line".to_owned(),
        lines => format!("{} lines", lines.len()),
    }
}

fn memory(outcome: &Outcome) -> &'static str {
    let figure = bed::figure(&outcome.text, "MemTotal:");
    if figure == Some(host_kib()) {
        "the machine's"
    } else if figure == Some(KIB) {
        YES
    } else {
        "no"
    }
}

/// Runs the program with the object; its child is a 64-bit program, which prints the container's figure.
fn run(library: &Library, by: &str, preload: Option<&Path>) -> Outcome {
    let script = format!(
        "exec {by}{} --library-path {} {} 'echo child $(free -k)'",
        library.loader.display(),
        library.loader.parent().expect("a directory").display(),
        program(library.program).display(),
    );
    container().run(&script, preload, LONGEST_SEC)
}

/// glibc tells its version to programs; musl prints it when its loader is run, and exits with a failure.
fn version(library: &Library, by: &str, text: &str) -> String {
    let told = text.lines().find_map(|line| line.strip_prefix("libc ")).unwrap_or_default();
    if told != "other" {
        return told.to_owned();
    }
    let told = bed::sh(&format!("{by}{} 2>&1", library.loader.display()));
    told.lines().find_map(|line| line.strip_prefix("Version ")).unwrap_or_default().to_owned()
}

#[test]
fn programs_of_32_bits_are_left_alone() {
    bed::log_machine();
    let object = bed::object();
    let below = bed::cache().join("i386");
    let (runner, by) = runner(&below);
    let mut findings = bed::Findings::default();
    for library in libraries(&below) {
        let with = run(&library, &by, Some(&object));
        let without = run(&library, &by, None);
        println!("{} by {runner}: {}", library.name, with.text.trim().replace('\n', ", "));
        let version = format!("{}, run by {runner}", version(&library, &by, &with.text));
        let mut row = Row { table: "32-bit", runtime: library.name, version: &version, findings: &mut findings };
        row.cell("stderr", &said(&with.text), library.says, || with.text.clone());
        let status = if with.status == Some(STATUS) && without.status == with.status { "unaffected" } else { "no" };
        row.cell("exit status", status, "unaffected", || format!("{:?}: {}", with.status, with.text));
        row.cell("memory", memory(&with), "the machine's", || with.text.clone());
        let child = if with.text.contains(&format!(" Mem: {KIB} ")) { YES } else { "no" };
        row.cell("64-bit child", child, YES, || with.text.clone());
        findings.check(with.text.contains("bits 32\n"), || format!("{}: not 32 bits", library.name));
        findings.check(said(&without.text) == "nothing", || format!("{}: {}", library.name, without.text));
    }
    findings.conclude("32-bit programs");
}
