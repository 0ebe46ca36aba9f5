//! What the object costs, as ratios within one run, next to the targets: `cargo bench --locked --bench cost`. Needs
//! root; runs on either cgroup version. If lxcfs is installed, it is measured too. The variants of each line take
//! turns; figures are medians, and differences are medians of each round's difference. A sampler runs meanwhile and
//! provides the load.

#[path = "../tests/bed/mod.rs"]
mod bed;

use bed::{PLAIN, repository};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SPAWN_ROUNDS: &str = "2000";
const CALL_ROUNDS: &str = "401";

fn main() {
    bed::log_machine();
    exec();
    let times = calls();
    files(&times);
    others(&times);
    answers(&times);
}

/// A C program or object, compiled into the target directory.
fn compile(name: &str, source: &Path, flags: &[&str]) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cost");
    fs::create_dir_all(&directory).expect("a directory");
    let to = directory.join(name);
    let status = Command::new("cc").args(["-O2", "-o"]).args([&to, source]).args(flags).status().expect("cc");
    assert!(status.success(), "cc {}", source.display());
    to
}

fn written(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("a source file");
    path
}

fn output(command: &mut Command) -> String {
    let output = command.stderr(Stdio::inherit()).output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn number(field: Option<&str>) -> f64 {
    field.and_then(|text| text.parse().ok()).expect("a number")
}

/// The life of a program that does nothing: without a preload, with an empty one, with ours.
fn exec() {
    let tiny = compile("tiny", &written("tiny.c", "int main(void) { return 0; }\n"), &[]);
    let empty = compile(
        "empty.so",
        &written("empty.c", "\n"),
        &["-shared", "-nostdlib", "-Wl,-z,norelro", "-Wl,-z,noseparate-code"],
    );
    let spawn = compile("spawn", &repository("benches/spawn.c"), &[]);
    let object = bed::object();
    let text = output(
        Command::new(spawn)
            .args([SPAWN_ROUNDS.as_ref(), tiny.as_os_str(), empty.as_os_str()])
            .args([Path::new(""), &object]),
    );
    println!("\nfork, exec and exit of a small program, {SPAWN_ROUNDS} rounds");
    println!("{:34} {:>9} {:>14}   aimed at", "", "µs", "over an empty");
    let lines =
        [(Path::new(""), "no preload", ""), (&empty, "an empty object", ""), (&object, "libcgproc.so", "<= +2 µs")];
    for (preload, name, aim) in lines {
        let line = text.lines().find(|line| Path::new(line.split('\t').next().unwrap_or_default()) == preload);
        let mut fields = line.expect("a line per preload").split('\t').skip(1);
        let (time, over) = (number(fields.next()), number(fields.next()));
        println!("{name:34} {time:>9.1} {over:>+14.2}   {aim}");
    }
}

/// Nanoseconds per operation and variant, and the excess over the kernel's variant.
type Times = HashMap<(String, String), (f64, f64)>;

/// All of `cost.c`, in a container that has limits but never throttles a single thread.
fn calls() -> Times {
    let cost = compile("cost", &repository("benches/cost.c"), &["-ldl"]);
    let object = bed::object();
    let has_lxcfs = Command::new(repository("tests/bed/lxcfs"))
        .args(["-l", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success());
    let mut command = if has_lxcfs {
        let mut command = Command::new(repository("tests/bed/lxcfs"));
        command.arg("-l").arg(repository("tests/bed/container"));
        command
    } else {
        println!("\nlxcfs is not there or does not start: its column is empty");
        Command::new(repository("tests/bed/container"))
    };
    let view = if bed::version() == bed::Version::V1 { "bind" } else { "ns" };
    command.args(["-m", PLAIN.memory, "-q", "150000", "-V", view, "--"]);
    let lxcfs = if has_lxcfs { "\"$LXCFS\"" } else { "" };
    let (other, like) = (written("other", "\n"), written("like-stat", "\n"));
    let script = format!(
        "LD_PRELOAD={} exec {} {} {} {CALL_ROUNDS} {lxcfs}",
        object.display(),
        cost.display(),
        other.display(),
        like.display()
    );
    let sampler = Sampler::start();
    let text = output(command.args(["sh", "-c", &script]).env("CGPROC_BOARD", &sampler.board));
    let parse = |line: &str| {
        let mut fields = line.split('\t');
        let key = (fields.next()?.to_owned(), fields.next()?.to_owned());
        Some((key, (number(fields.next()), number(fields.next()))))
    };
    text.lines().filter_map(parse).collect()
}

/// Dropped, with its board, once the calls are timed.
struct Sampler {
    process: Child,
    board: PathBuf,
}

impl Sampler {
    fn start() -> Self {
        let board = PathBuf::from(format!("/dev/shm/cgproc-bench-{}", std::process::id()));
        let mut command = Command::new(bed::command());
        let process = command.arg("sampler").arg("--board").arg(&board).spawn().expect("cgproc sampler");
        while fs::metadata(&board).map_or(0, |file| file.len()) == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { process, board }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.board);
    }
}

fn time(times: &Times, operation: &str, variant: &str) -> Option<(f64, f64)> {
    times.get(&(operation.to_owned(), variant.to_owned())).copied()
}

fn files(times: &Times) {
    println!("\nopen, read and close of an answered file, µs");
    println!(
        "{:58} {:>9} {:>9} {:>9} {:>14} {:>14}   aimed at",
        "", "kernel", "ours", "lxcfs", "ours / kernel", "ours / lxcfs"
    );
    const FILES: [&str; 9] = [
        "/proc/meminfo",
        "/proc/stat",
        "/proc/cpuinfo",
        "/proc/uptime",
        "/proc/loadavg",
        "/proc/diskstats",
        "/proc/vmstat",
        "/sys/devices/system/cpu/cpu0/topology/core_siblings_list",
        "/sys/devices/system/node/node0/meminfo",
    ];
    for file in FILES {
        let (kernel, _) = time(times, file, "kernel").expect("the kernel's");
        let (ours, _) = time(times, file, "ours").expect("ours");
        let lxcfs = time(times, file, "lxcfs").map(|(lxcfs, _)| lxcfs);
        let aim = if file == "/proc/meminfo" { "< 6 on v1, < 1/6" } else { "" };
        let (reference, share) = lxcfs
            .map_or_else(Default::default, |lxcfs| (format!("{:.1}", lxcfs / 1e3), format!("1/{:.1}", lxcfs / ours)));
        println!(
            "{file:58} {:>9.1} {:>9.1} {reference:>9} {:>14.1} {share:>14}   {aim}",
            kernel / 1e3,
            ours / 1e3,
            ours / kernel
        );
    }
}

fn others(times: &Times) {
    println!("\ncalls that are not ours to answer, ns");
    println!("{:34} {:>9} {:>9} {:>14}   aimed at", "", "libc", "ours", "difference");
    const OPERATIONS: [&str; 8] = [
        "open and close",
        "open and close, named like one",
        "read a byte",
        "lseek",
        "fstat",
        "stat",
        "statvfs",
        "sysconf(_SC_PAGESIZE)",
    ];
    for operation in OPERATIONS {
        let (kernel, _) = time(times, operation, "kernel").expect("libc's");
        let (ours, over) = time(times, operation, "ours").expect("ours");
        let aim = if ["open and close", "read a byte"].contains(&operation) { "< +10 ns" } else { "" };
        println!("{operation:34} {kernel:>9.1} {ours:>9.1} {over:>+14.1}   {aim}");
    }
}

fn answers(times: &Times) {
    println!("\nanswered calls, ns");
    println!("{:34} {:>9} {:>9} {:>14}", "", "libc", "ours", "ours / libc");
    const OPERATIONS: [&str; 5] =
        ["sysconf(_SC_NPROCESSORS_ONLN)", "sysconf(_SC_PHYS_PAGES)", "sysinfo", "sched_getaffinity", "getloadavg"];
    for operation in OPERATIONS {
        let (kernel, _) = time(times, operation, "kernel").expect("libc's");
        let (ours, _) = time(times, operation, "ours").expect("ours");
        println!("{operation:34} {kernel:>9.1} {ours:>9.1} {:>14.2}", ours / kernel);
    }
}
