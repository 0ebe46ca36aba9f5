//! Every figure of 200 cgroups is what the kernel's files say.

use crate::{
    bed::{self, Findings, until_but},
    boards::Sampler,
    processes::Place,
    shown::{All, by_metrics, by_top, computed},
    stirred::{Role, Stirred},
};
use std::{cell::RefCell, collections::BTreeSet};

/// How far a figure may be from what the script computed, or from the range between two such figures.
const TOLERANCE: f64 = 0.01;

const COUNT: usize = 200;

/// Figures that are compared, as (path, name).
type Pending = BTreeSet<(String, String)>;

#[test]
fn top_and_metrics_show_what_the_files_say() {
    bed::log_machine();
    let place = Place::new();
    let stirred = Stirred::start(COUNT);
    let sampler = Sampler::start(&place, &[]);
    let top = format!("/{}", stirred.top.path);
    agree("cgproc top", &stirred, || by_top(&place.board(), &top, 1).pop().expect("a sample"));
    agree("cgproc metrics", &stirred, || by_metrics(&place.board()));
    check_rates(&by_top(&place.board(), &top, 3), &stirred);
    assert!(sampler.end(libc::SIGTERM).success());
}

/// Compares until every figure was right once: it lies between what the script computed just before and just after. One
/// that goes up and down may have been elsewhere in between, but not each time.
fn agree(who: &str, stirred: &Stirred, show: impl Fn() -> All) {
    let paths: Vec<String> = stirred.paths().into_iter().map(|(path, _)| path).collect();
    let compute = || computed(paths.iter().map(String::as_str));
    let mut after = compute();
    let all: Pending = after.iter().flat_map(|(path, it)| it.keys().map(|name| (path.clone(), name.clone()))).collect();
    check_range(&after, &all);
    let mut pending = all.clone();
    let wrong: RefCell<Vec<String>> = RefCell::default();
    until_but(
        &format!("{who} agrees"),
        || {
            let before = std::mem::take(&mut after);
            let shown = show();
            after = compute();
            let mut wrong = wrong.borrow_mut();
            wrong.clear();
            pending.retain(|(path, name)| {
                let of = |all: &All| all.get(path).and_then(|figures| figures.get(name).copied());
                let (before, shown, after) = (of(&before), of(&shown), of(&after));
                let is_right = before.zip(after).zip(shown).is_some_and(|(range, shown)| is_within(range, shown));
                if !is_right && wrong.len() < 10 {
                    wrong.push(format!("{name} of {path}: {before:?}, shown {shown:?}, {after:?}"));
                }
                !is_right
            });
            pending.is_empty()
        },
        || wrong.borrow().join("\n"),
    );
    println!("{who}: {} figures of {} cgroups are right", all.len(), paths.len());
}

/// Whether a figure is near the range of two others; what is counted in whole units may be one off.
fn is_within((one, other): (f64, f64), shown: f64) -> bool {
    let (low, high) = (one.min(other), one.max(other));
    shown >= low - low * TOLERANCE - 1.0 && shown <= high + high * TOLERANCE + 1.0
}

/// Something must have happened in these cgroups, or nothing is proved.
fn check_range(all: &All, pending: &Pending) {
    let mut findings = Findings::default();
    findings.check(pending.len() > COUNT * 15, || format!("only {} figures", pending.len()));
    for name in ["cpu_usage_usec", "cpu_throttled_usec", "memory_working_set_bytes", "memory_cache_bytes", "threads"] {
        let most = all.values().filter_map(|figures| figures.get(name).copied()).fold(0.0, f64::max);
        findings.check(most > 1.0, || format!("{name}: at most {most}"));
    }
    findings.conclude("what happens in the cgroups");
}

/// Rates are what the counters of the same two samples give, by the times at which they were read.
fn check_rates(samples: &[All], stirred: &Stirred) {
    let mut findings = Findings::default();
    let mut busiest = 0.0_f64;
    for pair in samples.windows(2) {
        let [before, after] = pair else { continue };
        for (path, role) in stirred.paths() {
            let of = |all: &All, name: &str| all.get(&path).and_then(|figures| figures.get(name).copied());
            let passed = |name: &str| Some(of(after, name)? - of(before, name)?);
            let Some((used, time)) = passed("cpu_usage_usec").zip(passed("monotonic_usec")) else {
                findings.check(false, || format!("{path}: no CPU time"));
                continue;
            };
            let expected = used / time;
            let shown = of(after, "cpu_cpus").unwrap_or(f64::NAN);
            let is_right = (shown - expected).abs() <= expected * TOLERANCE + 1e-6;
            findings.check(is_right, || format!("{path}: {shown} CPUs, but {expected}"));
            if matches!(role, Role::Run(_)) {
                busiest = busiest.max(expected);
            }
        }
    }
    findings.check(busiest > 0.0, || "nothing ran".to_owned());
    findings.conclude("rates");
}
