//! Metrics of containers and of the sampler, in the two text forms of Prometheus and OpenMetrics: printed once for the
//! textfile collector (`once`), or served by HTTP beside the sampler (`exporter`).
//!
//! `figures` is the table of what each cgroup shows, `health` of what is shown about the sampler itself. `choice` decides
//! which cgroups are shown (`labels` names them), and `text` writes both. `look` makes one such text from one look at
//! the cgroups. `address` is where the exporter listens, `unix` makes its socket if that is a file, `answers` what it
//! says, `accept` which form a client wants, and `room` who has to go when there are too many.

mod accept;
mod address;
mod answers;
mod choice;
mod exporter;
mod figures;
mod health;
mod labels;
mod listener;
mod look;
mod once;
mod room;
mod text;
mod unix;

pub(crate) use address::Address;
pub(crate) use choice::Which;
pub(crate) use exporter::start;
pub(crate) use look::Source;
pub(crate) use once::{OnceOptions, once};

/// How many series there are at most, unless told otherwise: some 1,000 containers.
pub(crate) const MOST_SERIES: usize = 50_000;
