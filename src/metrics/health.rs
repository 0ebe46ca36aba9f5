//! What is shown about the sampler and about the metrics themselves.

use super::figures::{Figure, Value, gauge, seconds};
use crate::{
    host::clocks,
    see::{board_reader::BoardReader, board_state},
    stats::sample::Machine,
};
use calc::board::{Block, Board};
use procfs::process::Process;
use prometheus_client::{metrics::MetricType, registry::Unit};
use std::{path::Path, time::Duration};

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Health {
    pub(super) machine: Machine,
    pub(super) publication: Publication,
    /// Of the sampler in this process.
    pub(super) sampler: Option<Own>,
    /// Cgroups that were found.
    pub(super) cgroups: usize,
    /// Cgroups that were not looked at, because there are too many.
    pub(super) left_out: usize,
    pub(super) dropped_series: usize,
    pub(super) most_series: usize,
    /// The time that the look at the cgroups took.
    pub(super) look: Duration,
}

/// The board's state.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Publication {
    is_believed: bool,
    last_usec: Option<u64>,
}

impl Publication {
    /// The state of the board at `path`, by the rules that readers have.
    pub(super) fn of(path: &Path) -> Self {
        let mut header = Block::EMPTY;
        let board = BoardReader::open(path);
        let is_whole = board.is_some_and(|board| board.copy(0, &mut header).is_some()) && header.is_whole();
        let last_usec = is_whole.then(|| header.published().realtime_usec);
        Self { is_believed: board_state::check(path).is_ok(), last_usec }
    }
}

/// What a sampler knows about itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    interval: Duration,
    cpu_usec: u64,
    resident_bytes: Option<u64>,
}

impl Own {
    /// This process, which samples every `interval`.
    pub(super) fn of(interval: Duration) -> Self {
        let pages = Process::myself().and_then(|it| it.statm()).ok().map(|it| it.resident);
        let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or(0);
        Self {
            interval,
            cpu_usec: clocks::now_usec(libc::CLOCK_PROCESS_CPUTIME_ID),
            resident_bytes: pages.map(|pages| pages * page_bytes),
        }
    }
}

/// All metrics of this kind, in the order in which they are written.
pub(super) static HEALTH: [Figure<Health>; 13] = [
    gauge("machine_cpu_cores", None, "The machine's CPUs", |it| known(it.machine.cpus)),
    gauge("machine_memory", Some(Unit::Bytes), "The machine's memory", |it| known(it.machine.memory_bytes)),
    gauge("board_believed", None, "1 if a sampler publishes a board that programs believe, else 0", |it| {
        Some(Value::Whole(it.publication.is_believed.into()))
    }),
    gauge(
        "sampler_last_publication_timestamp",
        Some(Unit::Seconds),
        "When the sampler last published, in seconds since 1970",
        |it| seconds(it.publication.last_usec),
    ),
    gauge("sampler_interval", Some(Unit::Seconds), "The time between two samples", |it| {
        it.sampler.map(|it| Value::Real(it.interval.as_secs_f64()))
    }),
    Figure {
        name: "sampler_cpu",
        unit: Some(Unit::Seconds),
        kind: MetricType::Counter,
        help: "CPU time used by the sampler, with its metrics",
        value: |it| seconds(it.sampler.map(|it| it.cpu_usec)),
    },
    gauge("sampler_resident_memory", Some(Unit::Bytes), "Memory that the sampler has resident", |it| {
        it.sampler?.resident_bytes.map(Value::Whole)
    }),
    gauge("cgroups", None, "Cgroups found", |it| size(it.cgroups)),
    gauge("cgroups_left_out", None, "Cgroups not looked at, because there are too many", |it| size(it.left_out)),
    gauge("series_dropped", None, "Series left out, because there are too many or their names look alike", |it| {
        size(it.dropped_series)
    }),
    gauge("series_max", None, "The largest number of series that is written about cgroups", |it| size(it.most_series)),
    gauge("scrape_duration", Some(Unit::Seconds), "The time that the last look at the cgroups took", |it| {
        Some(Value::Real(it.look.as_secs_f64()))
    }),
    Figure {
        name: "build_info",
        unit: None,
        kind: MetricType::Gauge,
        help: "1, with the version of cgproc as a label",
        value: |_| Some(Value::Whole(1)),
    },
];

fn known(value: u64) -> Option<Value> {
    (value > 0).then_some(Value::Whole(value))
}

fn size(value: usize) -> Option<Value> {
    u64::try_from(value).ok().map(Value::Whole)
}
