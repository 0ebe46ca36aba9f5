//! Commands whose output shows whether the container's figures came out. One script runs many of them in one container,
//! and prints each output below its name.

use crate::harness::{KIB, Row, YES};

/// A command, and the test of its output in the harness's container.
#[derive(Clone, Copy)]
pub(crate) struct Probe {
    pub(crate) column: &'static str,
    pub(crate) command: &'static str,
    pub(crate) is_right: fn(&str) -> bool,
}

pub(crate) const FREE: Probe = Probe { column: "free", command: "free -k", is_right: |text| memory(text) == Some(KIB) };

pub(crate) const NPROC: Probe = Probe { column: "nproc", command: "nproc", is_right: |text| text.trim() == "1" };

/// The container is seconds old. See [`crate::userlands`] about the machine's age.
pub(crate) const UPTIME: Probe =
    Probe { column: "uptime", command: "uptime", is_right: |text| text.contains(" up 0 min,") };

pub(crate) const MEMINFO: Probe = Probe {
    column: "cat meminfo",
    command: "cat /proc/meminfo",
    is_right: |text| number(text, "MemTotal:") == Some(KIB),
};

pub(crate) const CPUINFO: Probe = Probe {
    column: "cat cpuinfo",
    command: "cat /proc/cpuinfo",
    is_right: |text| text.lines().filter(|line| line.starts_with("processor")).count() == 1,
};

/// procps and busybox; the latter shows no total, only used and free memory.
pub(crate) const TOP: Probe = Probe {
    column: "top",
    command: "TERM=dumb top -b -n 1",
    is_right: |text| {
        let total = text.lines().find(|line| line.starts_with("MiB Mem"));
        let parts = text.lines().find_map(|line| line.strip_prefix("Mem: "));
        let number = |word: &str| word.strip_suffix('K').and_then(|n| n.parse::<u64>().ok());
        total.is_some_and(|line| line.contains(" 512.0 total"))
            || parts.is_some_and(|line| line.split_whitespace().filter_map(number).take(2).sum::<u64>() == KIB)
    },
};

/// Free, buffers and cache all fit into the container.
pub(crate) const VMSTAT: Probe = Probe {
    column: "vmstat",
    command: "vmstat",
    is_right: |text| {
        let columns = text.lines().nth(2).unwrap_or_default().split_whitespace().skip(3).take(3);
        let kib: Vec<u64> = columns.filter_map(|word| word.parse().ok()).collect();
        kib.len() == 3 && (1..=KIB).contains(&kib.iter().sum())
    },
};

/// The total that `free -k` shows.
pub(crate) fn memory(text: &str) -> Option<u64> {
    number(text, "Mem:")
}

fn number(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Runs the probes one after the other, each below a line with its name.
pub(crate) fn script(probes: &[Probe]) -> String {
    probes.iter().map(|probe| format!("echo '== {}'\n{}\n", probe.column, probe.command)).collect()
}

/// The output of the probe with this name.
pub(crate) fn section<'a>(text: &'a str, column: &str) -> &'a str {
    let head = format!("== {column}\n");
    let rest = text.split_once(&*head).map_or("", |(_, rest)| rest);
    let length = if rest.starts_with("== ") { 0 } else { rest.find("\n== ").map_or(rest.len(), |end| end + 1) };
    &rest[..length]
}

/// Fills a row with what the probes saw.
pub(crate) fn judge(row: &mut Row, probes: &[Probe], text: &str) {
    for probe in probes {
        let printed = section(text, probe.column);
        let seen = if (probe.is_right)(printed) { YES } else { "no" };
        row.cell(probe.column, seen, YES, || if printed.is_empty() { text.to_owned() } else { printed.to_owned() });
    }
}
