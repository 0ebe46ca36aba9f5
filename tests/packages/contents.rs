//! What the packages contain, by the tools of those who take them.

use crate::{
    bed,
    form::{Form, Machine},
    harness::{package, packages, succeed, unpacked},
};
use object::elf;
use std::{fs, process::Command};

#[test]
fn lintian_has_nothing_against_the_debs() {
    for end in ["_amd64.deb", "_arm64.deb"] {
        let said =
            succeed(Command::new("lintian").args(["--allow-root", "--fail-on", "error,warning"]).arg(package(end)));
        assert!(!said.contains("unused-override"), "{said}");
    }
}

#[test]
fn rpmlint_has_nothing_against_the_rpms() {
    for end in [".x86_64.rpm", ".aarch64.rpm"] {
        let config = bed::repository("packaging/rpm/rpmlint.toml");
        let said = succeed(Command::new("rpmlint").arg("--config").arg(config).arg(package(end)));
        assert!(said.contains("0 errors, 0 warnings"), "{said}");
    }
}

/// Every command has its page, as the file system has it, and nothing refers to a page that is not there.
#[test]
fn every_program_has_its_page() {
    let files = unpacked(&package("_amd64.deb"));
    let pages = files.path().join("usr/share/man");
    let named =
        succeed(Command::new("bash").args(["-euc", "cd $1 && find . -type f -printf '%f\\n'", "pages"]).arg(&pages));
    for page in ["cgproc.1.gz", "cgproc-run.1.gz", "cgproc-runtime.8.gz", "cgproc.conf.5.gz", "libcgproc.7.gz"] {
        assert!(named.lines().any(|name| name == page), "{page}: {named}");
    }
}

/// A release is built with other flags than the tests' library, which cost programs nothing.
#[test]
fn the_library_is_as_cheap_as_the_tests_have_it() {
    let intel = Machine { number: elf::EM_X86_64, relative: elf::R_X86_64_RELATIVE, most_bytes: 112 * 1024 };
    let arm = Machine { number: elf::EM_AARCH64, relative: elf::R_AARCH64_RELATIVE, most_bytes: 116 * 1024 };
    for (end, machine) in [("_amd64.deb", intel), ("_arm64.deb", arm)] {
        let files = unpacked(&package(end));
        let form = Form::of(&files.path().join("usr/lib/cgproc/libcgproc.so"), machine);
        form.is_small();
        form.is_two_segments_without_thread_storage();
        form.its_relocations_are_relative_and_in_the_writable_segment();
        form.writes_in_one_page();
        form.has_no_path_to_a_panic();
        form.has_only_what_the_oldest_loaders_know();
    }
}

/// The arm64 command is for arm64, and starts there.
#[test]
fn the_other_machines_command_starts() {
    let files = unpacked(&package("_arm64.deb"));
    let qemu = bed::cache().join("arm64/qemu");
    let said = succeed(Command::new(qemu).arg(files.path().join("usr/bin/cgproc")).arg("--version"));
    assert_eq!(said.trim(), concat!("cgproc ", env!("CARGO_PKG_VERSION")));
}

/// The list is as its format wants it, and has every crate that the command and the library are built of.
#[test]
fn the_list_of_crates_is_complete() {
    let path = package(".cdx.json");
    succeed(Command::new(bed::repository("tests/bed/sbom")).arg(&path));
    let listed = succeed(Command::new("jq").args(["-r", ".components[] | .name + \" v\" + .version"]).arg(&path));
    let mut tree = Command::new(env!("CARGO"));
    tree.args([
        "tree",
        "--locked",
        "--workspace",
        "--exclude",
        "cgproc-bench",
        "--exclude",
        "cgproc-fuzz",
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
    ]);
    let built = succeed(tree.args(["--format", "{p}"]).current_dir(bed::repository("")));
    let mut count = 0;
    for line in built.lines().filter(|line| !line.is_empty()) {
        let name = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        assert!(listed.lines().any(|it| it == name), "{name} is missing:\n{listed}");
        count += 1;
    }
    assert!(count > 20, "{built}");
}

/// Every file has its checksum.
#[test]
fn the_checksums_are_right() {
    let said = succeed(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(packages()));
    let files = fs::read_dir(packages()).expect("the packages").count();
    // All but the list itself.
    assert_eq!(said.lines().filter(|line| line.ends_with(": OK")).count(), files - 1, "{said}");
}
