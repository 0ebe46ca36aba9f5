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
    let last = |index: usize| averages(texts[index].lines().last().and_then(|l| l.split_once(' ')).expect("a line").1);
    findings.check(last(0)[0] < 0.3, || format!("the idle one shows {:?}", last(0)));
    findings.check((0.2..1.0).contains(&last(1)[0]), || format!("the one of three threads shows {:?}", last(1)));
    findings.conclude("births");
}
