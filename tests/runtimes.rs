//! One object, unchanged, in every C library: each program is run by that library's own loader, in a limited container.
//! Then the allocators that come by the same door, LD_PRELOAD, before and behind it.

mod bed;

use bed::{Container, PLAIN};
use std::path::{Path, PathBuf};

const KIB: u64 = 512 << 10;

/// What the probe must print in a container of 512 MiB and one CPU of several.
const EXPECTED: [(&str, Shown); 15] = [
    ("open", Shown::Memory),
    ("lseek", Shown::Memory),
    ("pread", Shown::Memory),
    ("openat", Shown::Memory),
    ("fopen", Shown::Memory),
    ("rewind", Shown::Memory),
    ("sysinfo", Shown::Memory),
    ("phys_pages", Shown::Memory),
    ("get_phys_pages", Shown::Memory),
    ("onln", Shown::Cpus),
    ("get_nprocs", Shown::Cpus),
    ("affinity", Shown::Cpus),
    ("syscall", Shown::Cpus),
    ("missing", Shown::Text("-1 ENOENT")),
    ("create", Shown::Text("ok")),
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

/// A C library: its name, the version it must give itself, how a program is started with it.
struct Runtime {
    name: &'static str,
    version: &'static str,
    start: String,
}

fn runtimes() -> Vec<Runtime> {
    let programs = bed::programs();
    let glibc = programs.join("runtime-glibc");
    let musl = programs.join("runtime-musl");
    vec![
        Runtime { name: "glibc 2.31", version: "2.31", start: by_loader("glibc-2.31", &glibc) },
        Runtime { name: "glibc 2.36", version: "2.36", start: glibc.display().to_string() },
        Runtime { name: "glibc 2.41", version: "2.41", start: by_loader("glibc-2.41", &glibc) },
        Runtime { name: "musl", version: "other", start: musl.display().to_string() },
    ]
}

fn by_loader(cached: &str, program: &Path) -> String {
    let loader = find(&bed::cache().join(cached), "ld-linux-x86-64.so.2");
    let libraries = loader.parent().expect("a directory").display().to_string();
    format!("{} --library-path {libraries} {}", loader.display(), program.display())
}

/// The file of this name below a directory; releases differ in where they keep it.
fn find(below: &Path, name: &str) -> PathBuf {
    let script = format!("find {} -name {name} | head -n 1", below.display());
    let found = bed::sh(&script);
    assert!(!found.is_empty(), "no {name} below {}: tests/bed/setup libcs", below.display());
    PathBuf::from(found.trim())
}

fn container() -> Container {
    Container { quota_usec: Some(100_000), ..PLAIN }
}

#[test]
fn one_object_in_every_c_library() {
    bed::log_machine();
    println!("{}", bed::sh("/lib/ld-musl-x86_64.so.1 2>&1 | head -n 2").trim().replace('\n', ", "));
    let object = bed::object();
    let host = bed::host();
    let host_kib =
        bed::figure(&std::fs::read_to_string("/proc/meminfo").expect("meminfo"), "MemTotal:").expect("MemTotal");
    let mut findings = bed::Findings::default();
    for runtime in runtimes() {
        let mut compare = |preload, memory_kib, cpus, under: &str| {
            let scratch = std::env::temp_dir().join(format!("cgproc-runtime-{}", std::process::id()));
            let script = format!("exec {} {}", runtime.start, scratch.display());
            let outcome = container().run(&script, preload, 20);
            let seen = outcome.text;
            println!("{}, {under}: {}", runtime.name, seen.trim().replace('\n', ", "));
            findings
                .check(outcome.status == Some(0), || format!("{}, {under}: status {:?}", runtime.name, outcome.status));
            for (way, shown) in EXPECTED.into_iter().chain([("libc", Shown::Text(runtime.version))]) {
                let line = format!("{way} {}", shown.text(memory_kib, cpus));
                let found = seen.lines().any(|l| l == line);
                findings.check(found, || format!("{}, {under}: no line {line:?}", runtime.name));
            }
        };
        compare(Some(object.as_path()), KIB, 1, "with the object");
        compare(None, host_kib, host.cpus as u64, "without it");
    }
    findings.conclude("runtimes");
}

#[test]
fn allocators_before_and_behind_the_object() {
    let object = bed::object();
    let programs = [
        ("free -k | awk '/^Mem:/ {print $2}'", "524288"),
        ("nproc", "1"),
        ("python3 -c 'import os; print(os.cpu_count(), open(\"/proc/meminfo\").readline().split()[1])'", "1 524288"),
        ("./cxx | head -n 1", "1"),
        ("redis-server --version | grep -o jemalloc", "jemalloc"),
    ];
    let mut findings = bed::Findings::default();
    for allocator in ["libjemalloc.so.2", "libtcmalloc_minimal.so.4"] {
        let allocator = find(Path::new("/usr/lib/x86_64-linux-gnu"), allocator);
        let pair = [allocator.display().to_string(), object.display().to_string()];
        for preload in [pair.join(":"), [&*pair[1], &*pair[0]].join(":")] {
            for (program, expected) in programs {
                let script = format!("cd {}; {program}", bed::programs().display());
                let seen = container().run(&script, Some(Path::new(&preload)), 30);
                let right = seen.text.trim() == expected && seen.status == Some(0);
                findings
                    .check(right, || format!("LD_PRELOAD={preload} {program}: {:?}, expected {expected}", seen.text));
            }
        }
    }
    findings.conclude("allocators");
}
