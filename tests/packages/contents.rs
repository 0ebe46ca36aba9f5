//! What the packages contain, by the tools of those who take them.

use crate::bed;
use crate::harness::{package, packages, succeed, unpacked};
use std::fs;
use std::process::Command;

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
    tree.args(["tree", "--locked", "--workspace", "--edges", "normal,no-proc-macro", "--prefix", "none"]);
    let built = succeed(tree.args(["--format", "{p}"]).current_dir(bed::repository("")));
    let mut count = 0;
    for line in built.lines().filter(|line| !line.is_empty()) {
        let name = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        assert!(listed.lines().any(|it| it == name), "{name} is missing:\n{listed}");
        count += 1;
    }
    assert!(count > 20, "{built}");
}

/// Every file has its checksum, and the library of the packages is the same as that of the archives.
#[test]
fn the_checksums_are_right() {
    let said = succeed(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(packages()));
    let files = fs::read_dir(packages()).expect("the packages").count();
    // All but the list itself.
    assert_eq!(said.lines().filter(|line| line.ends_with(": OK")).count(), files - 1, "{said}");
}
