//! What the sampler costs, next to `lxcfs -l` on the same cgroups at the same time: ten thousand threads in 10 to 10,000
//! cgroups, all asleep; one in a hundred active, ten times a second for 0.2 ms; all of them runnable.

use crate::{
    bed,
    boards::{Sampler, slot},
    containers::compile,
    figures,
    groups::{Group, load_key},
    length,
    processes::{self, Place, Started, now_usec, sleep},
};
use calc::board::Key;
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const THREADS: usize = 10_000;

/// Before it is measured, both have ticked twice.
const BEFORE_SEC: f64 = 12.0;

/// The daemon of this release and its mount point, gone with the scene. The newest one used no CPU time at all for these
/// cgroups, so it is no measure.
struct Lxcfs {
    process: Started,
    mount: PathBuf,
}

/// What the threads do that are not asleep.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    /// They work a little, ten times a second.
    Wake,
    /// They run without a pause.
    Run,
}

/// One line of the table.
#[derive(Clone, Copy)]
struct Scene {
    groups: usize,
    active: usize,
    act: Act,
}

impl Scene {
    fn row(self) -> String {
        let Self { groups, active, act } = self;
        let what = if act == Act::Run { "runnable" } else { "active" };
        if active == 0 { format!("{groups} cgroups, idle") } else { format!("{groups} cgroups, {active} {what}") }
    }
}

/// What a process cost.
struct Cost {
    cpu_sec: f64,
    resident_kib: u64,
}

pub(crate) fn run() {
    let load = compile("cc", "sampler-load", &bed::repository("benches/sampler-load.c"), &["-pthread"]);
    for groups in length::of(vec![10, 1000], vec![10, 100, 1000, 10_000]) {
        let scene = |active, act| measured(Scene { groups, active, act }, &load);
        scene(0, Act::Wake);
        if length::is_long() {
            scene(THREADS / 100, Act::Wake);
        }
        if length::is_long() || groups == 1000 {
            scene(THREADS, Act::Run);
        }
    }
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

/// The processes of a scene, once all of them are there.
fn filled(scene: Scene, load: &Path, cgroups: &[Group], file: &Path) -> Started {
    let threads = THREADS / cgroups.len();
    let per_cgroup = match scene.act {
        // One cgroup in a hundred, but at least one.
        Act::Wake => scene.active / cgroups.len().div_ceil(100).max(1),
        Act::Run => threads,
    };
    let mut command = Command::new(load);
    command.args([threads, scene.active, per_cgroup].map(|number| number.to_string())).arg(file);
    if scene.act == Act::Run {
        command.arg("busy");
    }
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

/// Measures a scene, and tells its figures.
fn measured(scene: Scene, load: &Path) {
    let place = Place::new();
    let lxcfs = Lxcfs::start(&place);
    let above = Group::new();
    let cgroups: Vec<Group> = (0..scene.groups).map(|index| above.below(&index.to_string())).collect();
    let sampler = Sampler::start(&place, &[]);
    let processes = filled(scene, load, &cgroups, &lxcfs.mount.join("proc/loadavg"));
    // Once all have started, whoever is outside, such as both daemons, comes first.
    let (file, least) = if bed::version() == bed::Version::V1 { ("cpu.shares", "2") } else { ("cpu.weight", "1") };
    above.set(file, least);
    let key = load_key(&cgroups[scene.groups - 1].path).expect("a key");
    sleep(BEFORE_SEC);
    let before = [&sampler.process, &lxcfs.process].map(cpu_sec);
    let window = length::of(Duration::from_secs(20), Duration::from_secs(60));
    let slip_usec = longest_tick(&place.board(), key, window);
    let after = [&sampler.process, &lxcfs.process].map(cpu_sec);
    let cost = |index: usize, process: &Started| Cost {
        cpu_sec: (after[index] - before[index]) * 60.0 / window.as_secs_f64(),
        resident_kib: resident_kib(process),
    };
    let (ours, theirs) = (cost(0, &sampler.process), cost(1, &lxcfs.process));
    above.set(file, if bed::version() == bed::Version::V1 { "1024" } else { "100" });
    drop(processes);
    assert!(theirs.cpu_sec > 0.0, "lxcfs took no CPU time, so it did not count these cgroups");
    let row = scene.row();
    let tell = |column: &str, value: f64| figures::tell_one("sampler", &row, column, value);
    tell("ours", ours.cpu_sec);
    tell("lxcfs", theirs.cpu_sec);
    tell("MiB, ours", ours.resident_kib as f64 / 1024.0);
    tell("MiB, lxcfs", theirs.resident_kib as f64 / 1024.0);
    tell("longest tick, s", slip_usec as f64 / 1e6);
    drop(cgroups);
}

/// Watches a slot: the longest time between two publications.
fn longest_tick(board: &Path, key: Key, window: Duration) -> u64 {
    let begun = Instant::now();
    let (mut last, mut longest) = (None, 0);
    while begun.elapsed() < window {
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
