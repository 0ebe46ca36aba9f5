//! The same source makes the same bytes in another directory, on another file system. Tests start in the order of their
//! names, so this one, which takes longest, is the first.

use crate::{
    bed,
    harness::{directory, package, packages, succeed},
};
use std::{fs, path::Path, process::Command};

/// A copy of the source as it is, elsewhere, without what was built from it.
fn copied(to: &Path) {
    let script = "cd \"$1\" && git ls-files -z --cached --others --exclude-standard | \
        tar --create --null --files-from=- --ignore-failed-read | tar --extract --directory \"$2\"";
    succeed(Command::new("bash").args(["-euc", script, "copied"]).args([&bed::repository(""), to]));
}

fn time_of_the_last_commit() -> String {
    let mut git = Command::new("git");
    let time = succeed(git.args(["log", "-1", "--format=%ct"]).current_dir(bed::repository("")));
    time.trim().to_owned()
}

/// Another file system than that of `/tmp`: directories have other sizes there.
const ELSEWHERE: &str = "/dev/shm";

/// For this machine alone: the other one's is built by the same scripts.
#[test]
fn makes_the_same_bytes() {
    let place = directory();
    let temporary =
        tempfile::Builder::new().prefix("cgproc-test-packages-").tempdir_in(ELSEWHERE).expect("a directory");
    let (source, output) = (place.path().join("elsewhere by others"), place.path().join("output"));
    fs::create_dir(&source).expect("a directory");
    copied(&source);
    let mut build = Command::new(source.join("packaging/build"));
    build.args(["amd64", "--output"]).arg(&output).env("SOURCE_DATE_EPOCH", time_of_the_last_commit());
    succeed(build.env("TMPDIR", temporary.path()).env_remove("CARGO_TARGET_DIR"));
    for end in ["_amd64.deb", ".x86_64.rpm", "-linux-amd64.tar.gz", ".cdx.json"] {
        let here = package(end);
        let there = output.join(here.file_name().expect("a name"));
        let same = fs::read(&here).expect("a package") == fs::read(&there).expect("the other package");
        assert!(same, "{} and {} differ", here.display(), there.display());
    }
    // Of the image, the part for this machine: the other one has no second part.
    let blobs = |directory: &Path| {
        let image = format!("tar -tf {}/*-image.oci.tar | grep sha256/. | sort", directory.display());
        bed::sh(&image).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (here, there) = (blobs(packages()), blobs(&output));
    let shared = there.iter().filter(|blob| here.contains(blob)).count();
    // All but the index: manifest, configuration, layer.
    assert_eq!((there.len(), shared), (4, 3), "{here:?}\n{there:?}");
}
