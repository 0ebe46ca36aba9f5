//! What the project costs: ours, the kernel and real lxcfs in turns, within one run, on this kernel and on a booted one
//! that has the other cgroup version. Needs root, and the set-up that tests/README.md
//! names.
//!
//!     cargo bench --locked -p cgproc-bench                    everything; then docs/performance.md is written
//!     cargo bench --locked -p cgproc-bench -- PART...         these parts only; the page stays
//!     cargo bench --locked -p cgproc-bench -- --long ...      more rounds, and larger machines
//!     cargo bench --locked -p cgproc-bench -- --here ...      on this kernel only; --booted: on the booted one only
//!     cargo bench --locked -p cgproc-bench -- --page          the page alone, from the figures of the last runs
//!
//! CGPROC_OBJECT and CGPROC_COMMAND choose what is measured. Figures are kept in target/benches.

#[path = "../tests/bed/mod.rs"]
mod bed;
#[path = "../tests/sampler/boards.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod boards;
mod containers;
mod cost;
mod crowd;
mod figures;
#[path = "../tests/sampler/groups.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod groups;
mod length;
mod lives;
#[path = "../tests/instructions/long_tree.rs"]
mod long_tree;
mod lxcfs;
mod nesting;
mod page;
#[path = "../tests/sampler/processes.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod processes;
mod runtime;
mod sampler;
mod stats;
mod supervised;
mod texts;
mod trace;
mod turns;

use figures::Figure;
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

/// A part of the suite.
struct Part {
    name: &'static str,
    run: fn(),
    /// Whether its figures differ enough between kernels to be measured on both.
    is_for_both: bool,
}

const PARTS: [Part; 11] = [
    // The kernel's cgroup version has no part in it, and User-Mode Linux starts programs far too slowly.
    Part { name: "lives", run: lives::run, is_for_both: false },
    Part { name: "cost", run: cost::run, is_for_both: true },
    Part { name: "threads", run: cost::run_threads, is_for_both: false },
    Part { name: "nesting", run: nesting::run, is_for_both: true },
    Part { name: "texts", run: texts::run, is_for_both: false },
    Part { name: "crowd", run: crowd::run, is_for_both: false },
    Part { name: "supervised", run: supervised::run, is_for_both: true },
    Part { name: "trace", run: trace::run, is_for_both: false },
    Part { name: "sampler", run: sampler::run, is_for_both: false },
    Part { name: "stats", run: stats::run, is_for_both: false },
    Part { name: "runtime", run: runtime::run, is_for_both: false },
];

/// Whether a part has failed, which the exit status tells.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let has = |word: &str| words.iter().any(|it| it == word);
    length::choose(has("--long"));
    let named: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
    let unknown = named.iter().find(|name| PARTS.iter().all(|part| part.name != **name));
    assert!(unknown.is_none(), "no part {unknown:?}; there are {:?}", PARTS.map(|part| part.name));
    let chosen: Vec<&Part> = PARTS.iter().filter(|part| named.is_empty() || named.contains(&part.name)).collect();
    if has("--within") {
        return chosen.iter().for_each(|part| (part.run)());
    }
    if !has("--page") {
        bed::log_machine();
        if !has("--booted") {
            chosen.iter().for_each(|part| run_here(part));
        }
        if !has("--here") {
            run_there(&chosen);
        }
    }
    if named.is_empty() && !HAS_FAILED.load(Ordering::Relaxed) {
        page::write(&figures::kept(&PARTS.map(|part| part.name)));
    }
    assert!(!HAS_FAILED.load(Ordering::Relaxed), "a part has failed, see above");
}

/// A part in a process of its own.
fn run_here(part: &Part) {
    collect(part, true, Command::new(own_path()).arg("--within").args(length::option()).arg(part.name));
}

/// The parts that are for both kernels, each in a boot of its own.
fn run_there(parts: &[&Part]) {
    let other = if bed::version() == bed::Version::V1 { "v2" } else { "v1" };
    for part in parts.iter().filter(|part| part.is_for_both) {
        // What takes longer hangs.
        let mut boot = Command::new("timeout");
        boot.args(["-k", "20", length::of("600", "3600")]).arg(bed::repository("tests/bed/boot"));
        boot.args(["-c", other, "-n", "2", "--"]).arg(own_path()).arg("--within").args(length::option());
        collect(part, false, boot.arg(part.name));
    }
}

fn own_path() -> std::path::PathBuf {
    std::env::current_exe().expect("this program")
}

/// Keeps the figures that a program tells, unless it fails. Whatever else it prints is passed on.
fn collect(part: &Part, is_here: bool, command: &mut Command) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("a part");
    let mut figures = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let line = line.expect("text");
        match Figure::of_line(&line) {
            Some(figure) => figures.push(figure),
            None => println!("{line}"),
        }
    }
    page::print(&figures);
    let status = child.wait().expect("its status");
    if status.success() {
        figures::keep(part.name, is_here, &figures);
    } else {
        // The other parts are worth having.
        println!("FAILED: {command:?}: {status}");
        HAS_FAILED.store(true, Ordering::Relaxed);
    }
}
