//! Every hook in the object's own export table, under glibc and under musl: it must give an answer that differs from
//! the kernel's, and leave other calls untouched.

mod bed;
mod probes;

use bed::Findings;
use object::{Object as _, ObjectSymbol as _};
use probes::{Case, Form, Libc, Result, SMALL, SMALL_KIB, SMALL_PAGES};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

#[test]
fn every_hook_on_glibc() {
    every_hook(Libc::Glibc);
}

#[test]
fn every_hook_on_musl() {
    every_hook(Libc::Musl);
}

enum To {
    Value(&'static str),
    Kernels,
}

/// A variable, and the lines of `figures` that it changes.
type Switch = ((&'static str, &'static str), &'static [(&'static str, To)]);

/// The switches, each with the lines of `figures` that it changes: to its own value, or to the kernel's.
const SWITCHES: [Switch; 8] = [
    (
        ("CGPROC_MEMORY", "64M"),
        &[("meminfo", To::Value("65536")), ("sysconf-pages", To::Value("16384")), ("sysinfo", To::Value("0 65536"))],
    ),
    (
        ("CGPROC_MEMORY", "100000000"),
        &[("meminfo", To::Value("97656")), ("sysconf-pages", To::Value("24414")), ("sysinfo", To::Value("0 97656"))],
    ),
    (
        ("CGPROC_CPUS", "1.5"),
        &[
            ("stat", To::Value("2")),
            ("cpuinfo", To::Value("2")),
            ("online", To::Value("0-1")),
            ("present", To::Value("0-1")),
            ("sysconf-cpus", To::Value("2")),
            ("nprocs", To::Value("2")),
            ("affinity", To::Value("0 2")),
        ],
    ),
    (("CGPROC_CPUS", "0.2"), &[]),
    (("CGPROC_AFFINITY", "kernel"), &[("affinity", To::Kernels)]),
    // Calls follow the files with the same figures: pages follow meminfo, CPUs follow the files of /sys.
    (
        ("CGPROC_FILES", "stat,cpuinfo,cpu"),
        &[("meminfo", To::Kernels), ("sysconf-pages", To::Kernels), ("sysinfo", To::Kernels)],
    ),
    (
        ("CGPROC_FILES", "meminfo"),
        &[
            ("stat", To::Kernels),
            ("cpuinfo", To::Kernels),
            ("online", To::Kernels),
            ("present", To::Kernels),
            ("sysconf-cpus", To::Kernels),
            ("nprocs", To::Kernels),
            ("affinity", To::Kernels),
        ],
    ),
    (("CGPROC_CGROUP", "/proc/self/cgroup"), &[]),
];

#[test]
fn switches() {
    use To::{Kernels, Value};
    let (seen, results) = probes::figures(&SMALL, Libc::Glibc, |object, figures| {
        SWITCHES.iter().map(|(variable, _)| Case::new(Some(object), &[*variable], figures, &[])).collect()
    });
    let line = |text: &str, key: &str| {
        text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).unwrap_or_default().to_owned()
    };
    let mut findings = Findings::default();
    for ((variable, changes), result) in SWITCHES.iter().zip(results) {
        for key in seen.containers.lines().filter_map(|line| Some(line.split_once(':')?.0)) {
            let expected = match changes.iter().find(|(changed, _)| *changed == key) {
                Some((_, Value(value))) => (*value).to_owned(),
                Some((_, Kernels)) => line(&seen.kernels, key),
                None => line(&seen.containers, key),
            };
            let got = line(&result.text, key);
            findings.check(got == expected, || format!("{variable:?} {key}: {got}, expected {expected}"));
        }
    }
    findings.conclude("switches");
}

/// Programs that read the uptime to compute ages of processes get the machine's, and so does any that asks for it.
#[test]
fn uptime_of_the_machine_for_those_who_count_ages() {
    wait_for_clocks_to_differ();
    let object = bed::object();
    let probe = probes::program(Libc::Glibc, "sysinfo");
    let ages = ["ps", "pgrep", "pkill", "pidwait", "pidof"];
    let directory = std::env::temp_dir().join(format!("cgproc-test-ages-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory");
    let case = |variables: &[_], program: &Path| Case::new(Some(&object), variables, program, &["answer", "sysinfo"]);
    let mut cases = vec![case(&[], &probe), case(&[("CGPROC_UPTIME", "host")], &probe)];
    for name in ages {
        let program = directory.join(name);
        fs::copy(&probe, &program).expect("a copy");
        cases.push(case(&[], &program));
    }
    let results = probes::run(&SMALL, &cases);
    fs::remove_dir_all(&directory).expect("the directory");
    let total = format!("totalram={SMALL_KIB}");
    for (result, uptime) in
        results.iter().zip(["uptime=container"].into_iter().chain(std::iter::repeat("uptime=kernel")))
    {
        assert!(result.text.contains(&total) && result.text.contains(uptime), "{uptime}:\n{}", result.text);
    }
}

/// Numbers are remembered for a tick of the kernel's clock: after it, a new limit or load is in the next answer. The
/// clock is libc's own, whatever library stands in front of that.
#[test]
fn numbers_follow_what_changes_within_a_tick() {
    const SHOWN: &str = "before: 65536 65536 65536 65536 pages, load 3 3, less free
before: 65536 65536 65536 65536 pages, load 3 3, less free
after: 32768 32768 32768 32768 pages, load 5 5, less free
after: 32768 32768 32768 32768 pages, load 5 5, less free
again: 65536 65536 65536 65536 pages, load 5 5, less free
again: 65536 65536 65536 65536 pages, load 5 5, less free";
    let mut findings = Findings::default();
    let object = bed::object();
    for libc in Libc::ALL {
        let board = format!("/dev/shm/cgproc-test-tick-{libc:?}-{}", std::process::id());
        let variables = [("CGPROC_BOARD", &*board)];
        let program = probes::program(libc, "tick");
        let clock = probes::build(libc, "own-clock", Form::Object);
        let both = PathBuf::from(format!("{}:{}", object.display(), clock.display()));
        let cases = [&object, &both].map(|preload| Case::new(Some(preload), &variables, &program, &[]));
        for (result, case) in probes::run(&SMALL, &cases).iter().zip(&cases) {
            findings.check(result.text == SHOWN, || format!("{}:\n{}", case.command, result.text));
        }
    }
    findings.conclude("numbers");
}

/// The five runs of a symbol's probe.
struct Runs {
    native: Result,
    answer: Result,
    off: Result,
    native_pass: Result,
    pass: Result,
}

fn every_hook(libc: Libc) {
    bed::log_machine();
    let object = bed::object();
    let exports = defined(&object);
    let probes = catalogue(libc);
    let own = defined(&libc.library());
    let mut findings = Findings::default();
    for name in exports.iter().filter(|name| !probes.contains_key(*name)) {
        findings.check(false, || format!("{name} is exported and has no probe"));
    }
    for name in probes.keys().filter(|name| !exports.contains(*name)) {
        findings.check(false, || format!("{name} has a probe and is not exported"));
    }
    let expectation = Expectation::of_this_machine();
    wait_for_clocks_to_differ();
    for (name, runs) in results(&object, libc, &probes) {
        let absent = runs.native.text == "absent";
        findings.check(absent != own.contains(&name), || format!("{name}: the probe says {:?}", runs.native.text));
        // glibc has none, and a program that defines one means an older structure:
        // hostile:a_program_with_a_getdents_of_its_own.
        if (libc, &*name) != (Libc::Glibc, "getdents") {
            expectation.judge(&name, &runs, absent, &mut findings);
        }
    }
    findings.conclude(&format!("hooks on {libc:?}"));
}

/// The container's clock and that of a freshly booted machine must differ by whole seconds.
fn wait_for_clocks_to_differ() {
    while bed::host().uptime_sec < 5 {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// The names that an ELF file exports.
fn defined(path: &Path) -> BTreeSet<String> {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = object::File::parse(&*bytes).expect("an ELF file");
    file.dynamic_symbols().filter(|s| s.is_definition()).map(|s| s.name().expect("a name").to_owned()).collect()
}

/// The probe that has a row for each symbol.
fn catalogue(libc: Libc) -> BTreeMap<String, PathBuf> {
    let mut catalogue = BTreeMap::new();
    for probe in probes::WITH_ROWS {
        let program = probes::program(libc, probe);
        catalogue.extend(probes::rows(&program).into_iter().map(|name| (name, program.clone())));
    }
    catalogue
}

fn results(object: &Path, libc: Libc, probes: &BTreeMap<String, PathBuf>) -> Vec<(String, Runs)> {
    let limit = SMALL_PAGES.to_string();
    let limit = ("PROBE_LIMIT_PAGES", limit.as_str());
    // One board for each libc: a probe publishes and removes it, possibly at the same time as the other libc's.
    let board = format!("/dev/shm/cgproc-test-hooks-{libc:?}-{}", std::process::id());
    let board = ("CGPROC_BOARD", board.as_str());
    let disk = ("CGPROC_DISK", "64M");
    let mut cases = Vec::new();
    for (name, program) in probes {
        let case = |preload, variables: &[_], mode| Case::new(preload, variables, program, &[mode, name]);
        cases.push(case(None, &[limit, board, disk], "answer"));
        cases.push(case(Some(object), &[limit, board, disk], "answer"));
        cases.push(case(Some(object), &[limit, board, disk, ("CGPROC", "off")], "answer"));
        cases.push(case(None, &[limit, board, disk], "pass"));
        cases.push(case(Some(object), &[limit, board, disk], "pass"));
    }
    let mut results = probes::run(&SMALL, &cases).into_iter();
    let mut next = || results.next().expect("a result");
    let runs = |_| Runs { native: next(), answer: next(), off: next(), native_pass: next(), pass: next() };
    let runs: Vec<_> = probes.iter().map(runs).collect();
    probes.keys().cloned().zip(runs).collect()
}

/// What the value of a key must be. Without a rule, it is the same with the object and without.
enum Rule {
    /// This with the object, something else without.
    Answered(String),
    /// This in both.
    Always(&'static str),
    /// This with the object; without it, whatever the machine does.
    Shown(&'static str),
    /// The kernel's figure in both, not the container's.
    Kernels,
}

/// Rules for what can be asked of a descriptor.
fn of_descriptors() -> [(&'static str, Rule); 11] {
    use Rule::Always;
    let is = |value: &str| Rule::Answered(value.to_owned());
    [
        // The file behind an answered descriptor is ours: the kernel's own calls on it prove who answered.
        ("proc-below", is("other")),
        ("sys-below", is("other")),
        ("proc-memory", is("mapped")),
        ("sys-memory", is("mapped")),
        ("proc-shown", Always("the file's")),
        ("sys-shown", Always("the file's")),
        ("proc-as-the-file", Always("yes")),
        ("proc-shared-as-the-file", Always("yes")),
        ("sys-as-the-file", Always("yes")),
        ("sys-shared-as-the-file", Always("yes")),
        ("complete", Always("yes")),
    ]
}

struct Expectation {
    rules: BTreeMap<&'static str, Rule>,
    has_cpu1: bool,
}

/// Keys about a CPU's directory.
const OF_DIRECTORIES: [&str; 3] = ["hidden", "listed", "matched"];

impl Expectation {
    fn of_this_machine() -> Self {
        use Rule::{Answered, Kernels, Shown};
        let cpus = bed::host().cpus;
        assert!(cpus > 1, "this machine has one CPU: nothing can be hidden from a container");
        let is = |value: &str| Answered(value.to_owned());
        let rules = [
            ("memtotal", is(&SMALL_KIB.to_string())),
            ("totalram", is(&SMALL_KIB.to_string())),
            ("before", is(&SMALL_KIB.to_string())),
            ("after", Kernels),
            ("pages", is(&SMALL_PAGES.to_string())),
            ("free-pages", is("container")),
            ("freeram", is("container")),
            ("fresh", Shown("yes")),
            ("again", Shown("yes")),
            ("stat-cpus", is("1")),
            ("processors", is("1")),
            ("cpus", is("1")),
            ("count", is("1")),
            ("online", is("0")),
            ("present", is("0")),
            ("mask", is("0")),
            ("first-cpu-set", is(&format!("0-{}", cpus - 1))),
            ("uptime", is("container")),
            ("load", is("container")),
            ("disk-total", is("65536")),
            ("disk-used", is("24576")),
            ("hidden", is("ENOENT")),
            ("hidden-block", is("ENOENT")),
            ("listed", is("cpu0")),
            ("matched", is("nothing")),
            ("blocks", is("1")),
        ];
        let has_cpu1 = Path::new("/sys/devices/system/cpu/cpu1").exists();
        Self { rules: rules.into_iter().chain(of_descriptors()).collect(), has_cpu1 }
    }

    fn judge(&self, name: &str, runs: &Runs, absent: bool, findings: &mut Findings) {
        let answer = pairs(&runs.answer.text);
        let native = if absent { answer.clone() } else { pairs(&runs.native.text) };
        findings.check(runs.answer.status == 0, || format!("{name} answer: status {}", runs.answer.status));
        findings.check(answer.len() == native.len(), || format!("{name} answer:\n{}", runs.answer.text));
        let mut differs = false;
        for ((key, got), (_, without)) in answer.iter().zip(&native) {
            let holds = self.holds(key, got, (!absent).then_some(without));
            findings.check(holds, || format!("{name} {key}: {got}, without the object {without}"));
            differs |= got != without;
        }
        if !absent {
            let can =
                self.has_cpu1 || native.iter().any(|(key, _)| !OF_DIRECTORIES.contains(key) && *key != "complete");
            findings.check(differs || !can, || format!("{name}: no answer differs from the kernel's"));
            Self::judge_pass(name, runs, findings);
        }
    }

    fn judge_pass(name: &str, runs: &Runs, findings: &mut Findings) {
        findings.check(runs.pass == runs.native_pass, || {
            format!(
                "{name} pass: status {} for {}\n{}",
                runs.pass.status,
                runs.native_pass.status,
                differences(&runs.native_pass.text, &runs.pass.text)
            )
        });
        let steady = |text: &str| {
            pairs(text)
                .into_iter()
                .filter(|(key, _)| !["fresh", "again"].contains(key))
                .map(|(key, value)| format!("{key}={value}\n"))
                .collect::<String>()
        };
        let (native, off) = (steady(&runs.native.text), steady(&runs.off.text));
        findings.check(native == off, || format!("{name} with CGPROC=off:\n{}", differences(&native, &off)));
    }

    /// `without` is None if this libc has no such symbol to compare with.
    fn holds(&self, key: &str, got: &str, without: Option<&&str>) -> bool {
        let of_directory = OF_DIRECTORIES.contains(&key) && !self.has_cpu1;
        match self.rules.get(key) {
            Some(Rule::Answered(value)) if !of_directory => got == value && without.is_none_or(|w| w != value),
            Some(Rule::Always(value)) => got == *value && without.is_none_or(|w| w == value),
            Some(Rule::Shown(value)) => got == *value,
            Some(Rule::Kernels) => [Some(got), without.copied()].iter().flatten().all(|v| *v != SMALL_KIB.to_string()),
            _ => without.is_none_or(|w| *w == got),
        }
    }
}

/// The key=value lines.
fn pairs(text: &str) -> Vec<(&str, &str)> {
    text.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key, value.trim_end())).collect()
}

/// The lines that only one of them has.
fn differences(native: &str, ours: &str) -> String {
    let (left, right): (BTreeSet<_>, BTreeSet<_>) = (native.lines().collect(), ours.lines().collect());
    let without = left.difference(&right).map(|line| format!("    without: {line}\n"));
    let with = right.difference(&left).map(|line| format!("    with:    {line}\n"));
    without.chain(with).collect()
}
