//! If a whole system is one container, its load can be compared: it is the kernel's own.

use crate::{
    bed::{self, Findings, Version},
    boards::{self, Sampler, load, slot},
    groups::{Group, load_directory, load_key},
    harness::{averages, busy, kernels},
    processes::{Place, now_usec, sleep, until},
};
use calc::{
    board::{Key, Load},
    load::{ONE, averages_after, hundredths},
};
use std::{fs, path::Path, process::Command, time::Duration};

/// Runnable threads and uninterruptible ones, one load after the other.
const LOADS: [(u32, u32); 7] = [(2, 0), (5, 0), (0, 1), (0, 0), (3, 2), (1, 0), (6, 1)];
/// In how many ticks the kernel must count each load. When the machine is busy elsewhere, the kernel sometimes counts
/// what was running a while before.
const TICKS: usize = 2;

/// Only in the booted kernel, where moving processes disturbs nobody.
#[test]
fn the_load_of_a_whole_system_is_the_kernels() {
    bed::log_machine();
    if !bed::host().is_uml || bed::version() != Version::V2 {
        println!("skipped: the processes of others would have to be moved");
        return;
    }
    let place = Place::alone();
    let group = Group::new();
    // Each CPU counts for itself, and a virtual CPU that the machine did not run in time is counted a tick late.
    let directory = load_directory(&group.path);
    fs::write(directory.join("cpuset.cpus"), "0").expect("one CPU");
    move_all(&directory);
    let key = load_key(&group.path).expect("a key");
    let mut present = None;
    let _sampler = Sampler::start(&place, &[]);
    let mut compared = Compared::default();
    for (running, blocked) in LOADS {
        let known = running + blocked;
        let published = boards::published_usec(&place.board());
        drop(present.replace(busy(running, blocked, None)));
        until("another load", || loads_now(&directory) == known);
        if boards::published_usec(&place.board()) != published {
            // There was a tick meanwhile, whatever was running at that moment.
            compared.last = None;
        }
        let before = compared.same;
        until("the kernel counts this load", || {
            sleep_past_the_next_tick(&place);
            compared.look(settled(&place, key), known);
            compared.same >= before + TICKS
        });
    }
    let published = boards::shown(&load(&place.board(), key).expect("a load"));
    let read = [(); 2].map(|()| shown(&place));
    compared.findings.check(read.contains(&published), || format!("{published} is published, {read:?} is read"));
    move_all(&load_directory(""));
    compared.findings.check(averages(&kernels())[0] > 1.0, || "no load at all".to_owned());
    compared.conclude();
}

/// What the sampler and the kernel report between two ticks.
#[derive(Clone, Debug, PartialEq)]
struct Look {
    published_usec: u64,
    ours: Load,
    kernel: String,
}

impl Look {
    /// Whether one publication followed another directly, or with one more to get into phase with the kernel.
    fn is_next_after(&self, before: &Self) -> bool {
        (1..7_500_000).contains(&(self.published_usec - before.published_usec))
    }

    fn active(&self) -> u32 {
        self.ours.running + self.ours.blocked
    }

    /// The kernel's averages minus ours.
    fn difference(&self) -> [f64; 3] {
        let kernel = averages(&self.kernel);
        std::array::from_fn(|at| kernel[at] - f64::from(self.ours.averages[at]) / f64::from(ONE))
    }

    /// Whether one tick with the number of threads that we counted leads to these averages of the kernel's. First for
    /// the one-minute average, to which a thread adds 0.08, then for all three.
    fn are_the_kernels_after(&self, before: &Self) -> [bool; 2] {
        let raw = kernels_raw(&before.kernel);
        let [least, most] = [0, 1].map(|end| averages_after(raw.map(|it| it[end]), self.active(), 1).map(hundredths));
        let shown = averages(&self.kernel).map(|average| (average * 100.0).round() as u64);
        let is_it = |at: usize| (least[at]..=most[at]).contains(&shown[at]);
        [is_it(0), (0..3).all(is_it)]
    }
}

/// The lowest and the highest average that the kernel shows like each of these.
fn kernels_raw(shown: &str) -> [[u32; 2]; 3] {
    averages(shown).map(|average| {
        let is_it = |raw: &u32| hundredths(*raw) == (average * 100.0).round() as u64;
        let near = (average * f64::from(ONE)) as u32;
        let mut raws = (near.saturating_sub(ONE / 50)..near + ONE / 50).filter(is_it);
        let least = raws.next().expect("an average");
        [least, raws.next_back().unwrap_or(least)]
    })
}

/// Compares both sets of averages, tick by tick.
#[derive(Default)]
struct Compared {
    findings: Findings,
    last: Option<Look>,
    /// By how much the kernel's averages exceed ours since it last counted differently, at first because of booting. It
    /// decays.
    left: [f64; 3],
    /// Ticks in which the kernel counted the same as we did.
    same: usize,
    others: Vec<String>,
    exact: usize,
    looks: usize,
    worst: f64,
}

impl Compared {
    /// Judges how a tick has changed the last look, with `known` threads running or waiting.
    fn look(&mut self, look: Option<Look>, known: u32) {
        let last = std::mem::replace(&mut self.last, look.clone());
        let Some(look) = look else { return };
        let Some(last) = last.filter(|last| look.is_next_after(last)) else {
            self.left = look.difference();
            return;
        };
        self.looks += 1;
        let mut after = last.ours.averages;
        let ticks = (1..=2).find(|_| {
            after = averages_after(after, look.active(), 1);
            after == look.ours.averages
        });
        self.findings.check(ticks.is_some(), || format!("{last:?} was followed by {look:?}"));
        // The observer may be running, too.
        let is_counted = (known..=known + 1).contains(&look.active());
        self.findings.check(is_counted, || format!("{known} threads, counted as {look:?}"));
        self.exact += usize::from(look.active() == known);
        let [is_same, are_all] = look.are_the_kernels_after(&last);
        if ticks == Some(1) && is_same {
            self.findings.check(are_all, || format!("the kernel's {last:?} were followed by {look:?}"));
            self.compare(&look);
        } else {
            self.others.push(format!("{last:?}, {look:?}"));
            self.left = look.difference();
        }
    }

    /// If the kernel counted the same as we did, the averages only differ by what was left from before.
    fn compare(&mut self, look: &Look) {
        const KEPT: [f64; 3] = [1884.0, 2014.0, 2037.0];
        self.same += 1;
        self.left = std::array::from_fn(|at| self.left[at] * KEPT[at] / f64::from(ONE));
        let difference = look.difference();
        let off = (0..3).map(|at| (difference[at] - self.left[at]).abs()).fold(0.0, f64::max);
        self.worst = self.worst.max(off);
        let left = self.left;
        self.findings.check(off <= 0.1, || format!("{look:?} with {left:.2?}: {off} off the kernel's"));
    }

    fn conclude(mut self) {
        let Self { looks, same, exact, worst, others, .. } = &self;
        println!("the worst difference: {worst:.3}; of {looks} ticks {same} alike, {exact} counts exact, {others:#?}");
        let (looks, exact) = (*looks, *exact);
        self.findings.check(looks >= LOADS.len() * TICKS, || format!("{looks} looks"));
        self.findings.check(exact * 2 > looks, || format!("{exact} counts of {looks} are exact"));
        self.findings.conclude("a whole system");
    }
}

/// Sleeps until neither the kernel nor the sampler is about to count. Otherwise one of them may count a thread that
/// runs for a moment and the other not, and a periodic observer would fall on many ticks in a row.
fn sleep_past_the_next_tick(place: &Place) {
    const TICK: f64 = 5.01;
    const PAST_IT: f64 = 1.5;
    let published = boards::published_usec(&place.board()).expect("a publication");
    let since = Duration::from_micros(now_usec().saturating_sub(published)).as_secs_f64();
    sleep(if since < PAST_IT { PAST_IT - since } else { (TICK - since).max(0.0) + PAST_IT });
}

/// The threads of a cgroup that run or wait uninterruptibly, except the observer.
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

/// Both reports, if neither was renewed meanwhile. Looking must take no time: each process started for it would add to
/// the load.
fn settled(place: &Place, key: Key) -> Option<Look> {
    let look = || {
        let slot = slot(&place.board(), key)?;
        Some(Look { published_usec: slot.published().realtime_usec, ours: slot.load()?, kernel: kernels() })
    };
    let before = look();
    sleep(0.7);
    look().filter(|after| before.as_ref() == Some(after))
}

/// What a program under the object reads.
fn shown(place: &Place) -> String {
    let mut command = Command::new("cut");
    command.args(["-d", " ", "-f", "1-3", "/proc/loadavg"]);
    command.env("LD_PRELOAD", bed::object()).env("CGPROC_BOARD", place.board());
    let output = command.output().expect("cut");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
