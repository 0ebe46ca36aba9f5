//! The figures that tools in a container show, and whose they are: the container's or the machine's.

use crate::bed::{self, Findings};

/// The output of `probe` and the like: each line has a name, a key and a value.
pub(crate) struct Said(pub(crate) String);

/// A row of the table.
pub(crate) struct Row<'a> {
    pub(crate) runtime: &'a str,
    pub(crate) version: &'a str,
}

/// The expected figures.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) memory_kib: u64,
    pub(crate) cpus: u64,
}

/// The container's memory.
pub(crate) const MEMORY_KIB: u64 = 512 << 10;

/// 1.5 CPUs if the machine has more than the two shown for that; otherwise 0.75, shown as one.
pub(crate) fn quota_usec() -> u32 {
    if bed::host().cpus > 2 { 150_000 } else { 75_000 }
}

/// The expected figures of a container with 512 MiB and that quota.
pub(crate) fn limited() -> Figures {
    Figures { memory_kib: MEMORY_KIB, cpus: u64::from(quota_usec().div_ceil(100_000)) }
}

pub(crate) fn machine() -> Figures {
    let meminfo = std::fs::read_to_string("/proc/meminfo").expect("meminfo");
    let machine =
        Figures { memory_kib: bed::figure(&meminfo, "MemTotal:").expect("MemTotal"), cpus: bed::host().cpus as u64 };
    assert!(machine.cpus >= 2 && machine.memory_kib > 3 * MEMORY_KIB, "the machine is no larger than the containers");
    machine
}

impl Said {
    pub(crate) fn value(&self, name: &str, key: &str) -> Option<&str> {
        let of_name = self.0.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        of_name.filter_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).next_back()
    }

    /// The word after the key.
    fn number<N: std::str::FromStr>(&self, name: &str, key: &str) -> Option<N> {
        self.value(name, key)?.split(' ').next()?.parse().ok()
    }

    /// Every tool of `name` must show the container's figures; its cells of the table say what they showed.
    pub(crate) fn shows_container(&self, findings: &mut Findings, row: &Row, name: &str, container: Figures) {
        self.fills(findings, row, name, container, "yes");
    }

    /// The same, if the container hides the sources of its figures.
    pub(crate) fn is_out_of_reach(&self, findings: &mut Findings, row: &Row, name: &str, container: Figures) {
        self.fills(findings, row, name, container, "no");
    }

    fn fills(&self, findings: &mut Findings, row: &Row, name: &str, container: Figures, expected: &str) {
        let runtime = row.runtime;
        for (probe, cell) in self.cells(name, container) {
            bed::note_reach("containers", runtime, row.version, probe, &cell);
            findings.check(cell == expected, || format!("{runtime}: {probe} of {name}: {cell}"));
        }
    }

    /// Every tool of `name` must show the machine's figures: there is no library, or it does not get in.
    pub(crate) fn shows_machine(&self, findings: &mut Findings, name: &str, container: Figures) {
        for (probe, cell) in self.cells(name, container) {
            findings.check(cell == "no", || format!("{probe} of {name}, without the library: {cell}"));
        }
    }

    /// What kind of container `name` ran in.
    pub(crate) fn is(&self, findings: &mut Findings, name: &str, facts: &[(&str, &str)]) {
        for (key, expected) in facts {
            let found = self.value(name, key);
            findings.check(found == Some(expected), || format!("{name}: {key} is {found:?}, not {expected}"));
        }
    }

    fn cells(&self, name: &str, container: Figures) -> [(&'static str, String); 5] {
        let machine = machine();
        let memory = |key| whose(self.number(name, key), container.memory_kib, machine.memory_kib);
        let cpus = |key| whose(self.number(name, key), container.cpus, machine.cpus);
        [
            ("free", memory("free")),
            ("nproc", cpus("nproc")),
            ("uptime", self.whose_time(name)),
            ("meminfo", memory("meminfo")),
            ("cpuinfo", cpus("cpuinfo")),
        ]
    }

    /// Whose time `/proc/uptime` and `uptime -s` tell, judged by the start of the first process on the kernel's own
    /// clock.
    pub(crate) fn whose_time(&self, name: &str) -> String {
        let seconds = |key| self.number::<f64>(name, key);
        let times = || {
            let since_sec = seconds("now")? - seconds("since")?;
            let clock = (seconds("before")?, seconds("after")?, seconds("began")? / 100.0);
            // `uptime -s` rounds, and uses the time of day.
            Some([whose_age(seconds("uptime")?, clock, 0.03), whose_age(since_sec, clock, 2.0)])
        };
        match times() {
            Some([file, command]) if file == command => file,
            Some([file, command]) => format!("file: {file}, command: {command}"),
            None => "no answer".to_owned(),
        }
    }
}

/// The machine's total may change by a page or two while it is running.
const NEARLY_KIB: u64 = 1024;

fn whose(shown: Option<u64>, container: u64, machine: u64) -> String {
    match shown {
        Some(shown) if shown == container => "yes".to_owned(),
        Some(shown) if shown == machine || shown > container && shown.abs_diff(machine) < NEARLY_KIB => "no".to_owned(),
        Some(shown) => shown.to_string(),
        None => "no answer".to_owned(),
    }
}

fn whose_age(shown: f64, (before, after, began): (f64, f64, f64), slack: f64) -> String {
    let within = |least: f64, most: f64| shown >= least - slack && shown <= most + slack;
    if within(before - began, after - began) {
        "yes".to_owned()
    } else if within(before, after) {
        "no".to_owned()
    } else {
        format!("{shown}")
    }
}
