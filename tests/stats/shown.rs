//! The figures of cgroups, by name: as our commands show them, and as the independent script computes them.

use crate::bed;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// The figures of one cgroup, under the names that `cgproc top --json` has.
pub(crate) type Figures = BTreeMap<String, f64>;

/// The figures of each cgroup, by its path.
pub(crate) type All = BTreeMap<String, Figures>;

/// What the script computes for these cgroups.
pub(crate) fn computed<'p>(paths: impl Iterator<Item = &'p str>) -> All {
    let mut command = Command::new(bed::repository("tests/bed/figures"));
    let mut script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("tests/bed/figures");
    let lines: Vec<&str> = paths.collect();
    script.stdin.take().expect("a pipe").write_all(lines.join("\n").as_bytes()).expect("its input");
    let output = script.wait_with_output().expect("its output");
    assert!(output.status.success(), "tests/bed/figures: {}", output.status);
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| figures(&serde_json::from_str(line).expect("JSON"))).collect()
}

/// What `cgproc top` shows for the cgroups below one, in each of `samples` samples.
pub(crate) fn by_top(board: &Path, cgroup: &str, samples: usize) -> Vec<All> {
    let count = samples.to_string();
    let arguments = ["top", "-b", "-n", &count, "-d", "0.3", "--json", "--cgroup", cgroup, "--board"];
    let text = printed(Command::new(bed::command()).args(arguments).arg(board));
    let sample = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["cgroups"].as_array().expect("cgroups").iter().map(figures).collect()
    };
    text.lines().map(sample).collect()
}

/// What the metrics of all cgroups show, under the same names.
pub(crate) fn by_metrics(board: &Path) -> All {
    let arguments = ["metrics", "--cgroups", "all", "--max-series", "1000000", "--board"];
    let text = printed(Command::new(bed::command()).args(arguments).arg(board));
    let mut all = All::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let Some((metric, labels)) = series.split_once("{id=\"") else { continue };
        let known = METRICS.iter().find(|(name, ..)| *name == metric);
        if let (Some((_, figure, unit)), Some((path, _))) = (known, labels.split_once('"')) {
            let value: f64 = value.parse().expect("a number");
            all.entry(path.to_owned()).or_default().insert((*figure).to_owned(), value * unit);
        }
    }
    all
}

/// The metrics, the figures that they show, and how many of these units are in one of theirs.
const METRICS: [(&str, &str, f64); 32] = [
    ("cgproc_cpu_usage_seconds_total", "cpu_usage_usec", 1e6),
    ("cgproc_cpu_user_seconds_total", "cpu_user_usec", 1e6),
    ("cgproc_cpu_system_seconds_total", "cpu_system_usec", 1e6),
    ("cgproc_cpu_cfs_periods_total", "cpu_periods", 1.0),
    ("cgproc_cpu_cfs_throttled_periods_total", "cpu_throttled_periods", 1.0),
    ("cgproc_cpu_cfs_throttled_seconds_total", "cpu_throttled_usec", 1e6),
    ("cgproc_spec_cpu_limit_cores", "cpu_limit_cpus", 1.0),
    ("cgproc_spec_cpu_quota_cores", "cpu_quota_cpus", 1.0),
    ("cgproc_load1", "load1", 1.0),
    ("cgproc_threads_running", "running", 1.0),
    ("cgproc_memory_usage_bytes", "memory_usage_bytes", 1.0),
    ("cgproc_memory_working_set_bytes", "memory_working_set_bytes", 1.0),
    ("cgproc_memory_cache_bytes", "memory_cache_bytes", 1.0),
    ("cgproc_memory_swap_bytes", "swap_bytes", 1.0),
    ("cgproc_memory_available_bytes", "memory_available_bytes", 1.0),
    ("cgproc_spec_memory_limit_bytes", "memory_limit_bytes", 1.0),
    ("cgproc_oom_events_total", "memory_oom_events", 1.0),
    ("cgproc_oom_kills_total", "memory_oom_kills", 1.0),
    ("cgproc_pressure_cpu_waiting_seconds_total", "pressure_cpu_some_usec", 1e6),
    ("cgproc_pressure_cpu_stalled_seconds_total", "pressure_cpu_full_usec", 1e6),
    ("cgproc_pressure_memory_waiting_seconds_total", "pressure_memory_some_usec", 1e6),
    ("cgproc_pressure_memory_stalled_seconds_total", "pressure_memory_full_usec", 1e6),
    ("cgproc_pressure_io_waiting_seconds_total", "pressure_io_some_usec", 1e6),
    ("cgproc_pressure_io_stalled_seconds_total", "pressure_io_full_usec", 1e6),
    ("cgproc_fs_reads_bytes_total", "io_read_bytes", 1.0),
    ("cgproc_fs_writes_bytes_total", "io_written_bytes", 1.0),
    ("cgproc_fs_reads_total", "io_reads", 1.0),
    ("cgproc_fs_writes_total", "io_writes", 1.0),
    ("cgproc_processes", "processes", 1.0),
    ("cgproc_threads", "threads", 1.0),
    ("cgproc_threads_max", "threads_limit", 1.0),
    ("cgproc_spec_memory_swap_limit_bytes", "swap_limit_bytes", 1.0),
];

fn printed(command: &mut Command) -> String {
    let output = command.env_remove("LD_PRELOAD").stdin(Stdio::null()).output().expect("cgproc");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}: {}", output.status, text(&output.stderr));
    text(&output.stdout)
}

/// The path and the numbers of a cgroup. Those of pressure are one level down.
fn figures(cgroup: &Value) -> (String, Figures) {
    let object = cgroup.as_object().expect("a cgroup");
    let mut figures: Figures =
        object.iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect();
    for what in ["cpu", "memory", "io"] {
        for line in ["some", "full"] {
            if let Some(usec) = cgroup["pressure"][what][line]["total_usec"].as_f64() {
                figures.insert(format!("pressure_{what}_{line}_usec"), usec);
            }
        }
    }
    (cgroup["path"].as_str().expect("a path").to_owned(), figures)
}
