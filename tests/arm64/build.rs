//! What is built for arm64, and how it runs.

use crate::{
    bed,
    probes::{Libc, quoted},
};
use std::{
    collections::hash_map::DefaultHasher,
    fmt::Write as _,
    fs,
    hash::{Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
};

/// Cargo for arm64, in a target directory beside the others.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", r#"set -e; e=$("$0" env); eval "$e"; exec "$@""#]);
    command.arg(bed::repository("tests/bed/arm64")).args([env!("CARGO"), "--locked"]).args(arguments);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("CARGO_TARGET_DIR", directory());
    command
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("arm64")
}

/// The object for arm64 that is packaged.
pub(crate) fn object() -> PathBuf {
    bed::packaged("arm64", "libcgproc.so")
}

/// The command for arm64 that is packaged.
pub(crate) fn command() -> PathBuf {
    bed::packaged("arm64", "cgproc")
}

/// For what is run but not inspected: no debug information.
pub(crate) const QUICK: [&str; 2] = ["--config", "profile.dev.debug=false"];

fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// A file that the set-up made.
fn bed_file(name: &str) -> PathBuf {
    let path = bed::cache().join("arm64").join(name);
    assert!(path.exists(), "{} is missing: tests/bed/setup arm64", path.display());
    path
}

/// A file of the arm64 Debian.
pub(crate) fn in_root(path: &str) -> PathBuf {
    bed_file("root").join(path)
}

/// The C program `source`, a file of the repository, for arm64.
pub(crate) fn program(libc: Libc, source: &str) -> PathBuf {
    compiled(libc, source, &[])
}

/// The same, as an object to preload beside ours.
pub(crate) fn neighbour(source: &str) -> PathBuf {
    compiled(Libc::Glibc, source, &["-shared", "-fPIC"])
}

/// The name carries a hash of all inputs, so an existing file is current.
fn compiled(libc: Libc, source: &str, flags: &[&str]) -> PathBuf {
    let source = bed::repository(source);
    let mut compiler = Command::new(bed_file(match libc {
        Libc::Glibc => "cc",
        Libc::Musl => "musl-gcc",
    }));
    compiler.args(["-O1", "-Wl,-z,now", "-pthread"]).args(flags);
    if libc == Libc::Musl {
        // gcc's helpers for atomic operations need glibc.
        compiler.arg("-mno-outline-atomics");
        // For linux/*.h.
        for headers in ["usr/include", "usr/include/aarch64-linux-gnu"] {
            compiler.arg("-idirafter").arg(in_root(headers));
        }
    }
    let mut hasher = DefaultHasher::new();
    format!("{compiler:?}").hash(&mut hasher);
    // The set-up's note identifies the compiler's package.
    let headers = ["probe.h", "board.h"].map(|name| bed::repository("tests/probes").join(name));
    for input in headers.iter().chain([&source, &bed::cache().join("arm64.done")]) {
        fs::read(input).unwrap_or_else(|e| panic!("{}: {e}", input.display())).hash(&mut hasher);
    }
    let name = format!("{}-{libc:?}-{:016x}", source.file_stem().expect("a name").display(), hasher.finish());
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("arm64").join(name);
    if !to.exists() {
        fs::create_dir_all(to.parent().expect("a directory")).expect("a directory");
        // Built under another name first: another test may be building the same.
        let part = to.with_extension(format!("{}-{:?}", std::process::id(), std::thread::current().id()));
        succeed(compiler.arg("-o").args([&part, &source]).arg("-ldl"));
        fs::rename(&part, &to).expect("rename");
    }
    to
}

/// The shell command line that runs an arm64 program, under the object if one is given.
pub(crate) fn running(preload: Option<&Path>, program: &Path, arguments: &[&str]) -> String {
    let mut line = quoted(&bed_file("qemu").to_string_lossy());
    if let Some(object) = preload {
        let _ = write!(line, " -E LD_PRELOAD={}", quoted(&object.to_string_lossy()));
    }
    let _ = write!(line, " {}", quoted(&program.to_string_lossy()));
    for argument in arguments {
        let _ = write!(line, " {}", quoted(argument));
    }
    line
}
