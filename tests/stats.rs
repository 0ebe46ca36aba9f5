//! Figures of cgroups under load, as `cgproc top` and the metrics show them, compared with what an independent script
//! computes from the kernel's files (`tests/bed/figures`). Needs root.

mod bed;

#[allow(dead_code, reason = "the ring `sampler` uses the rest")]
#[path = "sampler/boards.rs"]
mod boards;
#[path = "stats/figures.rs"]
mod figures;
#[allow(dead_code, reason = "the ring `sampler` uses the rest")]
#[path = "sampler/groups.rs"]
mod groups;
#[path = "stats/joined.rs"]
mod joined;
#[path = "stats/loads.rs"]
mod loads;
#[allow(dead_code, reason = "the ring `sampler` uses the rest")]
#[path = "sampler/processes.rs"]
mod processes;
#[path = "stats/shown.rs"]
mod shown;
#[path = "stats/stirred.rs"]
mod stirred;
