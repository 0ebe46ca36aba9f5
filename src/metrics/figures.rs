//! What each cgroup shows: a row for each metric. docs/metrics.md has the same rows; a test compares them.
//!
//! The names are cAdvisor's with another prefix, so that a rule is rewritten by its prefix alone. What cAdvisor does not
//! have is named as node_exporter does. A figure that is not known has no series: 0 would be a lie.

use super::labels::{self, Labels};
use crate::{
    host::clocks,
    stats::sample::{CgroupSample, Sample, Stall},
};
use prometheus_client::{metrics::MetricType, registry::Unit};
use std::time::Duration;

/// A metric about `T`.
pub(super) struct Figure<T: 'static> {
    /// Without the prefix, the unit, and `_total`.
    pub(super) name: &'static str,
    pub(super) unit: Option<Unit>,
    pub(super) kind: MetricType,
    pub(super) help: &'static str,
    /// Its value in this unit, if it is known.
    pub(super) value: fn(&T) -> Option<Value>,
}

/// A value as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
}

/// What precedes all names.
pub(super) const PREFIX: &str = "cgproc";

/// A cgroup that is shown.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) cgroup: CgroupSample,
    pub(super) labels: Labels,
    /// When its oldest process started, in seconds since 1970.
    start_sec: Option<u64>,
}

impl Shown {
    /// A cgroup as it was found at this moment.
    pub(super) fn of(cgroup: CgroupSample, moment: Moment) -> Self {
        Self { labels: labels::of(&cgroup), start_sec: cgroup.age.and_then(|age| moment.start_sec(age)), cgroup }
    }

    /// How many series it has.
    pub(super) fn series(&self) -> usize {
        FIGURES.iter().filter(|figure| (figure.value)(self).is_some()).count()
    }
}

/// When a sample was taken, by CLOCK_REALTIME, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    realtime_usec: u64,
}

impl Moment {
    /// The moment of a sample, which has another clock.
    pub(super) fn of(sample: &Sample) -> Self {
        let since_usec = clocks::now_usec(libc::CLOCK_MONOTONIC).saturating_sub(sample.monotonic_usec);
        Self { realtime_usec: clocks::now_usec(libc::CLOCK_REALTIME).saturating_sub(since_usec) }
    }

    /// In whole seconds: an age is not known closely enough for more, and a start that moved would look like another one.
    fn start_sec(self, age: Duration) -> Option<u64> {
        let started_usec = self.realtime_usec.checked_sub(u64::try_from(age.as_micros()).ok()?)?;
        Some((started_usec + 500_000) / 1_000_000)
    }
}

const fn counter<T>(
    name: &'static str,
    unit: Option<Unit>,
    help: &'static str,
    value: fn(&T) -> Option<Value>,
) -> Figure<T> {
    Figure { name, unit, kind: MetricType::Counter, help, value }
}

pub(super) const fn gauge<T>(
    name: &'static str,
    unit: Option<Unit>,
    help: &'static str,
    value: fn(&T) -> Option<Value>,
) -> Figure<T> {
    Figure { name, unit, kind: MetricType::Gauge, help, value }
}

const SECONDS: Option<Unit> = Some(Unit::Seconds);
const BYTES: Option<Unit> = Some(Unit::Bytes);

/// All metrics of cgroups, in the order in which they are written.
pub(super) static FIGURES: [Figure<Shown>; 37] = [
    counter("cpu_usage", SECONDS, "CPU time used", |it| seconds(it.cgroup.cpu.usage_usec)),
    counter("cpu_user", SECONDS, "CPU time used in user mode", |it| seconds(it.cgroup.cpu.user_usec)),
    counter("cpu_system", SECONDS, "CPU time used in the kernel", |it| seconds(it.cgroup.cpu.system_usec)),
    counter(
        "cpu_capacity",
        SECONDS,
        "CPU time that it could have used since boot, by its quotas and CPUs at each moment",
        |it| seconds(it.cgroup.capacity_usec),
    ),
    counter("cpu_cfs_periods", None, "Periods of its CPU quota in which it ran", |it| whole(it.cgroup.cpu.periods)),
    counter("cpu_cfs_throttled_periods", None, "Periods in which it used up its CPU quota", |it| {
        whole(it.cgroup.cpu.throttled_periods)
    }),
    counter("cpu_cfs_throttled", SECONDS, "Time in which it had used up its CPU quota and had to wait", |it| {
        seconds(it.cgroup.cpu.throttled_usec)
    }),
    gauge(
        "spec_cpu_limit_cores",
        None,
        "CPUs that it can use, by the lowest quota and CPU set of it and those above",
        |it| it.cgroup.limits.cpus.map(Value::Real),
    ),
    gauge("spec_cpu_quota_cores", None, "CPUs that the lowest quota of it and those above allows", |it| {
        it.cgroup.limits.quota_cpus.map(Value::Real)
    }),
    gauge("load1", None, "Load average over 1 minute", |it| load(it, 0)),
    gauge("load5", None, "Load average over 5 minutes", |it| load(it, 1)),
    gauge("load15", None, "Load average over 15 minutes", |it| load(it, 2)),
    gauge("threads_running", None, "Threads that run or wait for a CPU", |it| {
        it.cgroup.load.map(|load| Value::Whole(load.running.into()))
    }),
    gauge("threads_blocked", None, "Threads that wait uninterruptibly, mostly for a disk", |it| {
        it.cgroup.load.map(|load| Value::Whole(load.blocked.into()))
    }),
    gauge("memory_usage", BYTES, "Memory in use, with the page cache", |it| whole(it.cgroup.memory.usage_bytes)),
    gauge("memory_working_set", BYTES, "Memory in use, without the inactive part of the page cache", |it| {
        whole(it.cgroup.memory.working_set_bytes)
    }),
    gauge("memory_cache", BYTES, "Page cache", |it| whole(it.cgroup.memory.cache_bytes)),
    gauge("memory_swap", BYTES, "Swap in use", |it| whole(it.cgroup.memory.swap_bytes)),
    gauge("memory_available", BYTES, "Memory for new programs without swapping, as its MemAvailable has it", |it| {
        whole(it.cgroup.memory.available_bytes)
    }),
    gauge("spec_memory_limit", BYTES, "The lowest memory limit of it and those above", |it| {
        whole(it.cgroup.limits.memory_bytes)
    }),
    gauge("spec_memory_swap_limit", BYTES, "The lowest limit of swap alone, of it and those above", |it| {
        whole(it.cgroup.limits.swap_bytes)
    }),
    counter("oom_events", None, "Times that a memory limit was reached and nothing could be reclaimed", |it| {
        whole(it.cgroup.memory.oom_events)
    }),
    counter("oom_kills", None, "Processes killed for want of memory", |it| whole(it.cgroup.memory.oom_kills)),
    counter("pressure_cpu_waiting", SECONDS, "Time in which some thread waited for a CPU", |it| {
        stall(it.cgroup.pressure.cpu.some)
    }),
    counter("pressure_cpu_stalled", SECONDS, "Time in which all threads waited for a CPU", |it| {
        stall(it.cgroup.pressure.cpu.full)
    }),
    counter("pressure_memory_waiting", SECONDS, "Time in which some thread waited for memory", |it| {
        stall(it.cgroup.pressure.memory.some)
    }),
    counter("pressure_memory_stalled", SECONDS, "Time in which all threads waited for memory", |it| {
        stall(it.cgroup.pressure.memory.full)
    }),
    counter("pressure_io_waiting", SECONDS, "Time in which some thread waited for input or output", |it| {
        stall(it.cgroup.pressure.io.some)
    }),
    counter("pressure_io_stalled", SECONDS, "Time in which all threads waited for input or output", |it| {
        stall(it.cgroup.pressure.io.full)
    }),
    counter("fs_reads", BYTES, "Bytes read from disks, all together", |it| whole(it.cgroup.io.read_bytes)),
    counter("fs_writes", BYTES, "Bytes written to disks, all together", |it| whole(it.cgroup.io.written_bytes)),
    counter("fs_reads", None, "Reads from disks, all together", |it| whole(it.cgroup.io.reads)),
    counter("fs_writes", None, "Writes to disks, all together", |it| whole(it.cgroup.io.writes)),
    gauge("processes", None, "Processes", |it| whole(it.cgroup.processes)),
    gauge("threads", None, "Threads", |it| whole(it.cgroup.threads)),
    gauge("threads_max", None, "The lowest limit of threads of it and those above", |it| {
        whole(it.cgroup.limits.threads)
    }),
    gauge("start_time", SECONDS, "When its oldest process started, in seconds since 1970", |it| whole(it.start_sec)),
];

fn whole(value: Option<u64>) -> Option<Value> {
    value.map(Value::Whole)
}

/// Seconds of a number of microseconds.
#[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
pub(super) fn seconds(usec: Option<u64>) -> Option<Value> {
    usec.map(|usec| Value::Real(usec as f64 / 1e6))
}

fn stall(stall: Option<Stall>) -> Option<Value> {
    seconds(stall.map(|stall| stall.total_usec))
}

fn load(shown: &Shown, span: usize) -> Option<Value> {
    let average = shown.cgroup.load?.averages.get(span).copied()?;
    Some(Value::Real(f64::from(average) / f64::from(calc::load::ONE)))
}

#[cfg(test)]
mod tests {
    use super::{super::health::HEALTH, *};
    use calc::board::Load;
    use std::collections::HashSet;

    impl<T> Figure<T> {
        /// The name of its series.
        fn full_name(&self) -> String {
            let unit = self.unit.as_ref().map_or(String::new(), |unit| format!("_{}", unit.as_str()));
            let end = if self.kind == MetricType::Counter { "_total" } else { "" };
            format!("{PREFIX}_{}{unit}{end}", self.name)
        }
    }

    fn row<T>(figure: &Figure<T>) -> String {
        let kind = figure.kind.as_str();
        format!("| `{}` | {kind} | {} |", figure.full_name(), figure.help)
    }

    #[test]
    fn the_page_has_the_same_rows() {
        let page = include_str!("../../docs/metrics.md");
        let found: Vec<&str> = page.lines().filter(|line| line.starts_with("| `cgproc_")).collect();
        let rows: Vec<String> = FIGURES.iter().map(row).chain(HEALTH.iter().map(row)).collect();
        assert_eq!(found, rows);
    }

    #[test]
    fn each_name_is_used_once_and_says_its_unit() {
        let mut names = HashSet::new();
        for name in FIGURES.iter().map(Figure::full_name).chain(HEALTH.iter().map(Figure::full_name)) {
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
                "{name}"
            );
            assert!(names.insert(name.clone()), "{name}");
        }
        let find = |name: &str| FIGURES.iter().find(|it| it.full_name() == name);
        assert!(find("cgproc_cpu_usage_seconds_total").is_some() && find("cgproc_load15").is_some());
    }

    #[test]
    fn what_is_unknown_has_no_value() {
        let moment = Moment { realtime_usec: 100_400_000 };
        assert_eq!(Shown::of(CgroupSample::default(), moment).series(), 0);
        let load = Load { averages: [2048, 1024, 0], running: 3, blocked: 1, threads: 9 };
        let mut cgroup =
            CgroupSample { load: Some(load), age: Some(Duration::from_secs(90)), ..CgroupSample::default() };
        cgroup.cpu.throttled_usec = Some(1_500_000);
        let shown = Shown::of(cgroup, moment);
        let value = |it: &Figure<Shown>| Some(format!("{} {:?}", it.full_name(), (it.value)(&shown)?));
        let values: Vec<String> = FIGURES.iter().filter_map(value).collect();
        assert_eq!(
            values,
            [
                "cgproc_cpu_cfs_throttled_seconds_total Real(1.5)",
                "cgproc_load1 Real(1.0)",
                "cgproc_load5 Real(0.5)",
                "cgproc_load15 Real(0.0)",
                "cgproc_threads_running Whole(3)",
                "cgproc_threads_blocked Whole(1)",
                "cgproc_start_time_seconds Whole(10)",
            ]
        );
    }
}
