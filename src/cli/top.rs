//! `cgproc top`

use super::{ScopeOptions, board::BoardOption};
use crate::{
    failure::Failure,
    seconds,
    top::{self, Asked},
};
use clap::Args;
use std::time::Duration;

/// Show what containers use, live.
///
/// A row for each container: CPU time and how much of its quota that is, throttling, memory and its limit, load,
/// pressure, disks, processes. In a container: the container and what is below it. h shows the keys. Without a terminal,
/// prints one table.
#[derive(Args)]
#[command(after_help = "Exit status: 0; 125 if cgproc itself fails.")]
pub(super) struct TopArgs {
    /// Print tables one after the other, for a file or a pipe.
    #[arg(short, long)]
    batch: bool,
    /// How many samples, after which it ends.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    iterations: Option<u64>,
    /// Seconds from one sample to the next.
    #[arg(short, long, value_name = "SEC", value_parser = seconds::parse, default_value = "2")]
    delay: Duration,
    /// Sort by this column, the largest first: cpu, mem, load1 or another one of --columns.
    #[arg(short = 'o', long, value_name = "COLUMN")]
    sort: Option<String>,
    /// The smallest first.
    #[arg(short, long)]
    reverse: bool,
    /// Print a line of JSON for each sample, with all figures. One sample without -b or -n.
    #[arg(long)]
    json: bool,
    /// The columns: name, cpu, cpu%, cpus, throttled, mem, limit, mem%, cache, swap, load1, psi-cpu, psi-mem, psi-io,
    /// read, write, pids, pids-max, age, load5, load15, running, blocked, usage, avail, procs, oom.
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    columns: Vec<String>,
    /// Show all cgroups, not only containers.
    #[arg(short, long)]
    all: bool,
    /// Show each below the one that it is in.
    #[arg(short, long)]
    tree: bool,
    /// Show only those with TEXT in their names or paths.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    filter: String,
    /// Show only the container of this process, and what is below it.
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "cgroup")]
    pid: Option<u32>,
    /// Show only this cgroup and what is below it: its path below the mounts, such as /docker/4f1e, the directory of a
    /// version 2 cgroup, or /proc/PID/cgroup.
    #[arg(long, value_name = "PATH")]
    cgroup: Option<std::ffi::OsString>,
    /// How many columns wide the lines of a table are; in a file, as many as it takes.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    width: Option<u16>,
    #[command(flatten)]
    board: BoardOption,
}

impl TopArgs {
    /// Shows the table until it is ended.
    pub(super) fn obey(self) -> Result<u8, Failure> {
        let Self { pid, cgroup, .. } = self;
        let asked = Asked {
            is_batch: self.batch,
            count: self.iterations,
            delay: self.delay,
            sort: self.sort,
            is_reversed: self.reverse,
            is_json: self.json,
            columns: self.columns,
            is_all: self.all,
            is_tree: self.tree,
            filter: self.filter,
            width: self.width.map(usize::from),
            board: self.board.path,
            cgroup: ScopeOptions { pid, cgroup }.cgroup()?,
        };
        Ok(top::run(asked).map(|()| 0)?)
    }
}
