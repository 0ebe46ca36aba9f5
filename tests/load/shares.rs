//! Programs show the share of its own capacity that a container uses, as the kernel counted it.

use crate::{
    FAVOURED, HANGS,
    bed::{self, Findings},
    turn,
};

/// Shares of a CPU that processes of the container try to use, out of its 1.5 CPUs. How much they get is up to the
/// machine.
const LEVELS: [(&str, &[&str]); 2] = [("all that may be used", &["1.0", "1.0"]), ("half", &["0.72"])];

const CAPACITY: f64 = 1.5;

/// How long a program watches, minus a little for the clock.
const SECONDS: f64 = 4.98;

/// In percentage points: vmstat shows whole percents of ticks that are themselves rounded.
const ROUNDING: f64 = 1.5;

#[test]
fn programs_show_the_share_of_the_quota_that_is_used() {
    bed::log_machine();
    let mut findings = Findings::default();
    let _turn = turn();
    for (level, duties) in LEVELS {
        let spin: String = duties.iter().map(|duty| format!("python3 duty.py {duty} & ")).collect();
        let script = format!("cd {}; {spin}\npython3 shares.py", bed::programs().display());
        let text = FAVOURED.run(&script, Some(&bed::object()), HANGS).text;
        let counted = counted(&text);
        for (name, busy) in [("top", top_busy as fn(&str) -> f64), ("mpstat", mpstat_busy), ("vmstat", vmstat_busy)] {
            let (window, output) = program(&text, name);
            let (shown, [least, most]) = (busy(output), counted.shares(window));
            println!("{level}: {name} shows {shown:.1} % busy, the kernel counted {least:.1} to {most:.1} %");
            let right = (least - ROUNDING..=most + ROUNDING).contains(&shown);
            findings.check(right, || format!("{level}: {name} shows {shown:.1} % for {least:.1} to {most:.1} %"));
            findings.check((0.0..=100.0).contains(&shown) && most > 5.0, || format!("{level}: {name}: {shown:.1} %"));
        }
    }
    findings.conclude("shares");
}

/// Times, and the CPU time that the kernel had counted by then, both in seconds and in order.
struct Counted(Vec<[f64; 2]>);

fn counted(text: &str) -> Counted {
    let looks = text.lines().filter_map(|line| line.strip_prefix("used "));
    let numbers = |look: &str| look.split(' ').map(|word| word.parse().expect("seconds")).collect::<Vec<f64>>();
    Counted(looks.map(|look| numbers(look).try_into().unwrap_or_else(|it| panic!("{it:?}: {text}"))).collect())
}

impl Counted {
    /// The lowest and the highest share, in percent of the capacity, that may have been used while a program that ran
    /// between these times was watching: when exactly it watched is unknown.
    fn shares(&self, [began, ended]: [f64; 2]) -> [f64; 2] {
        let starts = self.corners(began, ended - SECONDS);
        let ends = self.corners(began + SECONDS, ended);
        let pairs = starts.iter().flat_map(|start| ends.iter().map(move |end| (start, end)));
        let whole = pairs.filter(|(start, end)| end[0] - start[0] >= SECONDS - 0.1);
        let shares = whole.map(|(start, end)| 100.0 * (end[1] - start[1]) / (end[0] - start[0]) / CAPACITY);
        shares.fold([f64::INFINITY, f64::NEG_INFINITY], |[least, most], it| [least.min(it), most.max(it)])
    }

    /// What may have been counted between these times: the extremes between each two looks.
    fn corners(&self, from: f64, to: f64) -> Vec<[f64; 2]> {
        let near = self.0.windows(2).filter(|pair| pair[0][0] <= to && pair[1][0] >= from);
        near.flat_map(|pair| {
            let times = [0, 1].map(|at| pair[at][0].clamp(from, to));
            let used = [0, 1].map(|at| pair[at][1]);
            times.map(|time| used.map(|used| [time, used]))
        })
        .flatten()
        .collect()
    }
}

/// When a program began and ended, and what it printed.
fn program<'a>(text: &'a str, name: &str) -> ([f64; 2], &'a str) {
    let (_, rest) = text.split_once(&format!("program {name} ")).unwrap_or_else(|| panic!("no {name}: {text}"));
    let (times, rest) = rest.split_once('\n').expect("a line");
    let (began, ended) = times.split_once(' ').expect("two times");
    let (output, _) = rest.split_once("\nend\n").unwrap_or_else(|| panic!("no end of {name}: {text}"));
    ([began, ended].map(|time| time.parse().expect("seconds")), output)
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
