//! What a container's programs read under load adds up, and never runs backwards.

use crate::{
    FAVOURED, HANGS,
    bed::{self, Container, Findings, PLAIN},
    turn,
};
use std::collections::BTreeMap;

/// Machine constants, and sums over the whole machine's address space: only these lines may exceed a container.
const UNBOUNDED: [&str; 4] = ["Vmalloc", "DirectMap", "Huge", "Committed_AS"];

/// One round of `watch.py`: the lines between two `end`s.
#[derive(Default)]
struct Sample {
    meminfo: BTreeMap<String, u64>,
    /// `cpu`, `cpu0`, ... with their columns.
    stat: BTreeMap<String, Vec<u64>>,
    uptime: Vec<f64>,
    /// Size and use of each line of swaps.
    swaps: Vec<[u64; 2]>,
    /// By the way of asking.
    cpus: BTreeMap<String, u64>,
    pages: Vec<u64>,
    /// CPU time as the kernel itself counts it, in nanoseconds: before the sample and after it.
    used_nsec: Vec<u64>,
}

impl Sample {
    /// CPU time in ticks, as shown.
    fn used(&self) -> u64 {
        self.stat["cpu"][..3].iter().sum()
    }
}

/// A load is watched until there are this many samples, this much CPU time, and this much change in free memory.
const SAMPLES: usize = 200;
const CPU_SECONDS: u64 = 8;
const MOVED_MIB: u64 = 100;

#[test]
fn figures_add_up_under_load() {
    bed::log_machine();
    let mut findings = Findings::default();
    let script = format!(
        "cd {}; export TMPDIR=/var/tmp\n\
         python3 churn.py & python3 duty.py 1.0 & python3 duty.py 0.4 &\n\
         python3 watch.py {SAMPLES} {CPU_SECONDS} {MOVED_MIB}",
        bed::programs().display()
    );
    let _turn = turn();
    let outcome = FAVOURED.run(&script, Some(&bed::object()), HANGS);
    let samples: Vec<Sample> = outcome.text.split("end\n").filter(|t| !t.is_empty()).map(parse).collect();
    findings.check(outcome.status == Some(0), || format!("status {:?}: {}", outcome.status, tail(&outcome.text)));
    findings.check(samples.len() >= SAMPLES, || format!("only {} samples", samples.len()));
    for sample in &samples {
        check_memory(&mut findings, sample);
        check_cpus(&mut findings, sample);
    }
    for pair in samples.windows(2) {
        check_forward(&mut findings, &pair[0], &pair[1]);
        check_used(&mut findings, &samples[0], &pair[1]);
    }
    check_moved(&mut findings, &samples);
    println!("{} samples", samples.len());
    findings.conclude("figures under load");
}

fn tail(text: &str) -> String {
    text.chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect()
}

/// Anything that is not a number from 0 up fails here, including wrapped and negative ones.
fn parse(text: &str) -> Sample {
    let mut sample = Sample::default();
    let number = |word: &str| word.parse().unwrap_or_else(|_| panic!("not a figure: {word:?} in {text:?}"));
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["meminfo", key, value] => _ = sample.meminfo.insert(key.to_owned(), number(value)),
            ["stat", cpu, ref columns @ ..] => {
                let columns = columns.iter().map(|c| number(c)).collect();
                sample.stat.insert(cpu.to_owned(), columns);
            }
            ["uptime", up, idle] => sample.uptime = [up, idle].iter().map(|s| s.parse().expect("seconds")).collect(),
            ["swaps", size, used] => sample.swaps.push([number(size), number(used)]),
            ["cpus", way, count] => _ = sample.cpus.insert(way.to_owned(), number(count)),
            ["pages", physical, available] => sample.pages = vec![number(physical), number(available)],
            ["used", before, after] => sample.used_nsec = vec![number(before), number(after)],
            _ => panic!("unexpected output: {line:?} in {}", tail(text)),
        }
    }
    sample
}

fn check_memory(findings: &mut Findings, sample: &Sample) {
    let kib = |key: &str| *sample.meminfo.get(key).unwrap_or_else(|| panic!("no {key}"));
    let total = kib("MemTotal");
    let seen = || {
        let keys = ["MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapTotal", "SwapFree"];
        format!("{:?}", keys.map(|key| (key, kib(key))))
    };
    findings.check(total == 512 << 10, seen);
    findings.check(kib("MemFree") <= kib("MemAvailable"), seen);
    findings.check(kib("MemAvailable") <= total, seen);
    findings.check(kib("MemFree") + kib("Buffers") + kib("Cached") <= total, seen);
    findings.check(kib("SwapFree") <= kib("SwapTotal"), seen);
    let most = total + kib("SwapTotal");
    for (key, value) in &sample.meminfo {
        let bounded = !UNBOUNDED.iter().any(|prefix| key.starts_with(prefix));
        findings.check(!bounded || *value <= most, || format!("{key} {value} is beyond the container's {most}"));
    }
    for [size, used] in &sample.swaps {
        findings.check(used <= size, || format!("swaps: {used} used of {size}"));
    }
    let [physical, available] = sample.pages[..] else { panic!("no pages") };
    findings.check(physical * 4 == total && available <= physical, || format!("pages {physical} {available}"));
}

fn check_cpus(findings: &mut Findings, sample: &Sample) {
    findings.check(sample.cpus.len() == 6 && sample.cpus.values().all(|&n| n == 2), || format!("{:?}", sample.cpus));
    let sum = &sample.stat["cpu"];
    for column in 0..sum.len() {
        let parts = sample.stat.iter().filter(|(name, _)| *name != "cpu");
        let added: u64 = parts.map(|(_, columns)| columns[column]).sum();
        // Each line is rounded to a tick separately.
        let right = added.abs_diff(sum[column]) <= 2;
        findings.check(right, || format!("column {column} of stat: {} in all, {added} together", sum[column]));
    }
}

/// None of a process's counters runs backwards.
fn check_forward(findings: &mut Findings, before: &Sample, after: &Sample) {
    for (cpu, columns) in &after.stat {
        let earlier = &before.stat[cpu];
        let forward = earlier.iter().zip(columns).all(|(a, b)| a <= b);
        findings.check(forward, || format!("{cpu} went from {earlier:?} to {columns:?}"));
    }
    let forward = before.uptime.iter().zip(&after.uptime).all(|(a, b)| a <= b);
    findings.check(forward, || format!("uptime went from {:?} to {:?}", before.uptime, after.uptime));
}

/// User, nice and system time are each rounded to a tick, at both ends.
const ROUNDING: u64 = 4;

/// The CPU time shown between two samples is what the kernel counted meanwhile, however much the machine gave.
fn check_used(findings: &mut Findings, from: &Sample, to: &Sample) {
    const TICK_NSEC: u64 = 10_000_000;
    let [from_usage, to_usage] = [from, to].map(|it| <[u64; 2]>::try_from(&it.used_nsec[..]).expect("its usage"));
    let least = to_usage[0].saturating_sub(from_usage[1]) / TICK_NSEC;
    let most = (to_usage[1] - from_usage[0]).div_ceil(TICK_NSEC);
    let used = to.used() - from.used();
    let right = (least..=most).contains(&used) || used.abs_diff(least).min(used.abs_diff(most)) <= ROUNDING;
    findings.check(right, || format!("{used} ticks of CPU are shown, the kernel counted {least} to {most}"));
}

/// The load was real: otherwise the checks above saw one sample many times.
fn check_moved(findings: &mut Findings, samples: &[Sample]) {
    let free = samples.iter().map(|s| s.meminfo["MemFree"]);
    let (least, most) = (free.clone().min().unwrap_or(0), free.max().unwrap_or(0));
    findings.check(most - least >= MOVED_MIB << 10, || format!("MemFree stayed between {least} and {most}"));
    let used = samples.last().map_or(0, Sample::used) - samples.first().map_or(0, Sample::used);
    findings.check(used + ROUNDING >= CPU_SECONDS * 100, || format!("{used} ticks of CPU"));
}

/// The same under a cpuset: a container without the first CPU.
#[test]
fn counts_agree_with_a_cpuset() {
    let mut findings = Findings::default();
    let container = Container { cpus: Some("1"), quota_usec: None, ..PLAIN };
    let script = format!("cd {}; python3 watch.py 10", bed::programs().display());
    let outcome = container.run(&script, Some(&bed::object()), HANGS);
    let samples: Vec<Sample> = outcome.text.split("end\n").filter(|t| !t.is_empty()).map(parse).collect();
    findings.check(samples.len() == 10, || tail(&outcome.text));
    for sample in &samples {
        let one = sample.cpus.len() == 6 && sample.cpus.values().all(|&n| n == 1);
        findings.check(one, || format!("{:?}", sample.cpus));
        findings.check(sample.stat.contains_key("cpu1"), || format!("{:?}", sample.stat.keys()));
    }
    findings.conclude("a cpuset");
}

/// Half a second at lower priority, by the kernel's own count if it has one (some lack it in user mode altogether);
/// then that count around what is shown.
const NICE: &str = "\
counted() { grep -E '^(user|nice)_usec ' /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/cpuacct/cpu.stat 2> /dev/null | sed 's/.*://'; }
nice -n 10 python3 -c 'import time\nwhile time.process_time() < 0.5:\n for _ in range(100000): pass'
counted; head -n 1 /proc/stat; counted; true";

#[test]
fn time_at_lower_priority_has_its_column() {
    let text = PLAIN.run(NICE, Some(&bed::object()), HANGS).text;
    println!("{text}");
    let counts = |key: &str| -> Vec<u64> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(key));
        lines.map(|usec| usec.trim().parse::<u64>().expect("microseconds") / 10_000).collect()
    };
    let line = text.lines().find_map(|line| line.strip_prefix("cpu ")).unwrap_or_else(|| panic!("no sum: {text}"));
    let shown: Vec<u64> = line.split_whitespace().map(|ticks| ticks.parse().expect("ticks")).collect();
    assert!(shown[..3].iter().sum::<u64>() >= 48, "half a second was used: {text}");
    match (&counts("nice_usec ")[..], &counts("user_usec ")[..]) {
        // Version 1, and kernels before 6.13, include it in user time.
        ([], _) => assert_eq!(shown[1], 0, "{text}"),
        (&[before, after], &[all_before, all_after]) => {
            assert!((before.min(all_before)..=after).contains(&shown[1]), "{text}");
            assert!((all_before..=all_after).contains(&(shown[0] + shown[1])), "{text}");
        }
        other => panic!("{other:?}: {text}"),
    }
}
