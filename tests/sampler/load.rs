//! Several containers on a busy machine: each shows its own load in all ways, calculated as the kernel would.

use crate::{
    bed::{self, Container, Findings, View},
    boards::{Sampler, load, published_usec, shown},
    harness::{AWAIT_GO, COUNTED, MACHINE_LEAST, Running, averages, kernels, machine_load},
    processes::{Place, now_usec, until},
    watch::{Seen, Watch},
};
use calc::board::Key;
use std::collections::BTreeSet;

/// A container's load, and the commands that create it.
struct Case {
    name: &'static str,
    view: View,
    running: u32,
    blocked: u32,
    commands: &'static str,
}

const CASES: [Case; 5] = [
    Case { name: "idle", view: View::Namespace, running: 0, blocked: 0, commands: "" },
    Case { name: "one runs", view: View::Bind, running: 1, blocked: 0, commands: "./busy 1 0 & " },
    Case { name: "three run", view: View::Raw, running: 3, blocked: 0, commands: "./busy 3 0 20 & " },
    Case { name: "one runs, two wait", view: View::Namespace, running: 1, blocked: 2, commands: "./busy 1 2 & " },
    Case {
        name: "one runs, one below",
        view: View::Namespace,
        running: 2,
        blocked: 0,
        commands: "for d in /sys/fs/cgroup/cpuacct /sys/fs/cgroup; do [ -e $d/cgroup.procs ] && break; done\n\
                   mkdir $d/inner; (echo $BASHPID >$d/inner/cgroup.procs; exec ./busy 1 0) & ./busy 1 0 & ",
    },
];

/// For how many samples the load stays constant, starting with the first that has averages.
const SAMPLES: usize = 7;

/// Every way of asking, four times. The file is read before and after, because the figures may change meanwhile.
const DOORS: &str = "average() { echo $1 $(sed -n '1s/.*average: //;1s/,//gp'); }
file() { read -r a b c rest </proc/loadavg; echo file $a $b $c; }
for i in 1 2 3 4; do
  echo round; file
  uptime | average uptime; w | average w; top -b -n 1 | average top; busybox uptime | average busybox
  python3 doors.py
  file
done
exit 0";

#[test]
fn containers_show_their_own_load() {
    bed::log_machine();
    let mut findings = Findings::default();
    let place = Place::new();
    let host = machine_load();
    let sampler = Sampler::start(&place, &[]);
    let containers: Vec<Running> = CASES.iter().map(|case| start(case, &place)).collect();
    let keys: Vec<Key> = containers.iter().map(Running::key).collect();
    let watch = Watch::start(place.board(), keys.clone());
    until("all loads are counted", || keys.iter().zip(&CASES).all(|(key, case)| case.is_counted(&place, *key)));
    let begun = now_usec();
    let mut published = BTreeSet::new();
    until("enough samples", || {
        published.extend(published_usec(&place.board()).filter(|moment| *moment > begun));
        published.len() > SAMPLES
    });
    // From the second sample on, every thread existed at every tick; the last one is not over yet.
    let [Some(begun), Some(ended)] = [published.first(), published.last()] else { panic!("{published:?}") };
    let (begun, ended) = (*begun, *ended);
    containers.iter().for_each(Running::go);
    let texts: Vec<String> = containers.into_iter().map(Running::whole).collect();
    let kernel = averages(&kernels());
    drop(host);
    let record = watch.end();
    findings.check(kernel[0] > MACHINE_LEAST, || format!("the machine's own load is only {kernel:?}"));
    for (index, (case, text)) in CASES.iter().zip(&texts).enumerate() {
        let constant = |seen: &&Seen| (begun..=ended).contains(&seen.realtime_usec);
        let seen: Vec<Seen> = record.slots[index].iter().filter(constant).copied().collect();
        check_formula(&mut findings, case, &seen);
        check_doors(&mut findings, case, text, &record.slots[index]);
    }
    assert!(sampler.end(libc::SIGTERM).success());
    findings.conclude("containers' own load");
}

fn start(case: &Case, place: &Place) -> Running {
    let script = format!("{}{AWAIT_GO}; kill $(jobs -p) 2>/dev/null; wait 2>/dev/null\n{DOORS}", case.commands);
    Running::start(&Container { view: case.view, ..COUNTED }, place, &script, bed::PATIENCE_SEC)
}

impl Case {
    fn active(&self) -> u32 {
        self.running + self.blocked
    }

    /// Whether all of its threads exist and nothing else is active.
    fn is_counted(&self, place: &Place, key: Key) -> bool {
        load(&place.board(), key).is_some_and(|load| (load.running, load.blocked) == (self.running, self.blocked))
    }
}

/// The kernel's formula in floating point, from tick to tick and from the first to the last.
fn check_formula(findings: &mut Findings, case: &Case, seen: &[Seen]) {
    let active = f64::from(case.active());
    let (mut ticks, mut exact) = (0, 0);
    for pair in seen.windows(2) {
        let load = pair[1].load;
        // A running thread may be waiting for a page when the sampler looks.
        let right = load.running + load.blocked == case.active();
        findings.check(right, || format!("{}: counted {load:?}", case.name));
        exact += usize::from(load.running == case.running && load.blocked == case.blocked);
        // A late sampler catches up.
        let passed = (0..=12).find(|ticks| distance(&pair[0], &pair[1], active, *ticks) < 0.002);
        findings.check(passed.is_some(), || format!("{}: {:?} was followed by {:?}", case.name, pair[0], pair[1]));
        ticks += passed.unwrap_or(1);
    }
    findings.check(exact * 2 > seen.len(), || format!("{}: {exact} counts of {} are right", case.name, seen.len()));
    let [Some(first), Some(last)] = [seen.first(), seen.last()] else { return };
    let expected = (last.realtime_usec - first.realtime_usec + 2_500_000) / 5_004_000;
    // If nothing changes, any number of ticks may have passed.
    if active == 0.0 {
        ticks = u32::try_from(expected).expect("ticks");
    }
    let right = u64::from(ticks).abs_diff(expected) <= 1 && seen.len() as u64 <= expected + 2;
    findings.check(right, || format!("{}: {ticks} ticks in {seen:?}", case.name));
    let off = distance(first, last, active, ticks);
    println!("{}: {} publications, {ticks} ticks, {off:.4} off the formula at the end", case.name, seen.len());
    findings.check(off <= 0.05, || format!("{}: {off} off the formula", case.name));
}

/// How far the averages are from what the formula gives `ticks` later.
fn distance(from: &Seen, to: &Seen, active: f64, ticks: u32) -> f64 {
    let scaled = |seen: &Seen| seen.load.averages.map(|average| f64::from(average) / 2048.0);
    let (from, to) = (scaled(from), scaled(to));
    let off = |index: usize, minutes: f64| {
        let kept = (-5.0 * f64::from(ticks) / 60.0 / minutes).exp();
        (from[index] * kept + active * (1.0 - kept) - to[index]).abs()
    };
    off(0, 1.0).max(off(1, 5.0)).max(off(2, 15.0))
}

/// Each door shows something published between the two reads of the file around it.
fn check_doors(findings: &mut Findings, case: &Case, text: &str, published: &[Seen]) {
    let published: Vec<String> = published.iter().map(|seen| shown(&seen.load)).collect();
    let mut rounds = 0;
    for round in text.split("round\n").skip(1) {
        let doors: Vec<(&str, &str)> = round.lines().filter_map(|line| line.split_once(' ')).collect();
        findings.check(doors.len() == 9, || format!("{}: {} doors: {round}", case.name, doors.len()));
        let [Some((_, first)), Some((_, last))] = [doors.first(), doors.last()] else { continue };
        let from = published.iter().position(|it| it == first);
        let to = published.iter().rposition(|it| it == last);
        let meanwhile = from.zip(to).and_then(|(from, to)| published.get(from..=to)).unwrap_or_default();
        findings.check(!meanwhile.is_empty(), || format!("{}: {first}, {last} was never published", case.name));
        rounds += 1;
        for (door, shown) in &doors {
            // sysinfo(2) truncates what the file rounds.
            let within = if ["busybox", "sysinfo"].contains(door) { 0.015 } else { 0.0 };
            let is_alike = |it: &String| averages(shown).iter().zip(averages(it)).all(|(a, b)| (a - b).abs() <= within);
            let right = meanwhile.iter().any(is_alike);
            findings.check(right, || format!("{}: {door} shows {shown}, the file {meanwhile:?}", case.name));
        }
    }
    findings.check(rounds == 4, || format!("{}: {rounds} rounds: {text}", case.name));
}
