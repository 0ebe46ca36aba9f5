//! A sample as a line of JSON. The names of numbers end in their units; what is not known is null.

use super::{columns::load_average, data::Data, rows::Row};
use crate::{
    host::clocks,
    stats::{
        Rate,
        sample::{CgroupSample, Container, Pressure, Stall},
    },
};
use anyhow::Result;
use serde::Serialize;

/// A line: the machine, and the cgroups in the order of the table.
#[derive(Serialize)]
struct Line<'s> {
    realtime_usec: u64,
    monotonic_usec: u64,
    machine_cpus: u64,
    machine_memory_bytes: u64,
    /// The time since the look before, which rates and shares are about.
    interval_usec: Option<u64>,
    /// Whether there is a board to take the load from: a sampler's, or our own.
    has_board: bool,
    /// Cgroups that were not looked at, because there are too many.
    left_out: usize,
    cgroups: Vec<Cgroup<'s>>,
}

/// A cgroup. What has `per_sec`, a share or `cpu_cpus` is about the time since the look before, the rest about now.
#[derive(Serialize)]
struct Cgroup<'s> {
    id: u64,
    path: std::borrow::Cow<'s, str>,
    /// The path of the nearest cgroup above it that was looked at.
    parent: Option<std::borrow::Cow<'s, str>>,
    /// When its counters were read: a look at many cgroups takes a while.
    monotonic_usec: u64,
    #[serde(flatten)]
    names: Names<'s>,
    #[serde(flatten)]
    cpu: Cpu,
    #[serde(flatten)]
    memory: Memory,
    #[serde(flatten)]
    io: Io,
    #[serde(flatten)]
    rest: Rest,
    pressure: Pressures,
}

#[derive(Default, Serialize)]
struct Names<'s> {
    engine: Option<&'static str>,
    container_id: Option<&'s str>,
    name: Option<&'s str>,
    namespace: Option<&'s str>,
    pod: Option<&'s str>,
    container: Option<&'s str>,
}

#[derive(Serialize)]
struct Cpu {
    cpu_cpus: Option<f64>,
    cpu_share: Option<f64>,
    cpu_usage_usec: Option<u64>,
    cpu_user_usec: Option<u64>,
    cpu_system_usec: Option<u64>,
    cpu_capacity_usec: Option<u64>,
    cpu_limit_cpus: Option<f64>,
    cpu_quota_cpus: Option<f64>,
    cpu_periods: Option<u64>,
    cpu_throttled_periods: Option<u64>,
    cpu_throttled_usec: Option<u64>,
    cpu_throttled_share: Option<f64>,
}

#[derive(Serialize)]
struct Memory {
    memory_working_set_bytes: Option<u64>,
    memory_usage_bytes: Option<u64>,
    memory_cache_bytes: Option<u64>,
    memory_available_bytes: Option<u64>,
    memory_limit_bytes: Option<u64>,
    memory_oom_events: Option<u64>,
    memory_oom_kills: Option<u64>,
    swap_bytes: Option<u64>,
    swap_limit_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Io {
    io_read_bytes: Option<u64>,
    io_written_bytes: Option<u64>,
    io_reads: Option<u64>,
    io_writes: Option<u64>,
    io_read_bytes_per_sec: Option<f64>,
    io_written_bytes_per_sec: Option<f64>,
}

#[derive(Serialize)]
struct Rest {
    load1: Option<f64>,
    load5: Option<f64>,
    load15: Option<f64>,
    running: Option<u32>,
    blocked: Option<u32>,
    processes: Option<u64>,
    threads: Option<u64>,
    threads_limit: Option<u64>,
    age_sec: Option<f64>,
}

#[derive(Serialize)]
struct Pressures {
    cpu: Lines,
    memory: Lines,
    io: Lines,
}

#[derive(Serialize)]
struct Lines {
    some: Option<Waits>,
    full: Option<Waits>,
}

#[derive(Serialize)]
struct Waits {
    avg10_percent: f64,
    total_usec: u64,
}

/// The line of a sample with these rows.
pub(super) fn line(data: &Data, rows: &[Row]) -> Result<String> {
    let sample = &data.sample;
    let line = Line {
        realtime_usec: clocks::now_usec(libc::CLOCK_REALTIME),
        monotonic_usec: sample.monotonic_usec,
        machine_cpus: sample.machine.cpus,
        machine_memory_bytes: sample.machine.memory_bytes,
        interval_usec: data.interval_usec,
        has_board: sample.has_board,
        left_out: sample.left_out,
        cgroups: rows.iter().map(|row| cgroup(data, row.index)).collect(),
    };
    Ok(serde_json::to_string(&line)? + "\n")
}

fn cgroup(data: &Data, index: usize) -> Cgroup<'_> {
    let it = &data.sample.cgroups[index];
    let rate = data.rates.of(it.id);
    Cgroup {
        id: it.id,
        path: it.path.to_string_lossy(),
        parent: it.parent.map(|parent| data.sample.cgroups[parent].path.to_string_lossy()),
        monotonic_usec: it.monotonic_usec,
        names: it.container.as_ref().map(names).unwrap_or_default(),
        cpu: cpu(it, &rate),
        memory: memory(it),
        io: io(it, &rate),
        rest: rest(it),
        pressure: Pressures {
            cpu: lines(it.pressure.cpu),
            memory: lines(it.pressure.memory),
            io: lines(it.pressure.io),
        },
    }
}

fn names(container: &Container) -> Names<'_> {
    let pod = container.pod.as_ref();
    Names {
        engine: Some(super::name::of_engine(container.engine)),
        container_id: Some(&container.id),
        name: container.name.as_deref(),
        namespace: pod.map(|pod| pod.namespace.as_str()),
        pod: pod.map(|pod| pod.pod.as_str()),
        container: pod.map(|pod| pod.container.as_str()),
    }
}

fn cpu(it: &CgroupSample, rate: &Rate) -> Cpu {
    Cpu {
        cpu_cpus: rate.cpus,
        cpu_share: rate.cpu_share,
        cpu_usage_usec: it.cpu.usage_usec,
        cpu_user_usec: it.cpu.user_usec,
        cpu_system_usec: it.cpu.system_usec,
        cpu_capacity_usec: it.capacity_usec,
        cpu_limit_cpus: it.limits.cpus,
        cpu_quota_cpus: it.limits.quota_cpus,
        cpu_periods: it.cpu.periods,
        cpu_throttled_periods: it.cpu.throttled_periods,
        cpu_throttled_usec: it.cpu.throttled_usec,
        cpu_throttled_share: rate.throttled_share,
    }
}

fn memory(it: &CgroupSample) -> Memory {
    Memory {
        memory_working_set_bytes: it.memory.working_set_bytes,
        memory_usage_bytes: it.memory.usage_bytes,
        memory_cache_bytes: it.memory.cache_bytes,
        memory_available_bytes: it.memory.available_bytes,
        memory_limit_bytes: it.limits.memory_bytes,
        memory_oom_events: it.memory.oom_events,
        memory_oom_kills: it.memory.oom_kills,
        swap_bytes: it.memory.swap_bytes,
        swap_limit_bytes: it.limits.swap_bytes,
    }
}

fn io(it: &CgroupSample, rate: &Rate) -> Io {
    Io {
        io_read_bytes: it.io.read_bytes,
        io_written_bytes: it.io.written_bytes,
        io_reads: it.io.reads,
        io_writes: it.io.writes,
        io_read_bytes_per_sec: rate.read_bytes,
        io_written_bytes_per_sec: rate.written_bytes,
    }
}

fn rest(it: &CgroupSample) -> Rest {
    let load = |at: usize| it.load.as_ref().map(|load| load_average(load, at));
    Rest {
        load1: load(0),
        load5: load(1),
        load15: load(2),
        running: it.load.map(|load| load.running),
        blocked: it.load.map(|load| load.blocked),
        processes: it.processes,
        threads: it.threads,
        threads_limit: it.limits.threads,
        age_sec: it.age.map(|age| age.as_secs_f64()),
    }
}

fn lines(pressure: Pressure) -> Lines {
    let waits = |stall: Stall| Waits { avg10_percent: stall.avg10, total_usec: stall.total_usec };
    Lines { some: pressure.some.map(waits), full: pressure.full.map(waits) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        stats::Rates,
        top::rows::{arranged, tests},
    };
    use serde_json::Value;

    #[test]
    fn a_line_has_the_figures_and_null_for_the_others() {
        let mut data = Data::default();
        data.take(tests::sample());
        let rows = arranged(&data.sample, &Rates::default(), &tests::choice());
        let text = line(&data, &rows).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["machine_cpus"], 4);
        let web = value["cgroups"].as_array().unwrap().iter().find(|it| it["container_id"] == "web").unwrap();
        assert_eq!((&web["engine"], &web["path"]), (&"docker".into(), &"/a.slice/docker-web".into()));
        assert_eq!((&web["parent"], &web["memory_working_set_bytes"]), (&"/a.slice".into(), &(100 << 20).into()));
        assert_eq!(value["interval_usec"], Value::Null);
        assert_eq!((&web["load1"], &web["pressure"]["cpu"]["some"]), (&Value::Null, &Value::Null));
    }
}
