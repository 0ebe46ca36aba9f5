//! Metrics, as others read them: their own parsers, promtool, and a real Prometheus that scrapes a sampler beside real
//! containers; and clients that mean no good. Needs root.

mod bed;

#[allow(dead_code, reason = "the ring `sampler` uses the rest")]
#[path = "sampler/boards.rs"]
mod boards;
#[path = "metrics/clients.rs"]
mod clients;
#[path = "metrics/dashboard.rs"]
mod dashboard;
#[path = "metrics/exporter.rs"]
mod exporter;
#[path = "metrics/exposition.rs"]
mod exposition;
#[allow(dead_code, reason = "the ring `sampler` uses the rest")]
#[path = "sampler/groups.rs"]
mod groups;
#[path = "metrics/hostile.rs"]
mod hostile;
#[path = "metrics/listening.rs"]
mod listening;
#[path = "metrics/once.rs"]
mod once;
#[allow(dead_code, reason = "the ring `sampler` uses the rest")]
#[path = "sampler/processes.rs"]
mod processes;
#[path = "metrics/prometheus.rs"]
mod prometheus;
#[path = "metrics/rules.rs"]
mod rules;
#[path = "metrics/tools.rs"]
mod tools;
#[path = "metrics/units.rs"]
mod units;
