//! A minute of several containers on a busy machine: each shows its own load, by every door, and as the kernel would.

use crate::bed::{self, Container, Findings, View};
use crate::boards::Sampler;
use crate::harness::{FREE, Running, averages, busy, kernels};
use crate::processes::{Place, now_usec, sleep};
use crate::watch::{Seen, Watch};
use std::collections::BTreeSet;

/// A container's load, and the commands that make it.
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

/// For how long the load stays as it is.
const SECONDS: u64 = 62;

/// Every door, four times over; between two looks at the file, since the figures may change meanwhile.
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
    let place = Place::new();
    let host = busy(8, 0, None);
    let sampler = Sampler::start(&place, &[]);
    let containers: Vec<Running> = CASES.iter().map(|case| start(case, &place)).collect();
    let watch = Watch::start(place.board(), containers.iter().map(Running::key).collect());
    sleep(2.0);
    let begun = now_usec();
    sleep((SECONDS - 6) as f64);
    let ended = now_usec();
    drop(host);
    let mut findings = Findings::default();
    let texts: Vec<String> = containers.into_iter().map(Running::whole).collect();
    let kernel = averages(&kernels());
    let record = watch.end();
    findings.check(kernel[0] > 3.0, || format!("the machine's own load is only {kernel:?}"));
    for (index, (case, text)) in CASES.iter().zip(&texts).enumerate() {
        let constant = |seen: &&Seen| (begun..ended).contains(&seen.realtime_usec);
        let seen: Vec<Seen> = record.slots[index].iter().filter(constant).copied().collect();
        check_formula(&mut findings, case, &seen);
        check_doors(&mut findings, case, text, &record.of_slot(index));
    }
    assert!(sampler.end(libc::SIGTERM).success());
    findings.conclude("containers' own load");
}

fn start(case: &Case, place: &Place) -> Running {
    let script = format!("{}sleep {SECONDS}; kill $(jobs -p) 2>/dev/null; wait 2>/dev/null\n{DOORS}", case.commands);
    Running::start(&Container { view: case.view, ..FREE }, place, &script, 200)
}

/// The kernel's formula in floating point, from tick to tick and from the first to the last.
fn check_formula(findings: &mut Findings, case: &Case, seen: &[Seen]) {
    let active = f64::from(case.running + case.blocked);
    let (mut ticks, mut exact) = (0, 0);
    for pair in seen.windows(2) {
        let load = pair[1].load;
        // A thread that runs may be waiting for a page when it is looked at.
        let right = load.running + load.blocked == case.running + case.blocked;
        findings.check(right, || format!("{}: counted {load:?}", case.name));
        exact += usize::from(load.running == case.running && load.blocked == case.blocked);
        let passed = (0..=2).find(|ticks| distance(&pair[0], &pair[1], active, *ticks) < 0.002);
        findings.check(passed.is_some(), || format!("{}: {:?} was followed by {:?}", case.name, pair[0], pair[1]));
        // Where nothing changes any number of ticks may have passed.
        ticks += if active == 0.0 { 1 } else { passed.unwrap_or(1) };
    }
    findings.check(exact * 2 > seen.len(), || format!("{}: {exact} counts of {} are right", case.name, seen.len()));
    let expected = (SECONDS - 6) / 5;
    findings.check(u64::from(ticks).abs_diff(expected) <= 1, || format!("{}: {ticks} ticks in {seen:?}", case.name));
    let [Some(first), Some(last)] = [seen.first(), seen.last()] else { return };
    let off = distance(first, last, active, ticks);
    println!("{}: {} publications, {ticks} ticks, {off:.4} beside the formula at the end", case.name, seen.len());
    findings.check(off <= 0.05, || format!("{}: {off} beside the formula", case.name));
}

/// How far the averages are from those that the formula gives, `ticks` after others.
fn distance(from: &Seen, to: &Seen, active: f64, ticks: u32) -> f64 {
    let scaled = |seen: &Seen| seen.load.averages.map(|average| f64::from(average) / 2048.0);
    let (from, to) = (scaled(from), scaled(to));
    let off = |index: usize, minutes: f64| {
        let kept = (-5.0 * f64::from(ticks) / 60.0 / minutes).exp();
        (from[index] * kept + active * (1.0 - kept) - to[index]).abs()
    };
    off(0, 1.0).max(off(1, 5.0)).max(off(2, 15.0))
}

fn check_doors(findings: &mut Findings, case: &Case, text: &str, published: &BTreeSet<String>) {
    let mut settled = 0;
    for round in text.split("round\n").skip(1) {
        let doors: Vec<(&str, &str)> = round.lines().filter_map(|line| line.split_once(' ')).collect();
        findings.check(doors.len() == 9, || format!("{}: {} doors: {round}", case.name, doors.len()));
        let [Some((_, first)), Some((_, last))] = [doors.first(), doors.last()] else { continue };
        findings.check(published.contains(*last), || format!("{}: {last} was never published", case.name));
        if first != last {
            continue;
        }
        settled += 1;
        for (door, shown) in &doors {
            // sysinfo(2) cuts off what the file rounds.
            let within = if ["busybox", "sysinfo"].contains(door) { 0.015 } else { 0.0 };
            let alike = averages(shown).iter().zip(averages(first)).all(|(a, b)| (a - b).abs() <= within);
            findings.check(alike, || format!("{}: {door} shows {shown}, the file {first}", case.name));
        }
    }
    findings.check(settled > 0, || format!("{}: no round in which the figures stayed: {text}", case.name));
}
