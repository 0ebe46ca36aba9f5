//! `cgproc metrics`

use super::board::BoardOption;
use crate::{failure::Failure, metrics};
use clap::Args;
use std::path::PathBuf;

/// Print metrics of the containers, for Prometheus.
///
/// For the textfile collector of node_exporter, which reads what -o writes. `cgproc sampler --metrics` serves the same by
/// HTTP. Load and CPU capacity need a sampler.
#[derive(Args)]
pub(super) struct MetricsArgs {
    /// Write OpenMetrics instead of the Prometheus text form.
    #[arg(long)]
    openmetrics: bool,
    /// Write to this file, which is replaced as a whole, if it does not exist or has earlier metrics.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Which cgroups.
    #[arg(long, value_name = "WHICH", default_value = "containers")]
    cgroups: metrics::Which,
    /// Leave out series beyond this number, and say how many: cgproc_series_dropped.
    #[arg(long, value_name = "N", default_value_t = metrics::MOST_SERIES)]
    max_series: usize,
    #[command(flatten)]
    board: BoardOption,
}

impl MetricsArgs {
    /// Prints or writes them, and returns the exit code.
    pub(super) fn obey(self) -> Result<u8, Failure> {
        let Self { openmetrics: is_open_metrics, output, cgroups: which, max_series: most_series, board } = self;
        let source = metrics::Source { board: board.path, which, most_series, interval: None };
        Ok(metrics::once(metrics::OnceOptions { source, is_open_metrics, output }).map(|()| 0)?)
    }
}
