//! A look at the cgroups, with all that is written about it.

use super::{
    choice::{Which, choose},
    health::{Health, Own, Publication},
    text::Exposition,
};
use crate::stats::Collector;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// What is looked at, and how much of it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The board that load and capacity come from.
    pub(crate) board: PathBuf,
    pub(crate) which: Which,
    /// The largest number of series about cgroups.
    pub(crate) most_series: usize,
    /// The interval of the sampler in this process, if there is one.
    pub(crate) interval: Option<Duration>,
}

/// Looks at the cgroups again and again.
pub(super) struct Looker {
    source: Source,
    collector: Collector,
}

impl Looker {
    pub(super) fn new(source: Source) -> anyhow::Result<Self> {
        let collector = Collector::new(&source.board, source.which.into())?;
        Ok(Self { source, collector })
    }

    pub(super) fn look(&mut self) -> Exposition {
        let begun = Instant::now();
        let sample = self.collector.look();
        let look = begun.elapsed();
        let (machine, cgroups, left_out) = (sample.machine, sample.cgroups.len(), sample.left_out);
        let choice = choose(sample, self.source.most_series);
        let health = Health {
            machine,
            publication: Publication::of(&self.source.board),
            sampler: self.source.interval.map(Own::of),
            cgroups,
            left_out,
            dropped_series: choice.dropped_series,
            most_series: self.source.most_series,
            look,
        };
        Exposition { choice, health }
    }
}
