//! The load averages shown are the kernel's formula of what runs.

use crate::{
    bed::{self, Findings},
    boards::{Sampler, published_usec},
    processes::{Place, until},
    shown::{All, by_metrics, by_top},
    stirred::{Role, Stirred},
};
use std::collections::BTreeSet;

/// After how many publications the averages are looked at.
const PUBLICATIONS: usize = 4;

#[test]
fn top_and_metrics_show_the_kernels_load() {
    bed::log_machine();
    let place = Place::new();
    let stirred = Stirred::start(40);
    let sampler = Sampler::start(&place, &[]);
    let mut published = BTreeSet::new();
    until("averages have built up", || {
        published.extend(published_usec(&place.board()));
        published.len() >= PUBLICATIONS
    });
    let top = format!("/{}", stirred.top.path);
    let mut findings = Findings::default();
    check(&mut findings, "cgproc top", &by_top(&place.board(), &top, 1).pop().expect("a sample"), &stirred);
    check(&mut findings, "cgproc metrics", &by_metrics(&place.board()), &stirred);
    findings.conclude("load");
    assert!(sampler.end(libc::SIGTERM).success());
}

/// All averages began at 0 with the same sampler, and have seen the same number of ticks.
fn check(findings: &mut Findings, who: &str, shown: &All, stirred: &Stirred) {
    let load = |path: &str| shown.get(path).and_then(|figures| figures.get("load1").copied());
    let running = |path: &str| shown.get(path).and_then(|figures| figures.get("running").copied());
    let mut ticks = BTreeSet::new();
    for (path, role) in stirred.paths() {
        let Some(load) = load(&path) else {
            findings.check(false, || format!("{who}: no load of {path}"));
            continue;
        };
        let active = if let Role::Run(processes) = role { processes } else { 0 };
        // How many ticks give this, by the kernel's formula?
        let found = (1..30).find(|ticks| (average(active, *ticks) - load).abs() < 0.006);
        findings.check(found.is_some(), || {
            format!("{who}: {path} has {role:?}, {:?} running, load {load}", running(&path))
        });
        ticks.extend(found.filter(|_| active > 0));
    }
    findings.check(ticks.len() == 1, || format!("{who}: numbers of ticks {ticks:?}"));
    let few = PUBLICATIONS - 1..=PUBLICATIONS + 4;
    findings.check(ticks.iter().all(|count| few.contains(count)), || format!("{who}: {ticks:?} ticks"));
}

/// The one-minute average after so many ticks with `active` running threads (`calc_load`, kernel/sched/loadavg.c).
fn average(active: u32, ticks: usize) -> f64 {
    const FIXED_1: u64 = 2048;
    const EXP_1: u64 = 1884;
    let active = u64::from(active) * FIXED_1;
    let mut load = 0_u64;
    for _ in 0..ticks {
        let mut sum = load * EXP_1 + active * (FIXED_1 - EXP_1);
        if active >= load {
            sum += FIXED_1 - 1;
        }
        load = sum / FIXED_1;
    }
    load as f64 / FIXED_1 as f64
}
