//! Where a whole system is one container, its load is the kernel's own: there is something to compare with.

use crate::bed::{self, Findings, Version};
use crate::boards::{self, Sampler, load};
use crate::groups::{Group, load_key};
use crate::harness::{averages, busy, kernels};
use crate::processes::{Place, now_usec, sleep};
use calc::board::Key;
use std::fs;
use std::process::Command;
use std::time::Instant;

/// From this second on: threads that run, and that wait uninterruptibly.
const LOADS: [(u64, u32, u32); 7] =
    [(0, 2, 0), (25, 5, 0), (52, 0, 1), (78, 0, 0), (103, 3, 2), (138, 1, 0), (161, 6, 1)];
const SECONDS: u64 = 185;

/// In the booted kernel alone: there nobody minds being moved. What booting has left in the kernel's averages decays in
/// them, beside what is compared.
#[test]
fn the_load_of_a_whole_system_is_the_kernels() {
    bed::log_machine();
    if !bed::host().is_uml || bed::version() != Version::V2 {
        println!("not here: processes of others would have to be moved");
        return;
    }
    let group = Group::new();
    let place = Place::new();
    move_all(&format!("/sys/fs/cgroup/{}", group.path));
    let key = load_key(&group.path).expect("a key");
    let mut present = busy(LOADS[0].1, LOADS[0].2, None);
    let sampler = Sampler::start(&place, &[]);
    let (begun, left) = (Instant::now(), averages(&kernels()));
    let mut findings = Findings::default();
    let mut worst = 0.0f64;
    let mut loads = LOADS.iter().skip(1).peekable();
    while begun.elapsed().as_secs() < SECONDS {
        let is_time = |second: u64| begun.elapsed().as_secs() >= second && is_between_ticks(&place);
        if let Some((_, running, blocked)) = loads.next_if(|(second, ..)| is_time(*second)) {
            drop(std::mem::replace(&mut present, busy(*running, *blocked, None)));
        }
        if let Some((ours, kernel)) = settled(&place, key) {
            let left = still_left(left, begun.elapsed().as_secs_f64());
            let off = (0..3).map(|at| (ours[at] + left[at] - kernel[at]).abs()).fold(0.0, f64::max);
            worst = worst.max(off);
            findings.check(off <= 0.1, || {
                format!("at {:?}: ours {ours:?}, {left:?} from before, the kernel's {kernel:?}", begun.elapsed())
            });
        }
    }
    println!("the worst difference in {SECONDS} seconds: {worst:.3}");
    let published = boards::shown(&load(&place.board(), key).expect("a load"));
    let read = [(); 2].map(|()| shown(&place));
    findings.check(read.contains(&published), || format!("{published} is published, {read:?} is read"));
    move_all("/sys/fs/cgroup");
    findings.check(worst > 0.0 || averages(&kernels())[0] > 1.0, || "no load at all".to_owned());
    drop(sampler);
    findings.conclude("a whole system");
}

/// What is left of the averages `seconds` later.
fn still_left(averages: [f64; 3], seconds: f64) -> [f64; 3] {
    const MINUTES: [f64; 3] = [1.0, 5.0, 15.0];
    std::array::from_fn(|at| averages[at] * (-seconds / (60.0 * MINUTES[at])).exp())
}

/// Whether neither the kernel nor the sampler counts for a while: what is just being started or ended may be counted by the
/// one and not by the other.
fn is_between_ticks(place: &Place) -> bool {
    let since = boards::published_usec(&place.board()).map(|moment| now_usec().saturating_sub(moment));
    since.is_some_and(|usec| (1_000_000..3_000_000).contains(&usec))
}

/// Kernel threads stay where they are.
fn move_all(to: &str) {
    for pid in fs::read_dir("/proc").expect("/proc").filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        if pid.parse::<u32>().is_ok() && fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty()) {
            let _ = fs::write(format!("{to}/cgroup.procs"), pid);
        }
    }
}

/// Both averages, where neither was renewed meanwhile and both have had the time to be. Looking at them takes no time: every process
/// that is started for it would be a load.
fn settled(place: &Place, key: Key) -> Option<([f64; 3], [f64; 3])> {
    let both = || Some((boards::shown(&load(&place.board(), key)?), kernels()));
    let before = both();
    sleep(0.7);
    let (ours, kernel) = both().filter(|after| before.as_ref() == Some(after))?;
    Some((averages(&ours), averages(&kernel)))
}

/// What a program under the object reads.
fn shown(place: &Place) -> String {
    let mut command = Command::new("cut");
    command.args(["-d", " ", "-f", "1-3", "/proc/loadavg"]);
    command.env("LD_PRELOAD", bed::object()).env("CGPROC_BOARD", place.board());
    let output = command.output().expect("cut");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
