//! The acceptance list: real, unchanged programs in real containers. Each line of `tools.tsv` must match with the object
//! preloaded, and must do without it what its mark says, so that the list proves something.

mod bed;

use bed::{Container, PLAIN, View};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One line of the list.
struct Line<'a> {
    id: &'a str,
    name: &'a str,
    command: &'a str,
    expect: &'a str,
    native: &'a str,
    in_scope: bool,
    note: &'a str,
}

/// A container, and what it is expected to show.
struct Profile {
    name: &'static str,
    container: Container,
    cpu_list: &'static str,
    /// Which part of the `native` mark holds here.
    mark: usize,
}

const SWAP_KIB: u64 = 256 << 10;

/// A Java machine on half a CPU of a busy machine takes its time.
const LONGEST_SEC: u32 = 120;

const COMMON: Container = Container { pids: Some(1000), ..PLAIN };

fn container_profile() -> Profile {
    let container = Container { cpus: Some("1"), ..swap_if_any(COMMON) };
    Profile { name: "container", container, cpu_list: "1", mark: 0 }
}

fn quota_profile() -> Profile {
    let container = Container { quota_usec: Some(50_000), ..swap_if_any(COMMON) };
    Profile { name: "quota only", container, cpu_list: "0", mark: 1 }
}

fn swap_if_any(container: Container) -> Container {
    Container { swap: (bed::host().swap_kib > 0).then_some("256M"), ..container }
}

#[test]
fn the_list_in_a_container_with_a_cpuset() {
    judge(&container_profile());
}

#[test]
fn the_list_in_a_container_with_a_quota_alone() {
    judge(&quota_profile());
}

/// However much of the cgroup file system a container shows, the figures are the same.
#[test]
fn every_view_of_the_cgroups() {
    bed::log_machine();
    let script = "free -k | awk '/^Mem:/ {print $2}'; nproc; cat /sys/devices/system/cpu/online";
    let object = bed::object();
    let mut findings = bed::Findings::default();
    for view in [View::Raw, View::Bind, View::Namespace] {
        for (cpus, quota_usec, expected) in [
            (None, Some(100_000), "524288\n1\n0\n"),
            (Some("1"), None, "524288\n1\n1\n"),
            (Some("0-1"), Some(150_000), "524288\n2\n0-1\n"),
        ] {
            let container = Container { view, cpus, quota_usec, ..PLAIN };
            let seen = container.run(script, Some(&object), 20).text;
            findings.check(seen == expected, || format!("{container:?}: {seen:?}, expected {expected:?}"));
        }
    }
    findings.conclude("views");
}

fn lines(table: &str) -> Vec<Line<'_>> {
    let rows = table.lines().filter(|row| !row.starts_with('#'));
    rows.map(|row| {
        let [id, name, command, expect, _, native, scope, note] = row
            .split('\t')
            .collect::<Vec<_>>()
            .try_into()
            .unwrap_or_else(|columns| panic!("tools.tsv: not eight columns: {columns:?}"));
        assert!(["in", "later"].contains(&scope), "tools.tsv: {id}: scope {scope}");
        Line { id, name, command, expect, native, in_scope: scope == "in", note }
    })
    .collect()
}

fn judge(profile: &Profile) {
    bed::log_machine();
    let host = bed::host();
    assert!(host.cpus >= 2, "with one CPU the list proves nothing");
    let table = std::fs::read_to_string(bed::repository("tests/tools.tsv")).expect("tools.tsv");
    let lines = lines(&table);
    let object = bed::object();
    println!("\n-- profile {}: with {}, then without", profile.name, object.display());
    let mut findings = bed::Findings::default();
    for (line, (text, holds)) in lines.iter().zip(in_parallel(&lines, |line| verdict(profile, line, &object))) {
        print!("{text}");
        if line.in_scope {
            findings.check(holds, || text.trim_end().replace('\n', "\n  "));
        }
    }
    findings.conclude(&format!("tools, {}", profile.name));
}

/// Many lines sleep, so a few run at a time; the results keep the table's order.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        while let Some((at, item)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, items.get(i)?))) {
            done.push((at, work(item)));
        }
        done
    };
    let mut results = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..3).map(|_| scope.spawn(take)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker panicked")).collect::<Vec<_>>()
    });
    results.sort_by_key(|&(at, _)| at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The report on a line and whether all is as it should be.
fn verdict(profile: &Profile, line: &Line<'_>, object: &Path) -> (String, bool) {
    if !line.in_scope {
        return (format!("later {} {}: {}\n", line.id, line.name, line.note), true);
    }
    let with = attempt(profile, line, Some(object));
    let without = attempt(profile, line, None);
    let should_match = native_should_match(profile, line);
    let holds = with.matches && without.matches == should_match;
    let word = if holds { "ok   " } else { "FAIL " };
    let native = if without.matches { "passes" } else { "fails" };
    let mut text = format!("{word} {} {} (native {native})\n", line.id, line.name);
    if !with.matches {
        let _ = writeln!(text, "      expected {}, under the object: {}", with.expected, with.shown);
    }
    if without.matches != should_match {
        let _ = writeln!(
            text,
            "      expected {}, marked native {}, natively: {}",
            without.expected, line.native, without.shown
        );
    }
    (text, holds)
}

fn native_should_match(profile: &Profile, line: &Line<'_>) -> bool {
    let mark = line.native.split('/').nth(profile.mark).unwrap_or(line.native);
    match mark {
        "passes" => true,
        "fails" => false,
        "v1" => bed::version() == bed::Version::V1,
        "noswap" => bed::host().swap_kib == 0,
        "nonodes" => !Path::new("/sys/devices/system/node").exists(),
        "noblocks" => !Path::new("/sys/devices/system/memory").exists(),
        other => panic!("tools.tsv: {}: mark {other}", line.id),
    }
}

struct Attempt {
    matches: bool,
    expected: String,
    shown: String,
}

fn attempt(profile: &Profile, line: &Line<'_>, object: Option<&Path>) -> Attempt {
    let scratch = Scratch::new();
    let command = fill_in(profile, line.command);
    let expected = fill_in(profile, line.expect);
    let setting = format!("export TMPDIR={} TERM=xterm; cd {}\n", scratch.0.trim(), bed::programs().display());
    let outcome = profile.container.run(&format!("{setting}{command}"), object, LONGEST_SEC);
    let mut shown = format!("{:?}", outcome.text.chars().take(400).collect::<String>());
    if outcome.status == Some(124) {
        let _ = write!(shown, " (still running after {LONGEST_SEC} s)");
    }
    Attempt { matches: matches(&expected, &outcome.text), expected, shown }
}

fn fill_in(profile: &Profile, text: &str) -> String {
    let host = bed::host();
    let swap_kib = if profile.container.swap.is_some() { SWAP_KIB.min(host.swap_kib) } else { 0 };
    // Without swap `swapon` prints nothing and `free` a zero.
    let swap_bytes = if swap_kib == 0 { String::new() } else { (swap_kib << 10).to_string() };
    text.replace("@AGE@", &host.uptime_sec.saturating_sub(2).to_string())
        .replace("@HOSTCPUS@", &host.cpus.to_string())
        .replace("@CPULIST@", profile.cpu_list)
        .replace("@SWAPKB@", &swap_kib.to_string())
        .replace("@SWAPB@", &swap_bytes)
}

/// Whether `grep -E` finds a line: the list is written in its expressions.
fn matches(expression: &str, text: &str) -> bool {
    // An empty output has no line at all: `^$` asks for just that.
    if expression == "^$" {
        return text.trim().is_empty();
    }
    let status =
        Command::new("sh").args(["-c", "printf %s \"$1\" | grep -qaE -e \"$2\"", "sh", text, expression]).status();
    status.expect("grep").success()
}

/// A directory for one attempt's files.
struct Scratch(String);

impl Scratch {
    fn new() -> Self {
        Self(bed::sh("mktemp -d"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.trim());
    }
}
