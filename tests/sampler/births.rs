//! A container that starts on a busy machine shows its own load from the first second.

use crate::{
    bed::{self, Findings},
    boards::{Sampler, load, published_usec, slot},
    groups::{Group, load_key},
    harness::{FREE, MACHINE_LEAST, Running, averages, machine_load, triple},
    processes::{Place, until},
    watch::{Record, Watch},
};
use calc::board::Key;

/// Prints `BEFORE AFTER one five fifteen` ten times a second until told to stop. The times, in microseconds, are those
/// around the read.
const FOLLOW: &str = "while [ ! -e \"$GO.end\" ]; do
  before=${EPOCHREALTIME/./}; read -r a b c rest </proc/loadavg; echo $before ${EPOCHREALTIME/./} $a $b $c; sleep 0.1
done";

/// What is first published about a container. It may have been replaced before we see it.
const AT_BIRTH: &str = "0.00 0.00 0.00";

/// The least number of looks, and the average that three threads have by then.
const LOOKS: usize = 80;
const LEAST: f64 = 0.2;

#[test]
fn a_new_container_shows_its_own_load_at_once() {
    bed::log_machine();
    let mut findings = Findings::default();
    let (place, seldom) = (Place::new(), Place::new());
    let host = machine_load();
    let _sampler = Sampler::start(&place, &[]);
    let _other = Sampler::start(&seldom, &["--interval", "3600"]);
    until("a new cgroup is noticed", || is_heard_of(&seldom));
    let kernel = Watch::start(place.board(), Vec::new());
    let containers: Vec<Running> = ["", "./busy 3 0 & "]
        .map(|load| Running::start(&FREE, &place, &format!("{load}{FOLLOW}"), bed::PATIENCE_SEC))
        .into();
    let keys: Vec<Key> = containers.iter().map(Running::key).collect();
    let watch = Watch::start(place.board(), keys.clone());
    for key in keys {
        until("a container is noticed", || load(&seldom.board(), key).is_some());
    }
    until("enough to compare", || {
        let has_load = |text: &str| looks(text).last().is_some_and(|look| averages(look.shown)[0] >= LEAST);
        let texts: Vec<String> = containers.iter().map(Running::text).collect();
        texts.iter().all(|text| looks(text).count() > LOOKS) && has_load(&texts[1])
    });
    containers.iter().for_each(Running::end);
    let texts: Vec<String> = containers.into_iter().map(Running::whole).collect();
    let record = Record { kernel: kernel.end().kernel, ..watch.end() };
    drop(host);
    for (index, text) in texts.iter().enumerate() {
        check_own(&mut findings, index, text, &record);
    }
    // The machine's load is far higher.
    for (text, threads, least) in [(&texts[0], 0.0, 0.0), (&texts[1], 3.0, LEAST)] {
        let (first, last) = looks(text).next().zip(looks(text).last()).expect("looks");
        let shown = averages(last.shown)[0];
        let most = at_most(threads + 1.0, (last.after - first.before) as f64);
        findings.check((least..most).contains(&shown), || format!("that of {threads} threads shows {shown} of {most}"));
        findings.check(shown < MACHINE_LEAST, || format!("that of {threads} threads shows {shown}"));
    }
    findings.conclude("births");
}

/// Whether a new cgroup is published between two samples, since only samples renew the board's header. A sampler that
/// samples once an hour takes a few samples at first, until it is in phase with the kernel.
fn is_heard_of(place: &Place) -> bool {
    let born = Group::new();
    let key = load_key(&born.path).expect("a key");
    until("a new cgroup is published", || slot(&place.board(), key).is_some());
    let heard_usec = slot(&place.board(), key).map(|slot| slot.published().realtime_usec);
    heard_usec > published_usec(&place.board())
}

/// One read of the file in a container.
struct Look<'a> {
    before: u64,
    after: u64,
    shown: &'a str,
}

fn looks(text: &str) -> impl Iterator<Item = Look<'_>> {
    text.split_inclusive('\n').filter_map(|line| {
        let mut words = line.strip_suffix('\n')?.splitn(3, ' ');
        let mut usec = || words.next()?.parse().ok();
        let (before, after) = (usec()?, usec()?);
        Some(Look { before, after, shown: words.next()? })
    })
}

/// Once its slot existed, a container must have shown what was published.
fn check_own(findings: &mut Findings, index: usize, text: &str, record: &Record) {
    let (own, kernels) = (record.of_slot(index), record.of_kernel());
    let first_usec = record.slots[index].first().map_or(u64::MAX, |seen| seen.noted_usec);
    for Look { before, shown, .. } in looks(text) {
        let shown = triple(shown);
        let is_early = before <= first_usec && (kernels.contains(&shown) || shown == AT_BIRTH);
        let right = own.contains(&shown) || is_early;
        findings.check(right, || {
            format!("container {index}: {shown} at {before}, its slot was there at {first_usec}; its own are {own:?}")
        });
    }
    println!(
        "container {index}: {}",
        looks(text).take(12).map(|look| format!("[{}] ", look.shown)).collect::<String>()
    );
    findings.check(looks(text).count() >= LOOKS, || text.to_owned());
}

/// The highest one-minute average if every sample since the start found this many active threads, including the
/// shell's. A sampler takes one more sample to get into phase with the kernel.
fn at_most(threads: f64, usec: f64) -> f64 {
    let samples = (usec / 5e6).floor() + 2.0;
    threads * (1.0 - (-samples * 5.0 / 60.0).exp()) + 0.01
}
