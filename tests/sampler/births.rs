//! A container that starts on a busy machine shows its own load from its first second on.

use crate::bed::{self, Findings};
use crate::boards::Sampler;
use crate::harness::{FREE, Running, averages, busy, kernels, triple};
use crate::processes::{Place, until};
use crate::watch::Watch;

/// `SECONDS-SINCE-ITS-START one five fifteen` ten times a second, for 8 seconds.
const FOLLOW: &str = "begun=${EPOCHREALTIME/./}
for i in {1..80}; do
  read -r a b c rest </proc/loadavg; echo $((${EPOCHREALTIME/./} - begun)) $a $b $c; sleep 0.1
done";

#[test]
fn a_new_container_shows_its_own_load_at_once() {
    bed::log_machine();
    let place = Place::new();
    let host = busy(8, 0, None);
    let _sampler = Sampler::start(&place, &[]);
    until("a load on the machine", || averages(&kernels())[0] > 1.0);
    let containers: Vec<Running> =
        ["", "./busy 3 0 & "].map(|load| Running::start(&FREE, &place, &format!("{load}{FOLLOW}"), 60)).into();
    let watch = Watch::start(place.board(), containers.iter().map(Running::key).collect());
    let texts: Vec<String> = containers.into_iter().map(Running::whole).collect();
    let record = watch.end();
    drop(host);
    let mut findings = Findings::default();
    for (index, text) in texts.iter().enumerate() {
        let own = record.of_slot(index);
        let kernels = record.of_kernel();
        for line in text.lines().filter(|line| line.split(' ').count() == 4) {
            let (usec, shown) = line.split_once(' ').expect("four words");
            let is_first_second = usec.parse::<u64>().expect("microseconds") < 1_000_000;
            let right = own.contains(&triple(shown)) || is_first_second && kernels.contains(&triple(shown));
            findings.check(right, || format!("container {index}: {shown} after {usec} us; its own are {own:?}"));
        }
        println!("container {index}: {}", text.lines().take(12).map(|line| format!("[{line}] ")).collect::<String>());
        findings.check(text.lines().count() >= 80, || text.clone());
    }
    // The machine's load would have been well above.
    for (text, threads, least) in [(&texts[0], 0.0, 0.0), (&texts[1], 3.0, 0.2)] {
        let (usec, shown) = text.lines().last().and_then(|line| line.split_once(' ')).expect("a line");
        let (shown, most) = (averages(shown)[0], at_most(threads + 1.0, usec.parse().expect("microseconds")));
        findings.check((least..most).contains(&shown), || format!("that of {threads} threads shows {shown} of {most}"));
    }
    findings.conclude("births");
}

/// The one-minute average, where every sample since the start has found so many threads active, the shell's among them.
fn at_most(threads: f64, usec: f64) -> f64 {
    let samples = (usec / 5e6).floor() + 1.0;
    threads * (1.0 - (-samples * 5.0 / 60.0).exp()) + 0.01
}
