//! Limits that change while programs look: what they show follows, no counter runs backwards, and no sample across a change is
//! nonsense. CPUs are not taken offline: no kernel that the tests may use can do that.

use crate::{
    bed::{self, Container, Findings, PLAIN, Version, View, until, until_but},
    boards::{self, Sampler},
    groups::Group,
    harness::Running,
    processes::{Place, sleep},
    text::section,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What `docker update` may change.
#[derive(Clone, Copy, Debug)]
enum Limit {
    MemoryMib(u32),
    QuotaUsec(u32),
    Cpus(&'static str),
}

impl Limit {
    /// The file, and what is written to it.
    fn setting(self) -> (&'static str, String) {
        match (self, bed::version()) {
            (Self::MemoryMib(mib), Version::V1) => ("memory.limit_in_bytes", format!("{mib}M")),
            (Self::MemoryMib(mib), Version::V2) => ("memory.max", format!("{mib}M")),
            (Self::QuotaUsec(usec), Version::V1) => ("cpu.cfs_quota_us", usec.to_string()),
            (Self::QuotaUsec(usec), Version::V2) => ("cpu.max", format!("{usec} 100000")),
            (Self::Cpus(list), _) => ("cpuset.cpus", list.to_owned()),
        }
    }

    /// Sets it for the cgroup with this path.
    fn put(self, path: &str) {
        let (file, value) = self.setting();
        fs::write(in_hierarchy(path, file), &value).unwrap_or_else(|e| panic!("{file} {value}: {e}"));
    }
}

/// A file of a cgroup, in the hierarchy where it is.
fn in_hierarchy(path: &str, file: &str) -> PathBuf {
    let hierarchies = ["", "memory", "cpu", "cpuset"].map(|name| Path::new("/sys/fs/cgroup").join(name));
    let mut files = hierarchies.map(|hierarchy| hierarchy.join(path).join(file)).into_iter();
    files.find(|file| file.exists()).unwrap_or_else(|| panic!("{path}: no {file}"))
}

/// A container in which `follow.py` looks at everything.
struct Followed {
    container: Running,
    /// It goes on while this is there.
    file: PathBuf,
}

impl Followed {
    fn start(container: &Container, place: &Place) -> Self {
        let file = place.file("follow");
        fs::write(&file, "").expect("a file in memory");
        let container =
            Running::start(container, place, &format!("python3 follow.py {}", file.display()), bed::PATIENCE_SEC);
        Self { container, file }
    }

    /// Waits until it shows this, by every door.
    fn shows(&self, mib: u32, cpus: &str) {
        let list = ranges(cpus);
        let count = cpus.split(',').count();
        let line = format!("shown {mib} {cpus} {cpus} {cpus} {list} {count}");
        let last = || self.container.text().lines().rfind(|said| said.starts_with("shown")).map(str::to_owned);
        until_but(&line, || last().as_ref() == Some(&line), || format!("last {:?}", last()));
        println!("{line}");
    }

    /// Ends it, and gives back what went backwards.
    fn end(self) -> Vec<String> {
        fs::remove_file(self.file).expect("it goes");
        let text = self.container.whole();
        let looks = text.lines().filter(|line| line.starts_with("shown")).count();
        assert!(looks > 0, "{text}");
        text.lines().filter(|line| !line.starts_with("shown")).map(str::to_owned).collect()
    }
}

/// `0,1` as `online` has it: `0-1`. Two at most.
fn ranges(cpus: &str) -> String {
    cpus.replace(',', "-")
}

const UPDATES: [(Limit, u32, &str); 6] = [
    (Limit::MemoryMib(256), 256, "0,1"),
    (Limit::QuotaUsec(50_000), 256, "0"),
    (Limit::MemoryMib(1024), 1024, "0"),
    (Limit::QuotaUsec(190_000), 1024, "0,1"),
    (Limit::Cpus("1"), 1024, "1"),
    (Limit::Cpus("0-1"), 1024, "0,1"),
];

#[test]
fn a_programs_figures_follow_what_is_updated() {
    bed::log_machine();
    let mut findings = Findings::default();
    for view in [View::Namespace, View::Raw] {
        let place = Place::new();
        let container = Container { cpus: Some("0-1"), view, ..PLAIN };
        let followed = Followed::start(&container, &place);
        followed.shows(512, "0,1");
        for (limit, mib, cpus) in UPDATES {
            println!("{limit:?}");
            limit.put(&followed.container.path);
            followed.shows(mib, cpus);
        }
        let backwards = followed.end();
        findings.check(backwards.is_empty(), || format!("{view:?}: {backwards:#?}"));
    }
    findings.conclude("updates");
}

/// A limit above counts as soon as it is lower.
#[test]
fn a_programs_figures_follow_a_limit_above() {
    let place = Place::new();
    let outer = Group::new();
    Limit::MemoryMib(2048).put(&outer.path);
    outer.open();
    let path: &'static str = outer.path.clone().leak();
    let container = Container { under: Some(path), cpus: Some("0-1"), view: View::Raw, ..PLAIN };
    let followed = Followed::start(&container, &place);
    followed.shows(512, "0,1");
    Limit::MemoryMib(300).put(path);
    followed.shows(300, "0,1");
    Limit::MemoryMib(2048).put(path);
    followed.shows(512, "0,1");
    if bed::version() == Version::V2 {
        // Version 1 allows no quota above that is less than one below.
        Limit::QuotaUsec(100_000).put(path);
        followed.shows(512, "0");
    }
    let backwards = followed.end();
    assert!(backwards.is_empty(), "{backwards:#?}");
}

/// Whoever goes to another cgroup, with all of its container or alone, sees that one.
#[test]
fn a_process_that_is_moved() {
    let mut findings = Findings::default();
    for is_alone in [false, true] {
        let place = Place::new();
        let target = Group::new();
        Limit::MemoryMib(700).put(&target.path);
        Limit::QuotaUsec(100_000).put(&target.path);
        let followed = Followed::start(&Container { view: View::Raw, ..PLAIN }, &place);
        followed.shows(512, "0,1");
        let procs = fs::read_to_string(in_hierarchy(&followed.container.path, "cgroup.procs")).expect("its processes");
        let all: Vec<&str> = procs.lines().collect();
        let moved = if is_alone { &all[all.len() - 1..] } else { &all[..] };
        for (directory, pid) in target.directories.iter().flat_map(|it| moved.iter().map(move |pid| (it, pid))) {
            fs::write(directory.join("cgroup.procs"), pid).expect("a process is moved");
        }
        followed.shows(700, "0");
        let backwards = followed.end();
        findings.check(backwards.is_empty(), || format!("alone {is_alone}: {backwards:#?}"));
    }
    findings.conclude("moved processes");
}

/// The shares that programs show which look once a second, beside a load.
const WATCH: &str = r"top -b -d 1 -n 9 | sed -n 's/^%Cpu(s)://p' >$O.top &
    mpstat 1 8 | sed -n 's/.* all //p' >$O.mpstat & vmstat -n 1 9 | awk 'NR > 3 {print $13, $14, $15, $16, $17}' >$O.vmstat &
    sleep 10; kill %1; wait; for it in top mpstat vmstat; do echo == $it; cat $O.$it; done; exit 0";

/// All of the time is used, or some.
const LOADS: [&str; 2] = ["./busy 3 0", "python3 duty.py 0.4"];

/// While the quota goes down and up. Without a sampler too: a program goes on from what it showed.
#[test]
fn samples_across_a_change_make_sense() {
    let mut findings = Findings::default();
    for load in LOADS {
        for (case, text) in ["with a sampler", "without one"].into_iter().zip(watched(load)) {
            for (program, shares) in shares(&text) {
                println!("{load}, {case}, {program}: {shares:?}");
                findings.check(shares.len() >= 8, || format!("{load}, {case}, {program}: {shares:?}"));
                let strange = shares.iter().find(|sample| !is_whole(sample));
                findings.check(strange.is_none(), || format!("{load}, {case}, {program}: {strange:?} in {shares:?}"));
            }
        }
    }
    findings.conclude("samples across a change");
}

/// Whether these are parts of all time, each rounded.
fn is_whole(shares: &[f64]) -> bool {
    let sum: f64 = shares.iter().sum();
    shares.iter().all(|share| (0.0..=100.0).contains(share)) && (sum - 100.0).abs() <= 2.5
}

/// What the programs print in two containers, with a sampler and without, while their quotas change.
fn watched(load: &str) -> [String; 2] {
    let places = [Place::new(), Place::new()];
    let sampler = Sampler::start(&places[0], &[]);
    let containers = places.each_ref().map(|place| {
        let script = format!("{load} & O={}; {WATCH}", place.file("shown").display());
        Running::start(&PLAIN, place, &script, bed::PATIENCE_SEC)
    });
    let key = containers[0].key();
    until("its slot", || boards::load(&places[0].board(), key).is_some());
    for quota_usec in [50_000, 190_000] {
        sleep(3.0);
        containers.iter().for_each(|container| Limit::QuotaUsec(quota_usec).put(&container.path));
    }
    let texts = containers.map(Running::whole);
    assert!(sampler.end(libc::SIGTERM).success());
    texts
}

/// The shares in each line of each program.
fn shares(text: &str) -> [(&'static str, Vec<Vec<f64>>); 3] {
    ["top", "mpstat", "vmstat"].map(|program| {
        let shares = |line: &str| line.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
        (program, section(text, program).lines().map(shares).collect())
    })
}

/// Where there is no limit any more there is no answer: a file that is kept open shows the machine's, as one that is opened anew.
#[test]
fn a_limit_that_goes() {
    const SCRIPT: &str = "exec python3 - <<'END'
import os, time
v1 = '/sys/fs/cgroup/memory/memory.limit_in_bytes'
path, none = (v1, '-1') if os.path.exists(v1) else ('/sys/fs/cgroup/memory.max', 'max')
kept = os.open('/proc/meminfo', os.O_RDONLY)
def text(file): return os.pread(file, 1 << 16, 0).decode()
def total(text): return text.split()[1]
print(total(text(kept)))
with open(path, 'w') as limit: limit.write(none)
while (anew := text(os.open('/proc/meminfo', os.O_RDONLY))) and total(anew) == '524288': time.sleep(0.1)
# An answer stands for a tick of the kernel's clock.
time.sleep(0.1)
print(total(anew), total(text(kept)), len(text(kept)) == len(anew))
END";
    let text = PLAIN.run(SCRIPT, Some(&bed::object()), bed::PATIENCE_SEC).text;
    let machine = bed::figure(&bed::sh("cat /proc/meminfo"), "MemTotal:").expect("MemTotal");
    assert_eq!(text, format!("524288\n{machine} {machine} True\n"));
}
