//! What is aimed at, and what is reached.

use super::tables::{aligned, best_lxcfs, median};
use crate::{bed, figures::Figure};

/// How a figure is got from the others.
enum Of {
    /// The median of this table, row and column, per unit.
    Median(&'static str, &'static str, &'static str, f64),
    /// Ours as a multiple of the kernel's time for a file.
    Kernel(&'static str),
    /// The quickest lxcfs's as a multiple of ours, in this table and row; more is better.
    Lxcfs(&'static str, &'static str),
    /// The object's size, in bytes.
    Object,
}

/// One line: what must be reached, and what would be better still.
struct Target {
    what: &'static str,
    of: Of,
    must: f64,
    stretch: f64,
}

const fn target(what: &'static str, of: Of, must: f64, stretch: f64) -> Target {
    Target { what, of, must, stretch }
}

const ONLN: &str = "sysconf(_SC_NPROCESSORS_ONLN)";
const IDLE: &str = "1000 cgroups, idle";
const BUSY: &str = "1000 cgroups, 10000 runnable";

const TARGETS: [Target; 20] = [
    target(
        "exec, over an empty object, µs",
        Of::Median("lives", "glibc, LD_PRELOAD", "over an empty object", 1e3),
        2.0,
        1.0,
    ),
    target("open and close, passed through, ns", Of::Median("passed", "open and close", "difference", 1.0), 10.0, 5.0),
    target("meminfo, times the kernel's", Of::Kernel("/proc/meminfo"), 5.0, 3.0),
    target("meminfo, lxcfs's is so many times as long", Of::Lxcfs("files", "/proc/meminfo"), 6.0, 10.0),
    target("stat, lxcfs's", Of::Lxcfs("files", "/proc/stat"), 8.0, 12.0),
    target("cpuinfo, lxcfs's", Of::Lxcfs("files", "/proc/cpuinfo"), 8.0, 12.0),
    target("uptime, lxcfs's", Of::Lxcfs("files", "/proc/uptime"), 8.0, 12.0),
    target("loadavg, lxcfs's", Of::Lxcfs("files", "/proc/loadavg"), 8.0, 12.0),
    target("diskstats, lxcfs's", Of::Lxcfs("files", "/proc/diskstats"), 8.0, 12.0),
    target("vmstat, times the kernel's", Of::Kernel("/proc/vmstat"), 6.0, 4.0),
    target("sysconf(_SC_NPROCESSORS_ONLN), µs", Of::Median("calls", ONLN, "ours", 1e3), 0.1, 0.05),
    target("getloadavg, µs", Of::Median("calls", "getloadavg", "ours", 1e3), 0.1, 0.05),
    target("affinity, over libc's, µs", Of::Median("calls", "sched_getaffinity", "difference", 1e3), 0.1, 0.05),
    target("sysinfo, µs", Of::Median("calls", "sysinfo", "ours", 1e3), 8.0, 5.0),
    target("sysconf(_SC_PHYS_PAGES), µs", Of::Median("calls", "sysconf(_SC_PHYS_PAGES)", "ours", 1e3), 8.0, 5.0),
    target("sampler, 1,000 cgroups, idle, lxcfs's", Of::Lxcfs("sampler", IDLE), 20.0, 40.0),
    target("sampler, 10,000 runnable threads, lxcfs's", Of::Lxcfs("sampler", BUSY), 20.0, 40.0),
    // Twelve ticks a minute.
    target("the same, ms of CPU a tick", Of::Median("sampler", BUSY, "ours", 12e-3), f64::INFINITY, 5.0),
    target("supervised, meminfo, lxcfs's", Of::Lxcfs("supervised", "/proc/meminfo"), 2.0, 2.0),
    target("the object, KiB", Of::Object, 109.3, 80.0),
];

/// The table of targets, in Markdown. Figures that were not measured are left out.
pub(crate) fn text(figures: &[Figure]) -> String {
    let mut lines = vec![["work", "kernel", "must", "stretch", "reached", ""].map(str::to_owned).to_vec()];
    for target in &TARGETS {
        for kernel in ["v1", "v2"] {
            if let Some(value) = target.of.value(figures, kernel) {
                lines.push(target.line(kernel, value));
            }
        }
    }
    aligned(&lines)
}

impl Target {
    fn line(&self, kernel: &str, value: f64) -> Vec<String> {
        let is_more_better = self.stretch > self.must || matches!(self.of, Of::Lxcfs(..));
        let reaches = |aim: f64| if is_more_better { value >= aim } else { value <= aim };
        let verdict = match (reaches(self.stretch), reaches(self.must)) {
            // Nothing is quicker for being preloaded.
            _ if value < 0.0 => "lost in noise",
            (true, _) => "stretch",
            (_, true) if self.must.is_finite() => "reached",
            _ => "missed",
        };
        let aim = |aim: f64| if aim.is_finite() { aim.to_string() } else { String::new() };
        let reached = format!("{value:.*}", if value < 1.0 { 3 } else { 1 });
        vec![self.what.into(), kernel.into(), aim(self.must), aim(self.stretch), reached, verdict.into()]
    }
}

impl Of {
    fn value(&self, figures: &[Figure], kernel: &str) -> Option<f64> {
        let median = |table, row, column| median(figures, kernel, table, row, column);
        match *self {
            Self::Median(table, row, column, unit) => Some(median(table, row, column)? / unit),
            Self::Kernel(file) => Some(median("files", file, "ours")? / median("files", file, "kernel")?),
            Self::Lxcfs(table, row) => {
                let ours = median(table, row, "ours").or_else(|| median(table, row, "supervised"))?;
                let lxcfs = best_lxcfs(figures, kernel, table, row)?;
                Some(lxcfs / ours)
            }
            // It is one object.
            Self::Object if kernel == "v2" => None,
            Self::Object => Some(std::fs::metadata(bed::object()).ok()?.len() as f64 / 1024.0),
        }
    }
}
