//! C libraries of other releases: one program, run by each library's own loader.

use crate::{
    bed,
    harness::{KIB, LONGEST_SEC, Row, YES, container, find, host_kib, program},
};
use std::path::{Path, PathBuf};

/// What the program must print, by the column to which it belongs.
const EXPECTED: [(&str, &[(&str, Shown)]); 13] = [
    ("open", &[("open", Shown::Memory), ("openat", Shown::Memory)]),
    ("seek", &[("lseek", Shown::Memory), ("pread", Shown::Memory)]),
    ("stdio", &[("fopen", Shown::Memory), ("rewind", Shown::Memory)]),
    ("fstat", &[("fstat", Shown::Text("same"))]),
    ("sysinfo", &[("sysinfo", Shown::Memory)]),
    ("sysconf", &[("phys_pages", Shown::Memory), ("get_phys_pages", Shown::Memory), ("onln", Shown::Cpus)]),
    ("nprocs", &[("get_nprocs", Shown::Cpus)]),
    ("affinity", &[("affinity", Shown::Cpus), ("syscall", Shown::Cpus)]),
    ("stat, cpuinfo", &[("stat", Shown::Cpus), ("cpuinfo", Shown::Cpus)]),
    ("readdir", &[("readdir", Shown::Cpus)]),
    ("threads", &[("threads", Shown::Memory)]),
    ("fork", &[("fork", Shown::Memory)]),
    ("passed on", &PASSED_ON),
];

/// What the kernel must answer: errors, writing, the root without a limit, the load without a sampler.
const PASSED_ON: [(&str, Shown); 4] = [
    ("missing", Shown::Text("-1 ENOENT")),
    ("create", Shown::Text("ok")),
    ("statvfs", Shown::Text("ok")),
    ("getloadavg", Shown::Text("3")),
];

#[derive(Clone, Copy)]
enum Shown {
    Memory,
    Cpus,
    Text(&'static str),
}

impl Shown {
    fn text(self, memory_kib: u64, cpus: u64) -> String {
        match self {
            Self::Memory => memory_kib.to_string(),
            Self::Cpus => cpus.to_string(),
            Self::Text(text) => text.to_owned(),
        }
    }
}

/// The ways of a column whose output is wrong.
fn wrong(ways: &[(&str, Shown)], printed: &str, memory_kib: u64, cpus: u64) -> Vec<String> {
    let lines = ways.iter().map(|(way, shown)| format!("{way} {}", shown.text(memory_kib, cpus)));
    lines.filter(|line| !printed.lines().any(|l| l == line)).collect()
}

/// What is wrong in the program's output, if it ran in the harness's container.
pub(crate) fn faults(printed: &str) -> Vec<String> {
    EXPECTED.iter().flat_map(|(_, ways)| wrong(ways, printed, KIB, 1)).collect()
}

/// A C library of the Debian release with this name.
struct Library {
    name: &'static str,
    /// The version that it must report, except for sid and experimental, which move on.
    version: Option<&'static str>,
    /// What starts a program with it; empty for the machine's own glibc.
    loader: Vec<PathBuf>,
    programs: [&'static str; 2],
}

const FOR_GLIBC: [&str; 2] = ["runtime-glibc", "runtime-glibc-64"];
const FOR_MUSL: [&str; 2] = ["runtime-musl", "runtime-musl-64"];

fn libraries() -> Vec<Library> {
    let glibc = |name, version, loader| Library { name, version, loader, programs: FOR_GLIBC };
    let musl = |name, version, loader| Library { name, version, loader, programs: FOR_MUSL };
    vec![
        glibc("glibc, Debian 11", Some("2.31"), glibc_loader("glibc-2.31")),
        glibc("glibc, Debian 12", Some("2.36"), Vec::new()),
        glibc("glibc, Debian 13", Some("2.41"), glibc_loader("glibc-2.41")),
        glibc("glibc, Debian sid", None, glibc_loader("glibc-sid")),
        glibc("glibc, Debian experimental", None, glibc_loader("glibc-experimental")),
        musl("musl, Debian 11", Some("1.2.2"), musl_loader(&bed::cache().join("musl-bullseye"))),
        musl("musl, Debian 12", Some("1.2.3"), musl_loader(Path::new("/lib/x86_64-linux-musl"))),
        musl("musl, Debian 13", Some("1.2.5"), musl_loader(&bed::cache().join("musl-trixie"))),
        musl("musl, Debian sid", None, musl_loader(&bed::cache().join("musl-sid"))),
    ]
}

fn glibc_loader(cached: &str) -> Vec<PathBuf> {
    let loader = find(&bed::cache().join(cached), "ld-linux-x86-64.so.2");
    let libraries = loader.parent().expect("a directory").to_owned();
    vec![loader, "--library-path".into(), libraries]
}

/// musl's library is also its loader.
fn musl_loader(below: &Path) -> Vec<PathBuf> {
    vec![find(below, "libc.so")]
}

impl Library {
    /// The command line that runs one of its programs.
    fn start(&self, name: &str) -> String {
        let words = self.loader.iter().cloned().chain([program(name)]);
        words.map(|word| word.display().to_string()).collect::<Vec<_>>().join(" ")
    }

    /// The version that it reports: glibc to programs, musl when its loader is run.
    fn told_version(&self, printed: &str) -> String {
        let by_program = printed.lines().find_map(|line| line.strip_prefix("libc ")).unwrap_or_default();
        if by_program != "other" {
            return by_program.to_owned();
        }
        let by_itself = bed::sh(&format!("{} 2>&1", self.loader[0].display()));
        by_itself.lines().find_map(|line| line.strip_prefix("Version ")).unwrap_or_default().to_owned()
    }
}

/// Runs a program in a new container, under the object or not.
fn run(library: &Library, program: &str, preload: Option<&Path>) -> String {
    let scratch = std::env::temp_dir().join(format!("cgproc-runtime-{}", std::process::id()));
    let script = format!("exec {} {}", library.start(program), scratch.display());
    let outcome = container().run(&script, preload, LONGEST_SEC);
    if outcome.status == Some(0) { outcome.text } else { format!("{}\nstatus {:?}", outcome.text, outcome.status) }
}

#[test]
fn one_object_in_every_c_library() {
    bed::log_machine();
    let object = bed::object();
    let mut findings = bed::Findings::default();
    for library in libraries() {
        let [usual, lfs64] = library.programs.map(|program| run(&library, program, Some(&object)));
        let version = library.told_version(&usual);
        println!("{} {version}: {}", library.name, usual.trim().replace('\n', ", "));
        let is_right = library.version.map_or_else(|| !version.is_empty(), |expected| version == expected);
        findings.check(is_right, || format!("{} says that it is {version:?}", library.name));
        let mut row = Row { table: "libraries", runtime: library.name, version: &version, findings: &mut findings };
        for (column, ways) in EXPECTED {
            let wrong = wrong(ways, &usual, KIB, 1);
            row.cell(column, seen(&wrong), YES, || format!("no line {wrong:?} in {usual}"));
        }
        let wrong = faults(&lfs64);
        row.cell("open64 …", seen(&wrong), YES, || format!("no line {wrong:?} in {lfs64}"));
        without_the_object(&library, &mut findings);
    }
    findings.conclude("libraries");
}

fn seen(wrong: &[String]) -> &'static str {
    if wrong.is_empty() { YES } else { "no" }
}

/// Without a preload the program shows the machine, so it can tell the two apart.
fn without_the_object(library: &Library, findings: &mut bed::Findings) {
    let printed = run(library, library.programs[0], None);
    for (_, ways) in EXPECTED {
        let wrong = wrong(ways, &printed, host_kib(), bed::host().cpus as u64);
        findings.check(wrong.is_empty(), || format!("{}, without it: no line {wrong:?} in {printed}", library.name));
    }
}
