//! Programs that judge metrics, fetched by `tests/bed/setup metrics`.

use crate::bed;
use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

fn made(name: &str) -> PathBuf {
    let path = bed::cache().join(name);
    assert!(path.exists(), "{} is missing: tests/bed/setup metrics", path.display());
    path
}

/// A program of Debian's package.
pub(crate) fn prometheus(program: &str) -> Command {
    Command::new(made("prometheus").join("usr/bin").join(program))
}

/// A Python script of this ring, with the packages that it imports.
pub(crate) fn python(script: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(bed::repository("tests/metrics").join(script)).env("PYTHONPATH", made("metrics-checkers"));
    command
}

/// The output of a command that reads `input`.
pub(crate) fn fed(command: &mut Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a tool");
    let mut to = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        scope.spawn(move || to.write_all(input.as_bytes()));
        child.wait_with_output().expect("its output")
    })
}

/// Both of its streams; it must have succeeded.
pub(crate) fn said(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it).into_owned()).concat();
    assert!(output.status.success(), "{}: {text}", output.status);
    text
}
