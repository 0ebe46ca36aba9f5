//! The library and `cgproc show` answer alike, whatever the files of a cgroup hold.

use crate::{
    bed::{self, Version},
    harness::{cgproc, out},
};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// Answered files whose text is that of the cgroup and of the machine, and does not tell the time.
const FILES: [&str; 8] = [
    "/proc/meminfo",
    "/proc/swaps",
    "/proc/vmstat",
    "/proc/diskstats",
    "/proc/sys/kernel/threads-max",
    "/proc/pressure/memory",
    "/sys/devices/system/cpu/online",
    "/sys/devices/system/node/node0/meminfo",
];

/// How many cgroups are made up: fewer in the booted kernel, which takes ten times as long to start a program.
fn cases() -> usize {
    if bed::version() == Version::V2 { 30 } else { 200 }
}

/// The text of a file that holds one limit.
fn limit() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (20..33_u32, 0..4096_u64).prop_map(|(shift, more)| format!("{}\n", (1_u64 << shift) + more * 4096)),
        2 => Just("max\n".into()),
        1 => any::<u64>().prop_map(|number| format!("{number}\n")),
        1 => "[0-9a-z -]{0,30}\n?",
        1 => (1..1500_usize).prop_map(|length| "9".repeat(length)),
    ]
}

/// A text of lines, some of them odd, some longer than any room to read them in.
fn lines(line: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let any_line = prop_oneof![
        8 => line,
        1 => "[ -~]{0,40}",
        1 => (1..1500_usize).prop_map(|length| format!("key{} 5", " x".repeat(length / 2))),
        1 => (1..1500_usize).prop_map(|length| "k".repeat(length)),
    ];
    prop::collection::vec(any_line, 0..30).prop_map(|lines| lines.iter().map(|line| format!("{line}\n")).collect())
}

fn counter() -> impl Strategy<Value = String> {
    let keys = [
        "anon",
        "file",
        "kernel_stack",
        "pagetables",
        "shmem",
        "file_mapped",
        "inactive_anon",
        "active_anon",
        "inactive_file",
        "active_file",
        "unevictable",
        "slab_reclaimable",
        "slab_unreclaimable",
        "pgfault",
        "pgmajfault",
        "pgscan",
        "pgsteal",
        "oom_kill",
        "swapcached",
    ];
    (prop::sample::select(keys.to_vec()), 0..1_u64 << 40).prop_map(|(key, count)| format!("{key} {count}"))
}

fn traffic() -> impl Strategy<Value = String> {
    let device = prop_oneof![Just("254:0"), Just("7:0"), Just("8:0"), Just("(unknown)"), Just("")];
    (device, 0..1_u64 << 50, 0..1_u64 << 30, 0..1200_usize).prop_map(|(device, bytes, count, filler)| {
        format!(
            "{device} rbytes={bytes} wbytes=8192 rios={count} wios=2 dbytes=0 dios=0{}",
            " cost.wait=0".repeat(filler / 12)
        )
    })
}

/// The files of a cgroup, each of which may be missing.
fn cgroup() -> impl Strategy<Value = BTreeMap<&'static str, String>> {
    let limits = ["memory.max", "memory.high", "memory.current", "memory.swap.max", "memory.swap.current"];
    let of_limits = limits.map(|name| (Just(name), prop::option::weighted(0.8, limit())).boxed());
    let others = [
        ("memory.stat", lines(counter()).boxed()),
        ("memory.events", lines(counter()).boxed()),
        ("io.stat", lines(traffic()).boxed()),
        ("cpu.max", prop_oneof!["[0-9]{1,7} [0-9]{1,7}\n", "max 100000\n", "[ -~]{0,20}\n"].boxed()),
        ("cpuset.cpus.effective", prop_oneof!["[0-3](-[0-3])?\n", "[0-9,-]{0,900}\n", Just(String::new())].boxed()),
        ("pids.max", prop_oneof!["[1-9][0-9]{0,4}\n", Just("max\n".to_owned()), "[ -~]{0,30}"].boxed()),
        ("memory.pressure", Just("some avg10=1.00 avg60=0.00 avg300=0.00 total=7\n".to_owned()).boxed()),
    ];
    let of_others = others.map(|(name, text)| (Just(name), prop::option::weighted(0.8, text)).boxed());
    let files: Vec<_> = of_limits.into_iter().chain(of_others).collect();
    files.prop_map(|files| files.into_iter().filter_map(|(name, text)| Some((name, text?))).collect())
}

/// The files, one behind the other, as a program under the library reads them.
fn by_library(cgroup: &Path, files: &[&str]) -> Vec<String> {
    let mut command = Command::new("tail");
    command.args(["-v", "-n", "+1"]).args(files).env("CGPROC_CGROUP", cgroup).env("LD_PRELOAD", bed::object());
    let text = out(&command.output().expect("tail"));
    let mut rest = text.as_str();
    let parts = files.iter().map(|file| {
        let (_, after) = rest.split_once(&format!("==> {file} <==\n")).unwrap_or_else(|| panic!("{file} of {text}"));
        rest = after;
        after.split("\n==> ").next().unwrap_or_default().trim_end_matches('\n').to_owned()
    });
    parts.collect()
}

fn by_command(cgroup: &Path, file: &str) -> String {
    let output = cgproc(&["show", file]).env("CGPROC_CGROUP", cgroup).output().expect("cgproc");
    assert!(output.status.success(), "{file}: {output:?}");
    out(&output).trim_end_matches('\n').to_owned()
}

/// Whether a line of the command's is the library's, or the machine has changed it meanwhile.
fn is_line_alike(before: &str, shown: &str, after: &str) -> bool {
    before == shown || shown == after || before != after
}

/// The lines of which the library and the command never gave the same, file by file; what belongs to the machine may need some looks.
fn differences(cgroup: &Path, files: &[&str]) -> Vec<String> {
    const LOOKS: usize = 200;
    let mut differing: Option<BTreeMap<(usize, usize), String>> = None;
    for _ in 0..LOOKS {
        let before = by_library(cgroup, files);
        let shown: Vec<_> = files.iter().map(|file| by_command(cgroup, file)).collect();
        let after = by_library(cgroup, files);
        let mut now = BTreeMap::new();
        for (index, file) in files.iter().enumerate() {
            let [before, shown, after] =
                [&before, &shown, &after].map(|texts| texts[index].lines().collect::<Vec<_>>());
            let most = before.len().max(shown.len()).max(after.len());
            for at in 0..most {
                let [before, shown, after] =
                    [&before, &shown, &after].map(|lines| lines.get(at).copied().unwrap_or("(none)"));
                if !is_line_alike(before, shown, after) {
                    now.insert((index, at), format!("{file}: the library says {before:?}, the command {shown:?}"));
                }
            }
        }
        now.retain(|place, _| differing.as_ref().is_none_or(|known| known.contains_key(place)));
        if now.is_empty() {
            return Vec::new();
        }
        differing = Some(now);
    }
    differing.into_iter().flatten().map(|(_, line)| line).collect()
}

#[test]
fn the_library_and_the_command_answer_alike() {
    let directory = tempfile::tempdir().expect("a directory");
    let scope = directory.path().join("scope");
    let files: Vec<_> = FILES.into_iter().filter(|file| Path::new(file).exists()).collect();
    let mut runner = TestRunner::deterministic();
    let strategy = cgroup();
    let (cases, mut answered) = (cases(), [0; 2]);
    for case in 0..cases {
        let texts = strategy.new_tree(&mut runner).expect("files").current();
        let _ = fs::remove_dir_all(&scope);
        fs::create_dir(&scope).expect("a directory");
        fs::write(scope.join("cgroup.procs"), "").expect("written");
        for (name, text) in &texts {
            fs::write(scope.join(name), text).expect("written");
        }
        let differences = differences(&scope, &files);
        assert!(differences.is_empty(), "case {case}: {differences:#?}\n{texts:#?}");
        for (file, count) in ["/proc/meminfo", "/proc/sys/kernel/threads-max"].into_iter().zip(&mut answered) {
            let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
            let kernels = fs::read_to_string(file).expect("the kernel's");
            *count += usize::from(first(&by_command(&scope, file)) != first(&kernels));
        }
    }
    println!("of {cases} cgroups, so many had another total of memory, and of threads, than the machine: {answered:?}");
    assert!(answered.iter().all(|count| *count > cases / 15), "{answered:?}");
}
