//! The built library in front of real programs, and what it tells of them. The object stands behind it, as under
//! `cgproc trace`. `packaging/compile amd64` comes first.

#[path = "witness/circumstances.rs"]
mod circumstances;
#[path = "witness/doors.rs"]
mod doors;
#[path = "witness/listener.rs"]
mod listener;
#[path = "witness/truth.rs"]
mod truth;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};
use tempfile::TempDir;

/// A library that is packaged.
fn built(name: &str) -> PathBuf {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("built").join(machine).join(name);
    assert!(path.is_file(), "{} is missing: packaging/compile {machine}", path.display());
    path
}

/// A file of this crate.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The witness in front of the object.
fn both() -> Vec<PathBuf> {
    vec![built("libcgproc_witness.so"), built("libcgproc.so")]
}

fn preload(objects: &[PathBuf]) -> String {
    objects.iter().map(|object| object.display().to_string()).collect::<Vec<_>>().join(" ")
}

/// What is compiled for these tests.
struct Programs {
    directory: TempDir,
}

impl Programs {
    fn get() -> &'static Self {
        static PROGRAMS: OnceLock<Programs> = OnceLock::new();
        PROGRAMS.get_or_init(|| {
            let programs = Self { directory: tempfile::tempdir().expect("a directory") };
            programs.compile("asks.c", &["-o", "asks"]);
            programs.compile("asks.c", &["-static", "-o", "asks-static"]);
            programs.compile("own-malloc.c", &["-shared", "-fPIC", "-o", "own-malloc.so"]);
            programs
        })
    }

    fn compile(&self, file: &str, arguments: &[&str]) {
        let mut gcc = Command::new("gcc");
        gcc.current_dir(self.directory.path()).args(["-O1", "-Wall", "-pthread"]).args(arguments);
        succeed(gcc.arg(source("tests").join(file)).arg("-ldl"));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    output
}
