//! Figures under load: whatever a container does, what its programs read adds up, never runs backwards, and shows the share of
//! its own capacity that it uses. And a file that a program keeps open is as fresh as the kernel's own.

mod bed;

use bed::{Container, Findings, PLAIN, Version};
use std::collections::BTreeMap;
use std::path::Path;

/// Machine constants and sums over the whole machine's address space: the only lines that may exceed a container.
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
    /// By where the count was asked for.
    cpus: BTreeMap<String, u64>,
    pages: Vec<u64>,
}

#[test]
fn figures_add_up_for_a_minute_of_load() {
    bed::log_machine();
    let script = format!(
        "cd {}; export TMPDIR=/var/tmp\n\
         python3 churn.py & python3 duty.py 1.0 & python3 duty.py 0.4 &\n\
         python3 watch.py 60",
        bed::programs().display()
    );
    let outcome = PLAIN.run(&script, Some(&bed::object()), 120);
    let samples: Vec<Sample> = outcome.text.split("end\n").filter(|t| !t.is_empty()).map(parse).collect();
    let mut findings = Findings::default();
    findings.check(outcome.status == Some(0), || format!("status {:?}: {}", outcome.status, tail(&outcome.text)));
    findings.check(samples.len() >= 100, || format!("only {} samples in a minute", samples.len()));
    for sample in &samples {
        check_memory(&mut findings, sample);
        check_cpus(&mut findings, sample);
    }
    for pair in samples.windows(2) {
        check_forward(&mut findings, &pair[0], &pair[1]);
    }
    check_moved(&mut findings, &samples);
    println!("{} samples", samples.len());
    findings.conclude("a minute of load");
}

fn tail(text: &str) -> String {
    text.chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect()
}

/// Anything that is not a number from 0 up, a wrapped or negative one included, fails here.
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
        // Each line is rounded to a tick by itself.
        let right = added.abs_diff(sum[column]) <= 2;
        findings.check(right, || format!("column {column} of stat: {} in all, {added} together", sum[column]));
    }
}

/// No counter of a process runs backwards.
fn check_forward(findings: &mut Findings, before: &Sample, after: &Sample) {
    for (cpu, columns) in &after.stat {
        let earlier = &before.stat[cpu];
        let forward = earlier.iter().zip(columns).all(|(a, b)| a <= b);
        findings.check(forward, || format!("{cpu} went from {earlier:?} to {columns:?}"));
    }
    let forward = before.uptime.iter().zip(&after.uptime).all(|(a, b)| a <= b);
    findings.check(forward, || format!("uptime went from {:?} to {:?}", before.uptime, after.uptime));
}

/// The load was there: else the checks above saw one sample many times.
fn check_moved(findings: &mut Findings, samples: &[Sample]) {
    let free = samples.iter().map(|s| s.meminfo["MemFree"]);
    let (least, most) = (free.clone().min().unwrap_or(0), free.max().unwrap_or(0));
    findings.check(most - least > 100 << 10, || format!("MemFree stayed between {least} and {most}"));
    let busy = |s: &Sample| s.stat["cpu"][0] + s.stat["cpu"][2];
    let used = samples.last().map_or(0, busy) - samples.first().map_or(0, busy);
    findings.check(used > 3000, || format!("{used} ticks of CPU in a minute"));
}

/// A share of the container's 1.5 CPUs: the processes that use it, what they must have used for the window to count, and the
/// percentages that programs may show.
struct Level {
    name: &'static str,
    duties: &'static [&'static str],
    used: std::ops::RangeInclusive<f64>,
    shown: std::ops::RangeInclusive<f64>,
}

const LEVELS: [Level; 2] = [
    Level { name: "fully used", duties: &["1.0", "1.0"], used: 98.5..=100.9, shown: 98.0..=100.0 },
    // The watching programs use some too, more of it where a process is dear to start.
    Level { name: "half used", duties: &["0.72"], used: 47.0..=53.0, shown: 45.0..=55.0 },
];

/// What a program shows is this close to the truth, in points: it starts and ends a little beside the window.
const CLOSE: f64 = 4.0;

/// Percentages of one window of five seconds: used in truth, and as each program shows it.
struct Window {
    used: f64,
    shown: Vec<(&'static str, f64)>,
}

#[test]
fn programs_show_the_share_of_the_quota_that_is_used() {
    bed::log_machine();
    let mut findings = Findings::default();
    for level in &LEVELS {
        let window = window_at(level);
        println!("{}: {:.1} % of 1.5 CPUs used; shown {:?}", level.name, window.used, window.shown);
        for (program, busy) in window.shown {
            findings.check(level.shown.contains(&busy), || {
                format!("{}: {program} shows {busy:.1} % busy, {:.1} % of the quota was used", level.name, window.used)
            });
            findings.check((busy - window.used).abs() <= CLOSE, || {
                format!("{}: {program} shows {busy:.1} % busy for {:.1} %", level.name, window.used)
            });
        }
    }
    findings.conclude("shares");
}

/// A window in which the machine let the container have its share; other work on the machine may take it away.
fn window_at(level: &Level) -> Window {
    let mut seen = Vec::new();
    for _ in 0..6 {
        let window = measure(level);
        if level.used.contains(&window.used) {
            return window;
        }
        seen.push(window.used);
    }
    panic!("{}: the machine is too busy: the container used {seen:?} %, not {:?}", level.name, level.used);
}

fn measure(level: &Level) -> Window {
    let usage = match bed::version() {
        Version::V1 => "cat /sys/fs/cgroup/cpuacct/cpuacct.usage",
        Version::V2 => "awk '/^usage_usec/ {print $2 * 1000}' /sys/fs/cgroup/cpu.stat",
    };
    let spin: String = level.duties.iter().map(|duty| format!("python3 duty.py {duty} & ")).collect();
    // Once the programs have read their first sample, five seconds; the truth is taken over the same time.
    let script = format!(
        "cd {}; {spin}\nsleep 1; usage() {{ echo usage $(date +%s%N) $({usage}); }}\n\
         top -b -d 5 -n 2 | grep '^%Cpu' >top.$$ & top=$!\n\
         mpstat 5 1 >mpstat.$$ & mpstat=$!\n\
         vmstat 5 2 >vmstat.$$ & vmstat=$!\n\
         usage; sleep 4.5; usage; wait $top $mpstat $vmstat\n\
         cat top.$$ mpstat.$$ vmstat.$$; rm top.$$ mpstat.$$ vmstat.$$",
        bed::programs().display()
    );
    let favoured = Container { is_favoured: true, ..PLAIN };
    let text = favoured.run(&script, Some(&bed::object()), 40).text;
    let marks: Vec<Vec<f64>> = text
        .lines()
        .filter_map(|l| l.strip_prefix("usage "))
        .map(|l| l.split(' ').map(|w| w.parse().expect("nanoseconds")).collect())
        .collect();
    let [before, after] = &marks[..] else { panic!("no usage: {text}") };
    let used = 100.0 * (after[1] - before[1]) / (after[0] - before[0]) / 1.5;
    Window {
        used,
        shown: vec![("top", top_busy(&text)), ("mpstat", mpstat_busy(&text)), ("vmstat", vmstat_busy(&text))],
    }
}

/// `%Cpu(s): 50.0 us, ... 48.2 id, ...`, the second sample.
fn top_busy(text: &str) -> f64 {
    let line = text.lines().filter(|l| l.starts_with("%Cpu")).nth(1).unwrap_or_else(|| panic!("no top: {text}"));
    let idle = line.split(',').find_map(|part| part.trim().strip_suffix(" id"));
    100.0 - idle.and_then(|i| i.trim().parse::<f64>().ok()).unwrap_or_else(|| panic!("no idle share: {line}"))
}

/// `Average: all ... %idle`.
fn mpstat_busy(text: &str) -> f64 {
    let line = text.lines().find(|l| l.starts_with("Average:")).unwrap_or_else(|| panic!("no mpstat: {text}"));
    100.0 - line.split_whitespace().last().and_then(|w| w.parse::<f64>().ok()).expect("%idle")
}

/// The last line; the column under `id`.
fn vmstat_busy(text: &str) -> f64 {
    let mut lines = text.lines().skip_while(|l| !l.contains("swpd"));
    let header = lines.next().unwrap_or_else(|| panic!("no vmstat: {text}"));
    let column = header.split_whitespace().position(|word| word == "id").expect("id");
    let line = lines.nth(1).unwrap_or_else(|| panic!("no second line of vmstat: {text}"));
    100.0 - line.split_whitespace().nth(column).and_then(|w| w.parse::<f64>().ok()).expect("id")
}

const TAKEN_MIB: u64 = 120;

/// The memory taken, and that of the program which takes it.
fn is_taken(kib: u64) -> bool {
    (TAKEN_MIB - 4..TAKEN_MIB + 20).contains(&(kib >> 10))
}

/// Every way of reading a kept file again is as fresh under the object as natively, and shows the memory that was taken.
#[test]
fn kept_files_are_as_fresh_as_the_kernels() {
    let script = format!("cd {}; ./kept {TAKEN_MIB}; ./kept.py {TAKEN_MIB}", bed::programs().display());
    let object = bed::object();
    let [with, without] = [Some(&*object), None].map(|preload: Option<&Path>| PLAIN.run(&script, preload, 60).text);
    let ways = |text: &str| -> Vec<(String, u64, u64, String)> {
        let row = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
            [way, before, after, state] => {
                let kib = |word: &str| word.parse().unwrap_or_else(|_| panic!("not a figure: {line:?}"));
                (way.to_owned(), kib(before), kib(after), state.to_owned())
            }
            _ => panic!("unexpected output: {text}"),
        };
        text.lines().map(row).collect()
    };
    let (with, without) = (ways(&with), ways(&without));
    let mut findings = Findings::default();
    findings.check(with.len() == without.len() && with.len() >= 8, || format!("{with:?} {without:?}"));
    for ((way, before, after, state), (_, _, _, native)) in with.into_iter().zip(without) {
        println!("{way}: {before} -> {after} KiB free, {state}, natively {native}");
        findings.check(state == native, || format!("{way}: {state} under the object, {native} natively"));
        let shown = before.saturating_sub(after);
        findings.check(state == "stale" || is_taken(shown), || format!("{way}: {shown} KiB less of {TAKEN_MIB} MiB"));
    }
    findings.conclude("kept files");
}

/// Programs that show free memory over and over, while another takes some: they see it go where they do natively.
/// (vmstat of procps 4.0.2 repeats its first figure, natively too.)
#[test]
fn watching_programs_see_memory_move() {
    let take =
        format!("(sleep 2.5; exec python3 -c 'import time; x = bytearray({TAKEN_MIB} << 20); time.sleep(20)') &\n");
    let object = bed::object();
    let mut findings = Findings::default();
    for command in [
        "free -k -s 1 -c 9 | awk '/^Mem:/ {print $4}'",
        "vmstat -n 1 6 | awk 'NR > 2 {print $4}'",
        "top -b -d 8 -n 2 -E k | awk '/^KiB Mem/ {print $6}'",
        "LC_ALL=C sar -r 1 8 | awk '/^[0-9].*[0-9]$/ {print $2}'",
        "busybox top -b -d 8 -n 2 | awk '/^Mem:/ {print $4 + 0}'",
    ] {
        let [under, native] = [Some(&*object), None].map(|preload| {
            let text = PLAIN.run(&format!("{take}{command}"), preload, 30).text;
            text.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<u64>>()
        });
        let moved = |free: &[u64]| free.iter().max().zip(free.iter().min()).map_or(0, |(most, least)| most - least);
        println!("{command}: {under:?}, natively {native:?}");
        findings.check(under.len() >= 2 && under.len() == native.len(), || format!("{command}: {under:?} {native:?}"));
        // The machine's other work moves its memory too; a program that never looks again shows no change at all.
        let moves_natively = moved(&native) > 0;
        let right = if moves_natively { is_taken(moved(&under)) } else { moved(&under) == 0 };
        findings.check(right, || format!("{command}: free memory went {under:?}, natively {native:?}"));
    }
    findings.conclude("watching programs");
}

/// The same under a cpuset: a container whose CPU is not the first.
#[test]
fn counts_agree_with_a_cpuset() {
    let container = Container { cpus: Some("1"), quota_usec: None, ..PLAIN };
    let script = format!("cd {}; python3 watch.py 1", bed::programs().display());
    let outcome = container.run(&script, Some(&bed::object()), 20);
    let samples: Vec<Sample> = outcome.text.split("end\n").filter(|t| !t.is_empty()).map(parse).collect();
    let mut findings = Findings::default();
    for sample in &samples {
        let one = sample.cpus.len() == 6 && sample.cpus.values().all(|&n| n == 1);
        findings.check(one, || format!("{:?}", sample.cpus));
        findings.check(sample.stat.contains_key("cpu1"), || format!("{:?}", sample.stat.keys()));
    }
    findings.conclude("a cpuset");
}
