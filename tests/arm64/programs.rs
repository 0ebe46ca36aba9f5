//! Programs for arm64 in a limited container: each C library's calls, Debian's tools, the command.

use crate::{
    bed::{self, Container, Findings, PLAIN},
    build,
    probes::Libc,
};
use std::path::Path;

const KIB: u64 = 512 << 10;

fn container() -> Container {
    Container { quota_usec: Some(100_000), ..PLAIN }
}

/// Runs the command line in a container.
fn text(line: &str) -> String {
    let outcome = container().run(line, None, 400);
    assert_eq!(outcome.status, Some(0), "{line}:\n{}", outcome.text);
    outcome.text
}

/// What the value in a line of tests/programs/runtime.c means.
fn kind(way: &str) -> &'static str {
    match way {
        "onln" | "get_nprocs" | "affinity" | "syscall" | "stat" | "cpuinfo" | "readdir" => "cpus",
        "libc" => "version",
        "missing" | "create" | "fstat" | "statvfs" | "getloadavg" => "untouched",
        _ => "memory",
    }
}

#[test]
fn every_way_to_ask_in_both_c_libraries() {
    bed::log_machine();
    let object = build::object();
    let host = bed::host();
    let host_kib = bed::figure(&bed::sh("cat /proc/meminfo"), "MemTotal:").expect("MemTotal");
    let mut findings = Findings::default();
    for libc in Libc::ALL {
        let program = build::program(libc, "tests/programs/runtime.c");
        for (preload, kib, cpus) in [(Some(object.as_path()), KIB, 1), (None, host_kib, host.cpus as u64)] {
            let seen = text(&build::running(preload, &program, &["scratch-of-cgproc"]));
            findings.check(seen.lines().count() == 24, || format!("{libc:?}: {seen}"));
            let version = version(libc, &seen);
            for (way, value) in seen.lines().filter_map(|line| line.split_once(' ')) {
                let holds = match kind(way) {
                    "memory" => value == kib.to_string(),
                    "cpus" => value == cpus.to_string(),
                    "version" => (value == "other") == (libc == Libc::Musl),
                    _ => ["-1 ENOENT", "ok", "same", "3"].contains(&value),
                };
                findings.check(holds, || format!("{libc:?} {way}: {value}, preloaded: {}", preload.is_some()));
                if preload.is_some() && kind(way) != "version" {
                    note(&format!("{libc:?}"), &version, way, holds);
                }
            }
        }
    }
    findings.conclude("arm64 runtimes");
}

/// The version that the C library reports: glibc by a function whose result the program printed, musl by its loader.
fn version(libc: Libc, seen: &str) -> String {
    let (said, key) = match libc {
        Libc::Glibc => (seen.to_owned(), "libc "),
        Libc::Musl => {
            let loader = build::running(None, &build::in_root("lib/ld-musl-aarch64.so.1"), &[]);
            (text(&format!("{loader} || true")), "Version ")
        }
    };
    said.lines().find_map(|line| line.strip_prefix(key)).expect("a version").to_owned()
}

fn note(runtime: &str, version: &str, probe: &str, holds: bool) {
    let cell = if holds { "yes" } else { "no" };
    bed::note_reach("arm64 (qemu-user)", runtime, version, probe, cell);
}

/// Debian's own tools for arm64.
#[test]
fn free_nproc_and_uptime() {
    let object = build::object();
    let of = |preload: Option<&Path>, tool: &str, arguments: &[&str]| {
        text(&build::running(preload, &build::in_root(tool), arguments))
    };
    let total = |text: &str| bed::figure(text, "Mem:");
    let version = of(None, "usr/bin/free", &["--version"]);
    let version = version.split_whitespace().last().expect("a version");
    let mut findings = Findings::default();
    let mut judge = |probe: &str, ours: String, kernels: String, is_right: &dyn Fn(&str) -> bool| {
        let holds = is_right(&ours) && !is_right(&kernels);
        note("Debian's procps and coreutils", version, probe, holds);
        findings.check(holds, || format!("{probe}: {ours:?}, without the object {kernels:?}"));
    };
    let both = |tool: &str, arguments: &[&str]| (of(Some(&object), tool, arguments), of(None, tool, arguments));
    let (ours, kernels) = both("usr/bin/free", &["-k"]);
    judge("free", ours, kernels, &|text| total(text) == Some(KIB));
    let (ours, kernels) = both("usr/bin/nproc", &[]);
    judge("nproc", ours, kernels, &|text| text.trim() == "1");
    let (ours, kernels) = both("usr/bin/uptime", &[]);
    judge("uptime", ours, kernels, &|text| text.contains(" up 0 min,"));
    findings.conclude("arm64 tools");
}

/// On arm64 a resolver decides by what it is told about the machine: by the loader, or by us if its definition is
/// behind ours.
#[test]
fn a_resolver_is_told_of_the_machine() {
    let pair = format!("{}:{}", build::object().display(), build::neighbour("tests/arm64/ifunc.c").display());
    let nproc = build::in_root("usr/bin/nproc");
    assert_eq!(text(&build::running(Some(Path::new(&pair)), &nproc, &["--all"])), "4242\n");
}

/// The command answers with the container's figures, and reads files past a preloaded object.
#[test]
fn the_command_shows_the_container() {
    let show = |preload: Option<&Path>| text(&build::running(preload, &build::command(), &["show", "meminfo"]));
    assert_eq!(bed::figure(&show(None), "MemTotal:"), Some(KIB));
    assert_eq!(bed::figure(&show(Some(&build::object())), "MemTotal:"), Some(KIB));
}
