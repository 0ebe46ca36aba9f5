//! Limits above what a container sees, after lxcfs's tests of hierarchies: two cgroups above the container's own, which
//! is the root of its cgroup namespace, and three below. With a sampler they count; without one they cannot be known.

use crate::{
    bed::{self, Container, Findings, Version, View},
    boards::{Sampler, published_usec, slot},
    groups::{Group, load_directory},
    harness::{AWAIT_GO, FREE, Running},
    processes::{Place, Started, now_usec, until},
};
use std::{fs, path::Path, process::Command};

/// Limits are believed for half a minute.
const OPTIONS: [&str; 2] = ["--interval", "10"];

/// What a level allows.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Memory and swap, in MiB.
    memory_mib: Option<(u32, u32)>,
    /// In CPUs.
    quota: Option<u32>,
    cpus: Option<&'static str>,
}

/// The levels above and below the container, and what its first process and its deepest level then show, with a sampler
/// and without.
struct Case {
    name: &'static str,
    above: [Level; 2],
    below: [Level; 3],
    with: [Shown; 2],
    without: [Shown; 2],
}

/// KiB of memory and of swap, and CPUs; `None` means the machine's.
#[derive(Clone, Copy, Default)]
struct Shown {
    memory_and_swap_kib: Option<(u64, u64)>,
    cpus: Option<usize>,
}

const NONE: Level = Level { memory_mib: None, quota: None, cpus: None };

const fn memory(memory_mib: u32, swap_mib: u32) -> Level {
    Level { memory_mib: Some((memory_mib, swap_mib)), ..NONE }
}

const fn quota(cpus: u32) -> Level {
    Level { quota: Some(cpus), ..NONE }
}

const fn cpuset(cpus: &'static str) -> Level {
    Level { cpus: Some(cpus), ..NONE }
}

const MACHINE: Shown = Shown { memory_and_swap_kib: None, cpus: None };

const fn kib(memory: u64, swap: u64) -> Shown {
    Shown { memory_and_swap_kib: Some((memory, swap)), ..MACHINE }
}

const fn cpus(count: usize) -> Shown {
    Shown { cpus: Some(count), ..MACHINE }
}

const MEMORY: Case = Case {
    name: "memory",
    above: [memory(500, 256), memory(600, 300)],
    below: [memory(400, 200), NONE, memory(900, 450)],
    with: [kib(512_000, 262_144), kib(409_600, 204_800)],
    without: [MACHINE, kib(409_600, 204_800)],
};

/// For 4 CPUs.
const V2: [Case; 3] = [
    MEMORY,
    Case {
        name: "quota",
        above: [quota(3), quota(4)],
        below: [quota(2), NONE, quota(4)],
        with: [cpus(3), cpus(2)],
        without: [MACHINE, cpus(2)],
    },
    // In cpusets, the kernel itself shows what the ancestors leave.
    Case {
        name: "cpuset",
        above: [cpuset("0,2-3"), cpuset("0-3")],
        below: [cpuset("0,2"), NONE, NONE],
        with: [cpus(3), cpus(2)],
        without: [cpus(3), cpus(2)],
    },
];

/// For 2 CPUs. Here the kernel itself shows how much memory the ancestors leave (`hierarchical_memory_limit`), and no
/// cgroup may have a larger quota or more CPUs than its parent.
const V1: [Case; 3] = [
    Case { without: MEMORY.with, ..MEMORY },
    Case {
        name: "quota",
        above: [quota(1), NONE],
        below: [NONE, quota(1), NONE],
        with: [cpus(1), cpus(1)],
        without: [MACHINE, cpus(1)],
    },
    Case {
        name: "cpuset",
        above: [cpuset("1"), cpuset("1")],
        below: [cpuset("1"), cpuset("1"), cpuset("1")],
        with: [cpus(1), cpus(1)],
        without: [cpus(1), cpus(1)],
    },
];

impl Level {
    fn apply(&self, group: &Group) {
        self.settings().iter().for_each(|(_, file, value)| group.set(file, value));
    }

    /// The controller, file and value of each setting.
    fn settings(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut all = Vec::new();
        let is_v2 = bed::version() == Version::V2;
        if let Some((memory, swap)) = self.memory_mib {
            if is_v2 {
                all.push(("memory", "memory.max", format!("{memory}M")));
                all.push(("memory", "memory.swap.max", format!("{swap}M")));
            } else {
                all.push(("memory", "memory.limit_in_bytes", format!("{memory}M")));
                all.push(("memory", "memory.memsw.limit_in_bytes", format!("{}M", memory + swap)));
            }
        }
        if let Some(quota) = self.quota {
            let usec = quota * 100_000;
            if is_v2 {
                all.push(("cpu", "cpu.max", format!("{usec} 100000")));
            } else {
                all.push(("cpu", "cpu.cfs_quota_us", usec.to_string()));
            }
        }
        if let Some(cpus) = self.cpus {
            all.push(("cpuset", "cpuset.cpus", cpus.to_owned()));
        }
        all
    }
}

/// Makes the levels below the container's own, then shows the figures of the container's first and last levels.
const SHOW: &str = "t=/sys/fs/cgroup
if [ -e $t/cgroup.controllers ]; then
  echo up; until [ $(wc -l <$t/cgroup.procs) = 0 ]; do sleep 0.1; done
  echo +memory +cpu +cpuset >$t/cgroup.subtree_control
  trees=$t
else
  trees=\"$t/memory $t/cpu $t/cpuset\"
fi
below() { # a controller's directory
  if [ -e $t/cgroup.controllers ]; then echo $t; else echo $t/$1; fi
}
make() { # the levels, one after the other
  for d in d d/e d/e/f; do
    for tree in $trees; do
      mkdir -p $tree/$d
      if [ $d != d/e/f ] && [ -e $tree/cgroup.subtree_control ]; then echo +memory +cpu +cpuset >$tree/$d/cgroup.subtree_control; fi
      for file in cpuset.cpus cpuset.mems; do
        if [ $tree = $t/cpuset ]; then cat $tree/$d/../$file >$tree/$d/$file; fi
      done
    done
  done
}
put() { echo \"$4\" >$(below $2)/$1/$3 || echo \"cannot set $1 $3\"; }
show() {
  echo $1 $(awk '/^(MemTotal|SwapTotal):/ {print $2}' /proc/meminfo) $(awk 'NR > 1 {s += $3} END {print s + 0}' /proc/swaps) \\
    $(nproc) $(grep -c '^cpu[0-9]' /proc/stat)
}
";

#[test]
fn limits_above_a_container_count() {
    bed::log_machine();
    let mut findings = Findings::default();
    let cases = if bed::version() == Version::V2 { &V2 } else { &V1 };
    let all = cases.iter().flat_map(|case| [(case, true), (case, false)]);
    let texts: Vec<(&Case, bool, String)> = std::thread::scope(|scope| {
        let shown = all.map(|(case, has_sampler)| {
            scope.spawn(move || {
                // Repeated until what was published was still believed when everything had been read.
                let text = std::iter::repeat_with(|| shown(case, has_sampler)).flatten().next().expect("a text");
                (case, has_sampler, text)
            })
        });
        let shown: Vec<_> = shown.collect();
        shown.into_iter().map(|thread| thread.join().expect("what is shown")).collect()
    });
    for (case, has_sampler, text) in texts {
        check(&mut findings, case, has_sampler, &text);
    }
    findings.conclude("limits above");
}

fn check(findings: &mut Findings, case: &Case, has_sampler: bool, text: &str) {
    let expected = if has_sampler { &case.with } else { &case.without };
    for (who, expected) in ["init", "deepest"].into_iter().zip(expected) {
        let line = text.lines().find_map(|line| line.strip_prefix(who)).unwrap_or_else(|| panic!("{text}"));
        let shown: Vec<u64> = line.split_whitespace().map(|word| word.parse().expect("a figure")).collect();
        let expected = expected.figures();
        let sampler = if has_sampler { "with a sampler" } else { "without one" };
        println!("{}, {who}, {sampler}: {shown:?}", case.name);
        findings.check(shown == expected, || format!("{}, {who}, {sampler}: {shown:?}, not {expected:?}", case.name));
    }
}

impl Shown {
    /// MemTotal, SwapTotal, the size of the swaps, the usable CPUs, those in stat.
    fn figures(&self) -> Vec<u64> {
        let host = bed::host();
        let meminfo = fs::read_to_string("/proc/meminfo").expect("meminfo");
        let machine = (bed::figure(&meminfo, "MemTotal:").expect("MemTotal"), host.swap_kib);
        let (memory, swap) = self.memory_and_swap_kib.unwrap_or(machine);
        let swap = swap.min(host.swap_kib);
        let cpus = self.cpus.unwrap_or(host.cpus) as u64;
        vec![memory, swap, swap, cpus, cpus]
    }
}

/// What is shown, or `None` if the sampler was so late that nobody had to believe it.
fn shown(case: &Case, has_sampler: bool) -> Option<String> {
    let place = Place::new();
    let outer = Group::new();
    case.above[0].apply(&outer);
    let inner = outer.below("b");
    case.above[1].apply(&inner);
    inner.open();
    let _sampler = has_sampler.then(|| Sampler::start(&place, &OPTIONS));
    let paths = ["d", "d/e", "d/e/f"];
    let puts: String = paths
        .iter()
        .zip(&case.below)
        .flat_map(|(path, level)| level.settings().into_iter().map(move |setting| (path, setting)))
        .map(|(path, (controller, file, value))| format!("put {path} {controller} {file} '{value}'\n"))
        .collect();
    let enter = "for tree in $trees; do echo $BASHPID >$tree/d/e/f/cgroup.procs; done";
    let script = format!("{SHOW}make\n{puts}echo made; {AWAIT_GO}\nshow init\n({enter}; show deepest)\nexit 0");
    let container = Running::start(&unlimited(&inner), &place, &script, bed::PATIENCE_SEC);
    if bed::version() == Version::V2 {
        container.said("up");
        empty(&load_directory(&container.path));
    }
    container.said("made");
    if has_sampler {
        until_all_is_published(&place);
    }
    let published = slot(&place.board(), container.key());
    container.go();
    let text = container.whole();
    let is_believed = published.is_some_and(|slot| slot.published().void_after_usec > now_usec());
    (is_believed || !has_sampler).then_some(text)
}

/// Waits for a sample that began after everything was set up: the second one published from now.
fn until_all_is_published(place: &Place) {
    for _ in 0..2 {
        let now = now_usec();
        until("a sample", || published_usec(&place.board()).is_some_and(|moment| moment > now));
    }
}

/// On version 2, a cgroup with processes cannot pass controllers on, so its processes move to a cgroup of their own.
/// This happens from outside, because the process that waits for the container is outside its pid namespace.
fn empty(cgroup: &Path) {
    let init = cgroup.join("init");
    fs::create_dir(&init).expect("a cgroup");
    until("a cgroup is empty", || {
        let pids = fs::read_to_string(cgroup.join("cgroup.procs")).expect("its processes");
        for pid in pids.lines() {
            let _ = fs::write(init.join("cgroup.procs"), pid);
        }
        pids.is_empty()
    });
}

/// A container below `group`, without its own limits.
fn unlimited(group: &Group) -> Container {
    let memory = if bed::version() == Version::V2 { "max" } else { "-1" };
    Container { memory, view: View::Namespace, under: Some(group.path.clone().leak()), ..FREE }
}

/// Memory that another cgroup has taken from a limit above is not free for the container.
#[test]
fn memory_that_others_have_taken_is_not_free() {
    bed::log_machine();
    let mut findings = Findings::default();
    let place = Place::new();
    let outer = Group::new();
    memory(500, 0).apply(&outer);
    let (inner, beside) = (outer.below("b"), outer.below("beside"));
    inner.open();
    let _sampler = Sampler::start(&place, &OPTIONS);
    let mut hog = Command::new("python3");
    hog.args(["-c", "import time; held = bytearray(300 << 20); time.sleep(1000)"]);
    beside.enter(&mut hog);
    let hog = Started::quietly(&mut hog);
    until("memory is taken", || beside.memory_bytes() > 300 << 20);
    let show = format!("echo up; {AWAIT_GO}; awk '/^(MemTotal|MemFree|MemAvailable):/ {{print $2}}' /proc/meminfo");
    let container = Running::start(&unlimited(&inner), &place, &show, bed::PATIENCE_SEC);
    container.said("up");
    until_all_is_published(&place);
    container.go();
    let text = container.whole();
    drop(hog);
    let kib: Vec<u64> =
        text.split_whitespace().skip_while(|word| *word == "up").map(|word| word.parse().expect("KiB")).collect();
    println!("MemTotal, MemFree, MemAvailable: {kib:?}");
    let [total, free, available] = kib[..] else { panic!("{text}") };
    findings.check(total == 512_000, || format!("MemTotal {total}"));
    for figure in [free, available] {
        findings.check((100 << 10..=200 << 10).contains(&figure), || format!("{figure} KiB free of 200 MiB"));
    }
    findings.conclude("memory taken by others");
}
