//! The command itself, on the machine's real cgroups: limits, statuses, signals, terminals, and what it leaves behind.
//! Needs root, like the other end-to-end tests.

mod bed;

#[path = "command/alike.rs"]
mod alike;
#[path = "command/apart.rs"]
mod apart;
#[path = "command/cgroups.rs"]
mod cgroups;
#[path = "command/declared.rs"]
mod declared;
#[path = "command/doctor.rs"]
mod doctor;
#[path = "command/explain.rs"]
mod explain;
#[path = "command/harness.rs"]
mod harness;
#[path = "command/input.rs"]
mod input;
#[path = "command/manual.rs"]
mod manual;
#[path = "command/of_a_run.rs"]
mod of_a_run;
#[path = "command/sampler_check.rs"]
mod sampler_check;
#[path = "command/show.rs"]
mod show;
#[path = "command/signals.rs"]
mod signals;
#[path = "command/strangers.rs"]
mod strangers;
#[path = "command/within.rs"]
mod within;
