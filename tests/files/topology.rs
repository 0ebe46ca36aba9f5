//! One topology: whatever a program asks for CPUs, nodes and memory, in procfs, in sysfs or by a call, it is told the same.

use crate::bed::{self, Container, Findings, PLAIN};
use std::path::Path;

/// What restricts a container, and the CPUs that it shows.
struct Case {
    quota_usec: Option<u32>,
    cpus: Option<&'static str>,
    shown: &'static str,
}

const fn case(quota_usec: Option<u32>, cpus: Option<&'static str>, shown: &'static str) -> Case {
    Case { quota_usec, cpus, shown }
}

/// For 2 CPUs and more.
const CASES: [Case; 3] =
    [case(Some(50_000), None, "0"), case(None, Some("1"), "1"), case(Some(150_000), Some("0-1"), "0,1")];

/// For 4 CPUs.
const OF_FOUR: [Case; 3] =
    [case(None, Some("1,3"), "1,3"), case(Some(150_000), Some("1-3"), "1,2"), case(Some(50_000), Some("2-3"), "2")];

#[test]
fn every_door_tells_the_same() {
    bed::log_machine();
    let of_four = if bed::host().cpus >= 4 { &OF_FOUR[..] } else { &[] };
    let mut findings = Findings::default();
    for case in CASES.iter().chain(of_four) {
        check(&mut findings, case);
    }
    findings.conclude("topology");
}

fn check(findings: &mut Findings, case: &Case) {
    let container = Container { quota_usec: case.quota_usec, cpus: case.cpus, ..PLAIN };
    let hidden = (0..bed::host().cpus).find(|cpu| !case.shown.contains(&cpu.to_string()));
    let hidden = hidden.map_or_else(|| "cpu1000".to_owned(), |cpu| format!("cpu{cpu}"));
    let script = format!("cd {}; python3 topology.py {hidden} {}", bed::programs().display(), last_block());
    let text = container.run(&script, Some(&bed::object()), bed::PATIENCE_SEC).text;
    let count = case.shown.split(',').count().to_string();
    let mut doors = 0;
    for line in text.lines() {
        let expected = match line.split_once(' ') {
            Some(("cpus", _)) => case.shown,
            Some(("count", _)) => &count,
            Some(("mib", _)) => "512",
            Some(("hidden", _)) => "ENOENT",
            _ => panic!("{text}"),
        };
        doors += 1;
        let shown = line.rsplit(' ').next();
        findings.check(shown == Some(expected), || format!("{container:?}: {line}, not {expected}"));
    }
    println!("{}: {doors} doors", case.shown);
    findings.check(doors >= 35, || format!("{container:?}: {doors} doors: {text}"));
}

/// One that no container of ours can see: it has only as many as its memory takes, and those are the first.
fn last_block() -> String {
    let blocks = std::fs::read_dir("/sys/devices/system/memory").into_iter().flatten().filter_map(Result::ok);
    let number = |name: String| name.strip_prefix("memory")?.parse::<u64>().ok();
    let last = blocks.filter_map(|entry| number(entry.file_name().into_string().ok()?)).max();
    format!("memory{}", last.unwrap_or(0))
}

/// Without a limit on memory the machine's blocks and nodes stand; without one on CPUs, all CPUs.
#[test]
fn without_limits_all_is_the_machines() {
    let free = Container { memory: unlimited(), quota_usec: None, ..PLAIN };
    let script = format!("cd {}; python3 topology.py cpu0 memory0", bed::programs().display());
    let object = bed::object();
    let [under, native] =
        [Some(&*object), None].map(|preload: Option<&Path>| free.run(&script, preload, bed::PATIENCE_SEC).text);
    // What one door says natively may be beside what another says: firmware keeps some of the memory.
    assert!(under.lines().count() >= 35, "{under}");
    assert_eq!(under, native);
}

fn unlimited() -> &'static str {
    match bed::version() {
        bed::Version::V1 => "-1",
        bed::Version::V2 => "max",
    }
}
