//! What the tests ask: kustomize, the API server's decoder, published schemas.

use crate::bed;
use serde_json::Value;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A thing that the set-up made.
fn made(name: &str) -> PathBuf {
    let path = bed::cache().join(name);
    assert!(path.exists(), "{} is missing: tests/bed/setup kubernetes", path.display());
    path
}

/// The output of a command that reads `input`.
pub(crate) fn fed(command: &mut Command, input: &[u8]) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a tool");
    let mut to = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        scope.spawn(move || to.write_all(input));
        child.wait_with_output().expect("its output")
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The lines that a part of the API server says about `input`.
pub(crate) fn api_server(part: &str, input: &[u8]) -> Vec<Value> {
    let output = fed(Command::new(made("kubernetes/apiserver")).arg(part), input);
    assert!(output.status.success(), "apiserver {part}: {}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The objects in manifests, as the API server decodes them; `Err` if it would refuse one.
pub(crate) fn objects(manifests: &[u8]) -> Result<Vec<Value>, String> {
    let decoded = |mut line: Value| match line["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(line["object"].take()),
    };
    api_server("objects", manifests).into_iter().map(decoded).collect()
}

/// What `kubectl kustomize` makes of a directory: the newest and the oldest, which agree.
pub(crate) fn built(directory: &Path) -> Vec<u8> {
    let [newest, oldest] = ["kubernetes/kubectl", "kubernetes-oldest/kubectl"].map(|kubectl| {
        let output = Command::new(made(kubectl)).arg("kustomize").arg(directory).output().expect("kubectl");
        let is_well = output.status.success() && output.stderr.is_empty();
        assert!(is_well, "{kubectl}, {}: {}", directory.display(), text(&output.stderr));
        output.stdout
    });
    assert!(newest == oldest, "{}: {}\nthe oldest: {}", directory.display(), text(&newest), text(&oldest));
    newest
}

/// A directory or file below `examples`.
pub(crate) fn example(name: &str) -> PathBuf {
    bed::repository("examples").join(name)
}

/// The objects of an example.
pub(crate) fn objects_of(name: &str) -> Vec<Value> {
    let path = example(name);
    let manifests = if path.is_dir() { built(&path) } else { fs::read(&path).expect("a manifest") };
    objects(&manifests).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What is wrong with objects by the schema of this release; nothing if they are valid.
pub(crate) fn faults(objects: &[Value], release: &str) -> String {
    let lines: String = objects.iter().map(|object| format!("{object}\n")).collect();
    let mut command = Command::new(bed::repository("tests/kubernetes/valid"));
    let output = fed(command.arg(made("kubernetes-schemas")).arg(release), lines.as_bytes());
    let is_told = output.status.success() == output.stdout.is_empty() && output.stderr.is_empty();
    assert!(is_told, "tests/kubernetes/valid: {output:?}");
    text(&output.stdout)
}
