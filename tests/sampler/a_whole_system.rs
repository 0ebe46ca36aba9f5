//! Where a whole system is one container, its load is the kernel's own: there is something to compare with.

use crate::bed::{self, Findings, Version};
use crate::boards::{self, Sampler, load};
use crate::groups::{Group, load_directory, load_key};
use crate::harness::{averages, busy, kernels};
use crate::processes::{Place, now_usec, sleep, until};
use calc::board::Key;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// From this second on: threads that run, and that wait uninterruptibly.
const LOADS: [(u64, u32, u32); 7] =
    [(0, 2, 0), (25, 5, 0), (52, 0, 1), (78, 0, 0), (103, 3, 2), (138, 1, 0), (161, 6, 1)];
const SECONDS: u64 = 185;
/// Of some 37 ticks.
const LEAST_LOOKS: usize = 20;
const MOST_LATE: usize = 4;

/// In the booted kernel alone: there nobody minds being moved.
#[test]
fn the_load_of_a_whole_system_is_the_kernels() {
    bed::log_machine();
    if !bed::host().is_uml || bed::version() != Version::V2 {
        println!("not here: processes of others would have to be moved");
        return;
    }
    let group = Group::new();
    let place = Place::new();
    // Each CPU counts for itself, and a virtual one that the machine has not run in time is counted a tick too late.
    let directory = load_directory(&group.path);
    fs::write(directory.join("cpuset.cpus"), "0").expect("one CPU");
    move_all(&directory);
    let key = load_key(&group.path).expect("a key");
    let mut present = busy(LOADS[0].1, LOADS[0].2, None);
    let mut known = LOADS[0].1 + LOADS[0].2;
    until("the first load", || loads_now(&directory) == known);
    let sampler = Sampler::start(&place, &[]);
    let begun = Instant::now();
    let mut compared = Compared::beside(averages(&kernels()));
    let mut loads = LOADS.iter().skip(1).peekable();
    while begun.elapsed().as_secs() < SECONDS {
        sleep_past_the_next_tick(&place);
        if let Some((ours, kernel)) = settled(&place, key) {
            compared.look(ours, kernel, counted(&place, key) == known);
        }
        if let Some((_, running, blocked)) = loads.next_if(|(second, ..)| begun.elapsed().as_secs() >= *second) {
            known = running + blocked;
            drop(std::mem::replace(&mut present, busy(*running, *blocked, None)));
            until("another load", || loads_now(&directory) == known);
        }
    }
    let mut findings = Findings::default();
    compared.conclude(&mut findings);
    let published = boards::shown(&load(&place.board(), key).expect("a load"));
    let read = [(); 2].map(|()| shown(&place));
    findings.check(read.contains(&published), || format!("{published} is published, {read:?} is read"));
    move_all(&load_directory(""));
    findings.check(averages(&kernels())[0] > 1.0, || "no load at all".to_owned());
    drop(sampler);
    findings.conclude("a whole system");
}

/// Looks at both averages.
struct Compared {
    /// What the kernel's had more than ours, and since when: it decays in them.
    beside: ([f64; 3], Instant),
    looks: usize,
    worst: f64,
    late: Vec<String>,
    miscounted: usize,
}

impl Compared {
    /// At first that is what booting has left.
    fn beside(averages: [f64; 3]) -> Self {
        Self { beside: (averages, Instant::now()), looks: 0, worst: 0.0, late: Vec::new(), miscounted: 0 }
    }

    /// They differ only where the kernel has miscounted: then `is_counted`, the load as it was is the one that we counted.
    fn look(&mut self, ours: [f64; 3], kernel: [f64; 3], is_counted: bool) {
        let left = still_left(self.beside);
        let off = (0..3).map(|at| (ours[at] + left[at] - kernel[at]).abs()).fold(0.0, f64::max);
        self.looks += 1;
        if off <= 0.1 {
            self.worst = self.worst.max(off);
        } else {
            // Where the machine is busy elsewhere, the kernel at times counts what had been running a while before.
            self.late.push(format!("{ours:?} with {left:.2?} is not {kernel:?}"));
            self.miscounted += usize::from(!is_counted);
            self.beside = (std::array::from_fn(|at| kernel[at] - ours[at]), Instant::now());
        }
    }

    fn conclude(self, findings: &mut Findings) {
        let Self { looks, worst, late, miscounted, .. } = self;
        println!("the worst difference in {SECONDS} seconds: {worst:.3}; {looks} looks, other counts: {late:#?}");
        findings.check(looks >= LEAST_LOOKS, || format!("{looks} looks"));
        findings.check(late.len() <= MOST_LATE, || late.join("\n"));
        findings.check(miscounted == 0, || format!("{miscounted} miscounted by us: {late:#?}"));
    }
}

/// What is left now of averages of another time.
fn still_left((averages, since): ([f64; 3], Instant)) -> [f64; 3] {
    const MINUTES: [f64; 3] = [1.0, 5.0, 15.0];
    let seconds = since.elapsed().as_secs_f64();
    std::array::from_fn(|at| averages[at] * (-seconds / (60.0 * MINUTES[at])).exp())
}

/// Sleeps until neither the kernel nor the sampler counts for a while: what is running for a moment may be counted by the one
/// and not by the other, and what looks every so often would be for many ticks.
fn sleep_past_the_next_tick(place: &Place) {
    const TICK: f64 = 5.01;
    const PAST_IT: f64 = 1.5;
    let published = boards::published_usec(&place.board()).expect("a publication");
    let since = Duration::from_micros(now_usec().saturating_sub(published)).as_secs_f64();
    sleep(if since < PAST_IT { PAST_IT - since } else { (TICK - since).max(0.0) + PAST_IT });
}

/// The threads of a cgroup that run or wait uninterruptibly, but for the one that looks.
fn loads_now(cgroup: &Path) -> u32 {
    let threads = fs::read_to_string(cgroup.join("cgroup.threads")).expect("its threads");
    let is_load = |thread: &&str| {
        let stat = fs::read_to_string(format!("/proc/{thread}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['R', 'D']))
    };
    u32::try_from(threads.lines().filter(is_load).count()).expect("a count") - 1
}

/// Kernel threads stay where they are.
fn move_all(to: &Path) {
    for pid in fs::read_dir("/proc").expect("/proc").filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        if pid.parse::<u32>().is_ok() && fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty()) {
            let _ = fs::write(to.join("cgroup.procs"), pid);
        }
    }
}

/// Both averages, where neither was renewed meanwhile. Looking at them takes no time: every process that is started for it
/// would be a load.
fn settled(place: &Place, key: Key) -> Option<([f64; 3], [f64; 3])> {
    let both = || Some((boards::shown(&load(&place.board(), key)?), kernels()));
    let before = both();
    sleep(0.7);
    let (ours, kernel) = both().filter(|after| before.as_ref() == Some(after))?;
    Some((averages(&ours), averages(&kernel)))
}

/// The threads that were counted when the averages were renewed.
fn counted(place: &Place, key: Key) -> u32 {
    let load = load(&place.board(), key).expect("a load");
    load.running + load.blocked
}

/// What a program under the object reads.
fn shown(place: &Place) -> String {
    let mut command = Command::new("cut");
    command.args(["-d", " ", "-f", "1-3", "/proc/loadavg"]);
    command.env("LD_PRELOAD", bed::object()).env("CGPROC_BOARD", place.board());
    let output = command.output().expect("cut");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
