//! `cgproc sampler`

use crate::{
    failure::Failure,
    metrics::{self, Address, Source, Which},
    sampler, seconds,
};
use clap::Args;
use std::{path::PathBuf, time::Duration};

/// Publish the containers' load, and limits that they cannot see themselves.
///
/// Runs until it is stopped. Every container that can read the board's directory at the same path sees its own load in
/// uptime, top, /proc/loadavg and the like. On a host, it publishes all containers; in a container, the cgroups that
/// are visible there, and those of containers that share its pid namespace.
#[derive(Args)]
#[command(after_help = "Exit status: 0; with --check, 1 if no sampler publishes there; 125 if cgproc itself fails.")]
pub(super) struct SamplerArgs {
    /// The file to publish in, on a tmpfs.
    #[arg(
        long,
        value_name = "PATH",
        env = "CGPROC_BOARD",
        hide_env_values = true,
        default_value = "/run/cgproc/board"
    )]
    board: PathBuf,
    /// Seconds from one sample to the next.
    #[arg(long, value_name = "SEC", value_parser = seconds::parse, default_value = "5")]
    interval: Duration,
    /// Take one sample, publish it and exit.
    #[arg(long)]
    once: bool,
    /// Measure how much disk space each container's files take, for CGPROC_DISK.
    #[arg(long, conflicts_with = "once")]
    disk: bool,
    /// Serve metrics by HTTP: at PORT or :PORT of the loopback, at IP:PORT or [IPV6]:PORT, or at unix:/PATH. Everybody who
    /// reaches it can read them.
    #[arg(long, value_name = "ADDR", conflicts_with = "once")]
    metrics: Option<Address>,
    /// Which cgroups have metrics.
    #[arg(long, value_name = "WHICH", default_value = "containers", requires = "metrics")]
    metrics_cgroups: Which,
    /// Leave out series beyond this number, and say how many: cgproc_series_dropped.
    #[arg(long, value_name = "N", default_value_t = metrics::MOST_SERIES, requires = "metrics")]
    metrics_max_series: usize,
    /// Publish nothing: check whether a sampler does and readers accept its board, for readiness probes.
    #[arg(long, conflicts_with_all = ["interval", "once", "disk", "metrics"])]
    check: bool,
}

impl SamplerArgs {
    /// Samples until it is ended, and returns the exit code.
    pub(super) fn obey(self) -> Result<u8, Failure> {
        let Self { board, interval, once, disk, check, metrics, metrics_cgroups: which, metrics_max_series } = self;
        if check {
            return Ok(sampler::check(&board));
        }
        let source = Source { board: board.clone(), which, most_series: metrics_max_series, interval: Some(interval) };
        // It has its socket before the sampler gives up the right to make it, and until the sampler ends.
        let _exporter = metrics.map(|address| metrics::start(&address, source)).transpose()?;
        sampler::run(&sampler::SamplerOptions { board, interval, once, disk })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_the_samplers_own_unless_another_is_asked_for() {
        assert_eq!(seconds::parse("5"), Ok(sampler::INTERVAL));
    }
}
