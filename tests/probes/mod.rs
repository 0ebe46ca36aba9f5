//! The C probes of this directory: built once per libc, and run in batches, each in one container.
#![allow(dead_code, reason = "each test executable uses its own part")]

use crate::bed::{Container, PLAIN, View, object, repository};
use std::{
    collections::hash_map::DefaultHasher,
    fmt::Write as _,
    fs,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

/// 256 MiB and the time of one CPU, shown as the machine's first.
pub(crate) const SMALL: Container =
    Container { memory: "256M", swap: None, quota_usec: Some(100_000), cpus: None, view: View::Namespace, ..PLAIN };
pub(crate) const SMALL_KIB: u64 = 256 << 10;
pub(crate) const SMALL_PAGES: u64 = SMALL_KIB / 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Libc {
    Glibc,
    Musl,
}

impl Libc {
    pub(crate) const ALL: [Self; 2] = [Self::Glibc, Self::Musl];

    pub(crate) fn compiler(self) -> &'static str {
        match self {
            Self::Glibc => "gcc",
            Self::Musl => "musl-gcc",
        }
    }

    /// The shared library itself, for its symbol table.
    pub(crate) fn library(self) -> PathBuf {
        match self {
            Self::Musl => "/lib/ld-musl-x86_64.so.1".into(),
            Self::Glibc => {
                let output = Command::new("gcc").arg("-print-file-name=libc.so.6").output().expect("gcc");
                String::from_utf8_lossy(&output.stdout).trim().into()
            }
        }
    }
}

/// The probes that have a row for each symbol.
pub(crate) const WITH_ROWS: [&str; 10] =
    ["open", "stdio", "seek", "stat", "mmap", "directory", "cpus", "sysinfo", "loadavg", "disk"];

/// The symbols that such a probe has rows for.
pub(crate) fn rows(program: &Path) -> Vec<String> {
    let output = Command::new(program).env_remove("LD_PRELOAD").output().expect("the probe");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// What a source is compiled into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Program,
    /// An object to preload beside ours.
    Object,
    /// A static program without a libc.
    Bare,
    /// A static position-independent program.
    StaticPie,
    /// A program for a fixed address, into which the loader copies libc's variables that it names.
    Fixed,
    /// A program that a loader starts, and that needs no library.
    Alone,
}

/// The program made from `tests/probes/<name>.c`. Its name carries a hash of all inputs, so an existing file is
/// current.
pub(crate) fn program(libc: Libc, name: &str) -> PathBuf {
    build(libc, name, Form::Program)
}

pub(crate) fn build(libc: Libc, name: &str, form: Form) -> PathBuf {
    let sources = repository("tests/probes");
    let source = sources.join(name).with_extension("c");
    let mut flags = vec!["-O1", "-Wall", "-Wextra", "-Wl,-z,now", "-pthread"];
    if libc == Libc::Musl {
        flags.extend(["-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu"]); // linux/*.h
    }
    match form {
        Form::Program => {}
        Form::Object => flags.extend(["-shared", "-fPIC"]),
        Form::Bare => flags.extend(["-static", "-no-pie", "-nostdlib", "-ffreestanding", "-fno-stack-protector"]),
        Form::StaticPie => flags.push("-static-pie"),
        Form::Fixed => flags.extend(["-no-pie", "-fno-pic"]),
        Form::Alone => flags.extend(["-pie", "-fPIE", "-nostdlib", "-fno-stack-protector", "-Wl,--as-needed"]),
    }
    let mut hasher = DefaultHasher::new();
    flags.hash(&mut hasher);
    for input in std::iter::once(source.clone()).chain(headers(&sources)) {
        fs::read(&input).unwrap_or_else(|e| panic!("{}: {e}", input.display())).hash(&mut hasher);
    }
    let to = directory().join(format!("{name}-{libc:?}-{:016x}", hasher.finish()));
    if !to.exists() {
        compile(libc, &flags, &source, &to);
    }
    to
}

/// Headers that a probe may include, sorted by name.
fn headers(sources: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(sources).unwrap_or_else(|e| panic!("{}: {e}", sources.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut headers: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "h")).collect();
    headers.sort();
    headers
}

/// Built under another name first: another test may be building the same.
fn compile(libc: Libc, flags: &[&str], source: &Path, to: &Path) {
    let part = unique(to);
    let output = Command::new(libc.compiler())
        .args(flags)
        .arg("-o")
        .args([&part, source])
        .arg("-ldl")
        .output()
        .unwrap_or_else(|e| panic!("{}: {e}: tests/bed/setup packages", libc.compiler()));
    assert!(
        output.status.success(),
        "{} {}:\n{}",
        libc.compiler(),
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    fs::rename(&part, to).expect("rename");
}

fn directory() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("probes");
    fs::create_dir_all(&directory).expect("the probes' directory");
    directory
}

fn unique(path: &Path) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.{count}", std::process::id()));
    name.into()
}

/// One command of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) title: String,
    /// A line of bash.
    pub(crate) command: String,
}

impl Case {
    /// `program` with `arguments`, under `preload` if there is one, with `variables` in its environment only.
    pub(crate) fn new(preload: Option<&Path>, variables: &[(&str, &str)], program: &Path, arguments: &[&str]) -> Self {
        let mut command = String::new();
        if let Some(object) = preload {
            let _ = write!(command, "LD_PRELOAD={} ", quoted(&object.to_string_lossy()));
        }
        for (name, value) in variables {
            let _ = write!(command, "{name}={} ", quoted(value));
        }
        command.push_str(&quoted(&program.to_string_lossy()));
        for argument in arguments {
            let _ = write!(command, " {}", quoted(argument));
        }
        Self { title: arguments.join(" "), command }
    }
}

pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What a case printed on both streams, and its exit status as bash reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Result {
    pub(crate) text: String,
    pub(crate) status: i32,
}

/// Runs `cases` one after the other in one new container; returns their results.
pub(crate) fn run(container: &Container, cases: &[Case]) -> Vec<Result> {
    let script = unique(&directory().join("batch"));
    // Other batches run at the same time, so programs write to a directory of their batch.
    let mut text = String::from("cd \"$(mktemp -d)\" || exit\n");
    for case in cases {
        let _ = writeln!(text, "{}\nprintf '\\n{END}%d\\n' $?", case.command);
    }
    text.push_str("rm -rf -- \"$PWD\"\n");
    fs::write(&script, text).expect("the batch");
    let outcome = container.run(&format!(". {}", quoted(&script.to_string_lossy())), None, 900);
    let _ = fs::remove_file(&script);
    let results: Vec<_> = split(&outcome.text).collect();
    assert_eq!(
        results.len(),
        cases.len(),
        "the batch ended early, at {:?}, with status {:?}: {}",
        cases.get(results.len()).map(|c| &c.title),
        outcome.status,
        outcome.text.lines().rev().take(5).collect::<Vec<_>>().join(" / ")
    );
    results
}

/// Ends a case's output. No program prints it.
const END: &str = "\x1e status ";

fn split(text: &str) -> impl Iterator<Item = Result> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (text, after) = rest.split_once(END)?;
        let (status, after) = after.split_once('\n')?;
        rest = after;
        Some(Result { text: text.trim_end().to_owned(), status: status.parse().ok()? })
    })
}

/// The output of `figures` in the container, without the object and with it.
pub(crate) struct Figures {
    pub(crate) kernels: String,
    pub(crate) containers: String,
}

/// Runs `figures` as each case wants it, after two runs that show whose figures are which.
pub(crate) fn figures(
    container: &Container,
    libc: Libc,
    cases: impl FnOnce(&Path, &Path) -> Vec<Case>,
) -> (Figures, Vec<Result>) {
    let (object, figures) = (object(), program(libc, "figures"));
    let mut all = vec![Case::new(None, &[], &figures, &[]), Case::new(Some(&object), &[], &figures, &[])];
    all.extend(cases(&object, &figures));
    let mut results = run(container, &all);
    let rest = results.split_off(2);
    let [kernels, containers] = [results[0].text.clone(), results[1].text.clone()];
    assert!(containers.contains(&format!("meminfo: {SMALL_KIB}\n")), "{libc:?}: {containers}");
    for (kernels, containers) in kernels.lines().zip(containers.lines()) {
        assert_ne!(kernels, containers, "{libc:?}: the container's figure is the kernel's");
    }
    (Figures { kernels, containers }, rest)
}
