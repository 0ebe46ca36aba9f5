//! The packages, and places to use them in.

use crate::bed;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

/// Longer than a build takes on the busiest machine.
const LONGEST_SEC: &str = "1500";

/// The directory of everything that packaging/build makes of this source: `$CGPROC_PACKAGES`, or built once.
pub(crate) fn packages() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(built) = std::env::var_os("CGPROC_PACKAGES") {
            return built.into();
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
        let to = target.join("packages-tested");
        let _ = fs::remove_dir_all(&to);
        let mut build = Command::new(bed::repository("packaging/build"));
        succeed(build.arg("--output").arg(&to).env("CARGO_TARGET_DIR", target).env_remove("SOURCE_DATE_EPOCH"));
        to
    })
}

/// The one package whose name ends so.
pub(crate) fn package(end: &str) -> PathBuf {
    let files = fs::read_dir(packages()).expect("the packages").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    assert_eq!(found.len(), 1, "packages that end in {end}: {found:?}");
    found.remove(0)
}

/// Runs a command, which must succeed. Returns what it prints on both streams.
pub(crate) fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}\n{text}");
    text
}

/// Runs a script on a machine of its own (tests/bed/host), with these variables. Everything is removed afterwards.
pub(crate) fn on_a_host(script: &str, variables: &[(&str, &OsStr)]) -> String {
    let mut command = Command::new("timeout");
    command.args(["-k", "30", LONGEST_SEC]).arg(bed::repository("tests/bed/private"));
    command.args(["-r", "debian-12", "-i", "none", "-o"]).arg(bed::object()).arg("--");
    command.arg(bed::repository("tests/bed/host")).args(["bash", "-euo", "pipefail", "-c", script]);
    command
        .envs(variables.iter().copied())
        .env_remove("LD_PRELOAD")
        .env_remove("CGPROC_OBJECT")
        .env("BED", bed::repository("tests/bed"));
    succeed(&mut command)
}

/// A directory that goes with its test.
pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("cgproc-test-packages-").tempdir().expect("a directory")
}

/// The files of a .deb, unpacked into a directory.
pub(crate) fn unpacked(deb: &Path) -> tempfile::TempDir {
    let to = directory();
    succeed(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(to.path()));
    to
}
