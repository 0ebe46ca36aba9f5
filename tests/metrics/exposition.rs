//! The two forms, as other programs read them, and figures that are the kernel's.

use crate::{
    bed::{self, Findings, Version},
    exporter::Exporter,
    groups::{Group, load_directory},
    processes::{Started, until},
    tools::{fed, prometheus, python, said},
};
use serde_json::Value;
use std::{collections::BTreeMap, fs, process::Command};

pub(crate) const OPEN_METRICS: &str = "Accept: application/openmetrics-text; version=1.0.0\r\n";

/// The values of all series, by their names and labels; read by others' parsers.
pub(crate) fn series(form: &str, text: &str) -> BTreeMap<String, f64> {
    let output = said(&fed(python("parse.py").arg(form), text));
    let all: Vec<(String, Value, f64)> = serde_json::from_str(&output).expect("series");
    all.into_iter().map(|(name, labels, value)| (format!("{name}{labels}"), value)).collect()
}

#[test]
fn both_forms_are_what_others_read() {
    let mut findings = Findings::default();
    let group = Group::new();
    let names = ["plain", "quo\"te", "back\\slash", "sp ace", "\u{e9}\u{fc}", "{},=#"];
    let below: Vec<Group> = names.iter().map(|name| group.below(name)).collect();
    let exporter = Exporter::start(&["--metrics-cgroups=all"]);
    for group in &below {
        let id = group.path.replace('\\', "\\\\").replace('"', "\\\"");
        exporter.has("cgproc_load1", &id);
    }
    let text = exporter.text();
    let open_metrics = exporter.get("/metrics", OPEN_METRICS);
    let kind = "\r\ncontent-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
    findings.check(open_metrics.head.contains(kind), || open_metrics.head.clone());
    let told = said(&fed(prometheus("promtool").args(["check", "metrics"]), &text));
    findings.check(told.is_empty(), || format!("promtool: {told}"));
    let [text, open_metrics] =
        [("text", &text), ("openmetrics", &open_metrics.body)].map(|(form, it)| series(form, it));
    for group in &below {
        let id = format!("cgproc_load1{}", serde_json::json!({"id": format!("/{}", group.path)}));
        for (form, series) in [("text", &text), ("OpenMetrics", &open_metrics)] {
            findings.check(series.contains_key(&id), || format!("{form}: no {id}"));
        }
    }
    // Cgroups of other tests come and go in between.
    let own = |all: &BTreeMap<String, f64>| -> Vec<String> {
        all.keys().filter(|it| it.contains(&group.path) || !it.contains("\"id\"")).cloned().collect()
    };
    let (text, open_metrics) = (own(&text), own(&open_metrics));
    findings.check(text == open_metrics, || format!("{text:?}\n{open_metrics:?}"));
    findings.conclude("forms");
}

#[test]
fn the_figures_are_the_kernels() {
    let mut findings = Findings::default();
    let group = Group::new();
    let exporter = Exporter::start(&["--metrics-cgroups=all"]);
    limit(&group);
    let _process = at_work(&group);
    until("a new sample", || exporter.value("cgproc_processes", &group.path) == Some(1.0));
    // In whole microseconds.
    let usage_sec = usage_usec(&group).floor() / 1e6;
    let value = |metric: &str| exporter.value(metric, &group.path);
    until("the CPU time is counted", || value("cgproc_cpu_usage_seconds_total").is_some_and(|it| it >= usage_sec));
    let used = value("cgproc_cpu_usage_seconds_total");
    findings.check(used.is_some_and(|it| (usage_sec..usage_sec + 0.1).contains(&it)), || {
        format!("{used:?} of {usage_sec}")
    });
    for (metric, expected) in [
        ("cgproc_spec_memory_limit_bytes", 67_108_864.0),
        ("cgproc_spec_cpu_quota_cores", 0.5),
        ("cgproc_spec_cpu_limit_cores", 0.5),
        ("cgproc_threads_max", 50.0),
        ("cgproc_threads", 1.0),
    ] {
        let found = value(metric);
        findings.check(found == Some(expected), || format!("{metric}: {found:?}, not {expected}"));
    }
    let [usage, working_set] = ["usage", "working_set"].map(|it| value(&format!("cgproc_memory_{it}_bytes")));
    findings
        .check(usage.zip(working_set).is_some_and(|(all, set)| 0.0 < set && set <= all && all < 67_108_864.0), || {
            format!("{usage:?}, {working_set:?}")
        });
    let started = value("cgproc_start_time_seconds");
    findings.check(started.is_some_and(is_of_late), || format!("started at {started:?}"));
    findings.conclude("figures");
}

/// Gives the group 64 MiB, the time of half a CPU, and 50 threads.
fn limit(group: &Group) {
    let (memory, quota) = match bed::version() {
        Version::V1 => ("memory.limit_in_bytes", ("cpu.cfs_quota_us", "50000")),
        Version::V2 => ("memory.max", ("cpu.max", "50000 100000")),
    };
    group.set(memory, "67108864");
    group.set(quota.0, quota.1);
    group.set("pids.max", "50");
}

/// Whether a time is of the last hour.
fn is_of_late(time_sec: f64) -> bool {
    let now_sec = crate::processes::now_usec() as f64 / 1e6;
    time_sec <= now_sec + 1.0 && time_sec > now_sec - 3600.0
}

/// A process of the group that has used some CPU time, and sleeps.
fn at_work(group: &Group) -> Started {
    let mut command = Command::new("sh");
    command.args(["-c", "i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done; exec sleep 100000"]);
    group.enter(&mut command);
    let process = Started::quietly(&mut command);
    let name = format!("/proc/{}/comm", process.pid());
    until("it has worked", || fs::read_to_string(&name).is_ok_and(|it| it == "sleep\n"));
    process
}

fn usage_usec(group: &Group) -> f64 {
    let directory = load_directory(&group.path);
    let text = match bed::version() {
        Version::V1 => fs::read_to_string(directory.join("cpuacct.usage")).expect("usage").trim().to_owned() + "e-3",
        Version::V2 => {
            let stat = fs::read_to_string(directory.join("cpu.stat")).expect("cpu.stat");
            bed::figure(&stat, "usage_usec").expect("usage_usec").to_string()
        }
    };
    text.parse().expect("a number")
}

#[test]
fn there_are_no_more_series_than_allowed() {
    let groups: Vec<Group> = (0..8).map(|_| Group::new()).collect();
    let exporter = Exporter::start(&["--metrics-cgroups=all", "--metrics-max-series=60"]);
    until("all cgroups are found", || {
        let text = exporter.text();
        let count = |metric| crate::exporter::plain(&text, metric).expect(metric);
        let series = text.lines().filter(|line| line.contains("{id=")).count();
        assert!(series <= 60, "{series}");
        assert_eq!(count("cgproc_series_max"), 60.0);
        count("cgproc_cgroups") >= groups.len() as f64 && count("cgproc_series_dropped") > 0.0
    });
}
