//! Whatever somebody does with their own cgroups, the figures of others do not grow older, and the sampler does not
//! grow beyond what its unit allows.

use crate::{
    ages::{Age, Ages},
    bed::{self, Findings, Version},
    boards::{Sampler, load, published_usec, sampler},
    disk::{Overlaid, used},
    groups::{Group, load_directory, load_key},
    harness::busy,
    processes::{Place, until},
    sidecar::{Pod, ROOT},
    storm::{self, Storm},
    watch::Seen,
};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// A publication every five seconds, and the same again.
const OLDEST_USEC: u64 = 10_000_000;

/// The limit for a sampler when another user fills a whole share of places; 17 MiB were seen.
const MOST_KIB: u64 = 32 << 10;

/// The neighbour's threads, which wait uninterruptibly and so are a load.
const WAITING: u32 = 2;

/// The sampler's settings in `examples/systemd`.
fn of_unit(key: &str) -> u64 {
    let unit = fs::read_to_string(bed::repository("examples/systemd/cgproc-sampler.service")).expect("the unit");
    let value = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).expect(key);
    let (number, unit) = value.strip_suffix('M').map_or((value, 1), |number| (number, 1 << 20));
    number.parse::<u64>().expect("a number") * unit
}

/// A cgroup like the unit's.
fn service() -> Group {
    let (group, memory, weight) = (Group::new(), of_unit("MemoryMax"), of_unit("CPUWeight"));
    match bed::version() {
        Version::V1 => {
            group.set("memory.limit_in_bytes", &memory.to_string());
            group.set("cpu.shares", &(weight * 1024 / 100).to_string());
        }
        Version::V2 => {
            group.set("memory.max", &memory.to_string());
            group.set("cpu.weight", &weight.to_string());
        }
    }
    group
}

/// The most that a sampler took while it was watched.
struct Watched {
    pid: i32,
    ages: Ages,
    most_descriptors: usize,
    said: Instant,
}

impl Watched {
    fn start(place: &Place, neighbour: &str, pid: i32) -> Self {
        let (board, key) = (place.board(), load_key(neighbour).expect("a key"));
        until("the neighbour is counted", || load(&board, key).is_some_and(|load| load.blocked == WAITING));
        Self { pid, ages: Ages::watch(board, key, pid), most_descriptors: 0, said: Instant::now() }
    }

    fn endure(&mut self) {
        bed::endure(|| {
            self.most_descriptors = self.most_descriptors.max(bed::descriptors(self.pid));
            if self.said.elapsed() > Duration::from_secs(60) {
                self.said = Instant::now();
                println!("{}", self.line());
            }
        });
        let count = self.ages.count();
        // Renewed several times, and once more, because only then is the last one's age known.
        until("figures are renewed", || self.ages.count() > count.max(3));
    }

    fn line(&self) -> String {
        let Age { usec, own_usec } = self.ages.greatest();
        let kib = bed::status_figure(self.pid, "VmHWM:");
        let sec = |usec: u64| usec as f64 / 1e6;
        format!(
            "the neighbour's figures were up to {:.1} s old, {:.1} s as on an idle machine; the sampler had {kib} KiB and {} descriptors \
             at most, used {:.1} s of CPU time",
            sec(usec),
            sec(own_usec),
            self.most_descriptors,
            cpu_sec(self.pid)
        )
    }

    fn judge(self, most_kib: u64, findings: &mut Findings) {
        println!("{}", self.line());
        let (kib, oldest) = (bed::status_figure(self.pid, "VmHWM:"), self.ages.greatest());
        findings.check(kib <= most_kib, || format!("{kib} KiB, of {most_kib}"));
        findings.check(oldest.own_usec <= OLDEST_USEC, || format!("a neighbour's figures: {oldest:?}"));
        let published = self.ages.end();
        let is_right = |seen: &&Seen| seen.load.blocked == WAITING;
        findings.check(published.iter().all(|seen| is_right(&seen)), || {
            format!("not {WAITING} of the neighbour's threads: {:?}", published.iter().find(|seen| !is_right(seen)))
        });
    }
}

/// User and system time of a process.
fn cpu_sec(pid: i32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("its times");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("ticks")).sum();
    ticks as f64 / 100.0
}

/// All cgroups of the machine.
fn cgroups() -> usize {
    bed::sh("find /sys/fs/cgroup -type d 2>/dev/null | wc -l").trim().parse().expect("a number")
}

#[test]
fn hostile_cgroups_hold_up_nobodys_figures() {
    bed::log_machine();
    let mut findings = Findings::default();
    let place = Place::alone();
    let (service, neighbour, container) = (service(), Group::new(), Group::new());
    let _busy = busy(0, WAITING, Some(&neighbour));
    let overlaid = Overlaid::start(&place, &container);
    let mut command = sampler(&place.board(), &["--disk"]);
    service.enter(&mut command);
    let sampler = Sampler::start_by(&place, command);
    let mut watched = Watched::start(&place, &neighbour.path, sampler.process.pid());
    let storm = Storm::start(&place);
    until("all that a hostile user does", || storm.has_done_all());
    watched.endure();
    until("a container's disk is measured", || used(&place, &container) == Some(overlaid.du()));
    println!("{}", storm.end());
    // Two for each cgroup; others may have been added since.
    until("descriptors are given back", || {
        std::thread::sleep(Duration::from_millis(500));
        bed::descriptors(sampler.process.pid()) <= 32 + 2 * cgroups()
    });
    watched.judge(MOST_KIB, &mut findings);
    let lines = sampler.log().lines().count();
    findings.check(lines < 100, || format!("{lines} lines of messages:\n{}", sampler.log()));
    let status = sampler.end(libc::SIGTERM);
    findings.check(status.success(), || format!("the sampler: {status}"));
    findings.conclude("hostile cgroups");
}

/// The hostile user is a container of the pod, and owns a part of its cgroup.
const WILD: &str = "d=/sys/fs/cgroup; [ -e $d/cgroup.procs ] || d=$(find $d -mindepth 1 -maxdepth 1 -type d); \
    env -u LD_PRELOAD {storm} $(printf \"%s/subtree \" $d) & read -r _ <\"$GO\" || :; kill $!; wait $!";

/// Ends that user before the container, which could not remove what the user has made.
struct Wild(String);

impl Drop for Wild {
    fn drop(&mut self) {
        let processes = fs::read_to_string(load_directory(&self.0).join("cgroup.procs")).unwrap_or_default();
        for pid in processes.lines().filter_map(|line| line.parse::<i32>().ok()) {
            if comm(pid) == "wild-cgroups" {
                // SAFETY: it signals a process in this test's own cgroup.
                unsafe { libc::kill(pid, libc::SIGTERM) };
            }
        }
        let begun = Instant::now();
        while load_directory(&self.0).join("subtree").exists() && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn comm(pid: i32) -> String {
    fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("comm")).unwrap_or_default().trim().to_owned()
}

/// The memory that `examples/sidecar` gives the sampler.
fn of_pod_kib() -> u64 {
    let pod = fs::read_to_string(bed::repository("examples/sidecar/pod.yaml")).expect("the pod");
    let mib = pod.split_once("memory: ").and_then(|(_, rest)| rest.split_once("Mi")).expect("a limit").0;
    mib.parse::<u64>().expect("a number") << 10
}

#[test]
fn hostile_cgroups_beside_a_sidecar() {
    bed::log_machine();
    let mut findings = Findings::default();
    let place = Place::alone();
    let wild = WILD.replace("{storm}", &storm::words(&place).join(" "));
    let one = format!("./busy 0 {WAITING} & sleep 10000000");
    let pod = Pod::of(place, ROOT, "", [("one", &*one), ("wild", &*wild)]);
    let guard = Wild(pod.path("wild"));
    until("the sampler publishes", || published_usec(&pod.place.board()).is_some());
    let processes =
        fs::read_to_string(load_directory(&pod.path("sampler")).join("cgroup.procs")).expect("its processes");
    let mut pids = processes.lines().filter_map(|line| line.parse().ok());
    let pid = pids.find(|pid| comm(*pid) == "cgproc").expect("the sampler");
    let mut watched = Watched::start(&pod.place, &pod.path("one"), pid);
    pod.containers.said("all kinds");
    watched.endure();
    // While the sampler still exists: it goes with the pod.
    watched.judge(of_pod_kib(), &mut findings);
    pod.containers.go();
    until("the storm is over", || !load_directory(&pod.path("wild")).join("subtree").exists());
    drop(guard);
    let lines = pod.log().lines().count();
    findings.check(lines < 100, || format!("{lines} lines of messages:\n{}", pod.log()));
    println!("{}", pod.containers.whole().lines().last().unwrap_or_default());
    findings.conclude("hostile cgroups beside a sidecar");
}
