//! What the sampler costs, next to `lxcfs -l` on the same cgroups at the same time. Needs root and lxcfs:
//! `cargo bench --locked --bench sampler`. Ten thousand threads in 10, 100 and 1,000 cgroups: first all asleep, then
//! one in a hundred active, ten times a second for 0.2 ms. Arguments replace these numbers of cgroups.

#[path = "../tests/bed/mod.rs"]
mod bed;
#[path = "../tests/sampler/boards.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod boards;
#[path = "../tests/sampler/groups.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod groups;
#[path = "../tests/sampler/processes.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod processes;

use boards::{Sampler, slot};
use calc::board::Key;
use groups::{Group, load_key};
use processes::{Place, Started, now_usec, sleep};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const THREADS: usize = 10_000;

/// How long is measured, after both have ticked twice.
const MINUTE: Duration = Duration::from_secs(60);
const BEFORE_SEC: f64 = 12.0;

/// The daemon and its mount point, gone with the scene.
struct Lxcfs {
    process: Started,
    mount: PathBuf,
}

/// What a process cost.
struct Cost {
    cpu_sec: f64,
    resident_kib: u64,
}

/// One line of the table.
struct Scene {
    groups: usize,
    active: usize,
    ours: Cost,
    lxcfs: Cost,
    /// The longest time between two publications of a slot.
    slip_usec: u64,
}

fn main() {
    bed::log_machine();
    let chosen: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let counts = if chosen.is_empty() { vec![10, 100, 1000] } else { chosen };
    let load = compiled();
    println!("\n{THREADS} threads, CPU seconds a minute and memory resident");
    println!(
        "{:>8} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12}   aimed at",
        "cgroups", "active", "ours", "lxcfs", "ratio", "ours KiB", "lxcfs KiB", "longest tick"
    );
    for groups in counts {
        for active in [0, THREADS / 100] {
            let scene = measured(groups, active, &load);
            println!(
                "{:>8} {:>8} {:>9.3} {:>9.3} {:>9} {:>9} {:>9} {:>10.2} s   {}",
                scene.groups,
                scene.active,
                scene.ours.cpu_sec,
                scene.lxcfs.cpu_sec,
                format!("1/{:.0}", scene.lxcfs.cpu_sec / scene.ours.cpu_sec),
                scene.ours.resident_kib,
                scene.lxcfs.resident_kib,
                scene.slip_usec as f64 / 1e6,
                if groups == 1000 { "< 0.6 s, 1/20, 8192 KiB" } else { "1/20" }
            );
        }
    }
}

fn compiled() -> PathBuf {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sampler-load");
    let mut command = Command::new("cc");
    command.args(["-O2", "-pthread", "-o"]).args([&to, &bed::repository("benches/sampler-load.c")]);
    assert!(command.status().expect("cc").success(), "sampler-load.c");
    to
}

impl Lxcfs {
    fn start(place: &Place) -> Self {
        let mount = place.file("lxcfs");
        fs::create_dir(&mount).expect("a directory");
        let mut command = Command::new("lxcfs");
        command.args(["-f", "-l", "-o", "allow_other"]).arg(format!("--pidfile={}", place.file("pid").display()));
        command.arg(&mount).stderr(fs::File::create(place.file("lxcfs-log")).expect("a log"));
        let process = Started::quietly(&mut command);
        processes::until("lxcfs is there", || mount.join("proc/loadavg").exists());
        Self { process, mount }
    }
}

impl Drop for Lxcfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mount).status();
    }
}

/// The processes of a scene, once all of them are asleep.
fn filled(load: &Path, cgroups: &[Group], active: usize, file: &Path) -> Started {
    let threads = THREADS / cgroups.len();
    // One cgroup in a hundred, but at least one.
    let per_cgroup = active / cgroups.len().div_ceil(100).max(1);
    let mut command = Command::new(load);
    command.args([threads, active, per_cgroup].map(|number| number.to_string())).arg(file);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sampler-load");
    let mut input = child.stdin.take().expect("a pipe");
    for cgroup in cgroups {
        let words: Vec<_> = cgroup.directories.iter().map(|directory| directory.display().to_string()).collect();
        writeln!(input, "{}", words.join(" ")).expect("written");
    }
    drop(input);
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    assert_eq!(line.trim(), "ready", "sampler-load");
    Started(child)
}

fn measured(groups: usize, active: usize, load: &Path) -> Scene {
    let place = Place::new();
    let lxcfs = Lxcfs::start(&place);
    let cgroups: Vec<Group> = (0..groups).map(|_| Group::new()).collect();
    let sampler = Sampler::start(&place, &[]);
    let processes = filled(load, &cgroups, active, &lxcfs.mount.join("proc/loadavg"));
    let key = load_key(&cgroups[groups - 1].path).expect("a key");
    sleep(BEFORE_SEC);
    let before = [&sampler.process, &lxcfs.process].map(cpu_sec);
    let slip_usec = longest_tick(&place.board(), key);
    let after = [&sampler.process, &lxcfs.process].map(cpu_sec);
    let cost = |index: usize, process: &Started| Cost {
        cpu_sec: after[index] - before[index],
        resident_kib: resident_kib(process),
    };
    let (ours, theirs) = (cost(0, &sampler.process), cost(1, &lxcfs.process));
    drop(processes);
    Scene { groups, active, ours, lxcfs: theirs, slip_usec }
}

/// Watches a slot for a minute.
fn longest_tick(board: &Path, key: Key) -> u64 {
    let begun = Instant::now();
    let (mut last, mut longest) = (None, 0);
    while begun.elapsed() < MINUTE {
        let published = slot(board, key).map(|slot| slot.published().realtime_usec);
        longest = longest.max(published.or(last).map_or(0, |moment| now_usec().saturating_sub(moment)));
        last = published;
        sleep(0.02);
    }
    longest
}

/// CPU time that the process and its threads have used.
fn cpu_sec(process: &Started) -> f64 {
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both outlive the calls that write to them.
    let failed = unsafe {
        libc::clock_getcpuclockid(process.pid(), &raw mut clock) != 0 || libc::clock_gettime(clock, &raw mut time) != 0
    };
    assert!(!failed, "the CPU time of {}", process.pid());
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn resident_kib(process: &Started) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).expect("its status");
    bed::figure(&status, "VmRSS:").expect("VmRSS")
}
