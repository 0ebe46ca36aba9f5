//! The acceptance list: real, unchanged programs in real containers. Each line of `tools.tsv` must match with the
//! object preloaded. Without it, the line must do what its mark says, so that the list proves something.

mod bed;

use bed::{Container, PLAIN, View};
use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

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

/// The machine's age in a line's command.
const AGE: &str = "@AGE@";

/// No container of these lines is older than this when it looks, even on a busy machine or in the booted kernel.
const OLDEST_CONTAINER_SEC: u64 = 60;

/// A container, and what it should show.
struct Profile {
    name: &'static str,
    container: Container,
    cpu_list: &'static str,
    /// The part of the `native` mark that applies here.
    mark: usize,
}

const SWAP_KIB: u64 = 256 << 10;

/// A JVM with half a CPU on a busy machine takes its time: whatever takes longer hangs.
const LONGEST_SEC: u32 = 400;

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

/// The figures are the same however much of the cgroup file system a container shows.
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
            let seen = container.run(script, Some(&object), LONGEST_SEC).text;
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
    let (of_age, others): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.command.contains(AGE));
    let judge = |line: &&Line| verdict(profile, line, &object);
    let results = in_parallel(&others, judge);
    // From now on the machine is older than a container can be when it looks.
    while bed::host().uptime_sec < OLDEST_CONTAINER_SEC {
        std::thread::sleep(Duration::from_secs(1));
    }
    for (line, (text, holds)) in others.iter().zip(results).chain(of_age.iter().zip(in_parallel(&of_age, judge))) {
        print!("{text}");
        if line.in_scope {
            findings.check(holds, || text.trim_end().replace('\n', "\n  "));
        }
    }
    findings.conclude(&format!("tools, {}", profile.name));
}

/// Many lines wait, so more of them run at a time than there are CPUs; the results keep the order.
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
        let workers: Vec<_> = (0..bed::host().cpus + 2).map(|_| scope.spawn(take)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker panicked")).collect::<Vec<_>>()
    });
    results.sort_by_key(|&(at, _)| at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The report on a line, and whether all is as it should be.
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
    let setting = format!("export TMPDIR={} TERM=xterm; cd {}\n", scratch.0.display(), bed::programs().display());
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
    // Without swap, `swapon` prints nothing and `free` a zero.
    let swap_bytes = if swap_kib == 0 { String::new() } else { (swap_kib << 10).to_string() };
    text.replace(AGE, &host.uptime_sec.saturating_sub(2).to_string())
        .replace("@HOSTCPUS@", &host.cpus.to_string())
        .replace("@CPULIST@", profile.cpu_list)
        .replace("@SWAPKB@", &swap_kib.to_string())
        .replace("@SWAPB@", &swap_bytes)
}

/// Whether `grep -E` finds a line: the list uses its syntax.
fn matches(expression: &str, text: &str) -> bool {
    // Empty output has no line at all, and `^$` asks for exactly that.
    if expression == "^$" {
        return text.trim().is_empty();
    }
    let grep = Command::new("grep").args(["-aE", "-e", expression]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut grep = grep.expect("grep");
    // grep may stop reading a long text at the matching line.
    let _ = grep.stdin.take().expect("its input").write_all(text.as_bytes());
    grep.wait().expect("grep").success()
}

/// A directory for one attempt's files.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("cgproc-tools-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).expect("a directory");
        Self(directory)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
