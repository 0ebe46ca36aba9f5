//! The command line.

use crate::{
    cpus::{List, Quota, parse_list, parse_quota},
    failure::{Failure, OWN_CODE, say},
    limits::Limits,
    run, sampler, show, size, view,
};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::{ffi::OsString, io, path::PathBuf, time::Duration};

/// Let the programs in a Linux container see their own CPUs and memory.
#[derive(Parser)]
#[command(name = "cgproc", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Run),
    Show(Show),
    Sampler(Sampler),
    /// Print the man page of the command, or of one of its commands.
    #[command(hide = true)]
    Man {
        command: Option<String>,
    },
    /// Print the completions for a shell.
    #[command(hide = true)]
    Completions {
        shell: clap_complete::Shell,
    },
}

/// Run a program under limits, or under the view of another container.
///
/// The program is put into a cgroup of its own with the given limits, and sees them in /proc/meminfo, nproc, top and the
/// like. The cgroup is removed when the program has ended. Without the right to make a cgroup the limits are only shown.
#[derive(Args)]
#[command(
    override_usage = "cgproc run [OPTIONS] [--] PROG [ARG]...",
    after_help = "Exit status: that of PROG; 125 when cgproc itself fails, 126 when PROG cannot be executed, 127 when there \
                  is no PROG. A PROG that is killed by a signal has cgproc killed by the same one."
)]
struct Run {
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    scope: ScopeOptions,
    /// The program and its arguments.
    #[arg(value_name = "PROG", required = true, trailing_var_arg = true)]
    program: Vec<OsString>,
}

#[derive(Args)]
#[group(multiple = true, conflicts_with = "ScopeOptions")]
struct LimitOptions {
    /// Memory limit: a number of bytes, or of K, M, G or T.
    #[arg(short, long, value_name = "SIZE", value_parser = size::parse_positive)]
    memory: Option<u64>,
    /// Swap allowed beyond the memory.
    #[arg(long, value_name = "SIZE", value_parser = size::parse, requires = "memory")]
    swap: Option<u64>,
    /// Number of CPUs, such as 1.5.
    #[arg(long, value_name = "N", value_parser = parse_quota)]
    cpus: Option<Quota>,
    /// CPUs to run on, such as 0-1,3.
    #[arg(long, value_name = "LIST", value_parser = parse_list)]
    cpuset: Option<List>,
    /// Largest number of processes and threads.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pids: Option<u64>,
}

#[derive(Args)]
#[group(multiple = false)]
struct ScopeOptions {
    /// See what this cgroup sees: its path below the mounts, or the directory of a version 2 cgroup.
    #[arg(long, value_name = "PATH")]
    cgroup: Option<OsString>,
    /// See what the container of this process sees.
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pid: Option<u32>,
}

/// Print a file of /proc or /sys as it is seen in a container.
///
/// FILE is a path, such as /proc/meminfo, or its last part.
#[derive(Args)]
struct Show {
    /// The file: meminfo, swaps, stat, cpuinfo, uptime, loadavg, online, present.
    #[arg(value_name = "FILE")]
    file: String,
    #[command(flatten)]
    scope: ScopeOptions,
    /// Say why, where the kernel's own text is printed.
    #[arg(short, long)]
    verbose: bool,
}

/// Publish the containers' load, and limits that they cannot see themselves.
///
/// Runs until it is ended. Every container that has the board's directory at the same place, readable, sees its own load
/// in uptime, top, /proc/loadavg and the like. On a host all of its containers are published; in a container, what it
/// sees of the cgroups; beside containers that share a pid namespace with it, those as well.
#[derive(Args)]
struct Sampler {
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
    #[arg(long, value_name = "SEC", value_parser = parse_interval, default_value = "5")]
    interval: Duration,
    /// Take one sample, publish it and end.
    #[arg(long)]
    once: bool,
}

/// Parses a number of seconds, such as 0.5.
fn parse_interval(text: &str) -> Result<Duration, String> {
    const ALLOWED: std::ops::RangeInclusive<f64> = 0.1..=3600.0;
    let seconds = text.parse().ok().filter(|seconds| ALLOWED.contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "not a number of seconds from 0.1 to 3600".to_owned())
}

impl LimitOptions {
    fn limits(self) -> Limits {
        Limits {
            memory_bytes: self.memory,
            swap_bytes: self.swap,
            cpus: self.cpus,
            cpuset: self.cpuset,
            pids: self.pids,
        }
    }
}

impl ScopeOptions {
    /// The cgroup in a form that `CGPROC_CGROUP` takes.
    fn cgroup(self) -> anyhow::Result<Option<OsString>> {
        match (self.pid, self.cgroup) {
            (Some(pid), _) => view::name_of_process(pid).map(Some),
            (None, Some(cgroup)) => view::name_of(&cgroup).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// Does what the arguments say, and returns the exit code.
pub(crate) fn main(arguments: &[OsString]) -> u8 {
    let done = match Cli::try_parse_from(arguments) {
        Ok(cli) => obey(cli.command),
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { OWN_CODE } else { 0 };
        }
    };
    done.unwrap_or_else(|failure| {
        say(&failure);
        failure.code()
    })
}

fn obey(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Run(run) => run::run(&run.program, run.scope.cgroup()?, &run.limits.limits()),
        Command::Show(Show { file, scope, verbose }) => Ok(show::show(&file, scope.cgroup()?, verbose).map(|()| 0)?),
        Command::Sampler(Sampler { board, interval, once }) => {
            sampler::run(&sampler::Options { board, interval, once })
        }
        Command::Man { command } => Ok(man(command.as_deref()).map(|()| 0)?),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "cgproc", &mut io::stdout());
            Ok(0)
        }
    }
}

/// Prints a man page.
fn man(command: Option<&str>) -> anyhow::Result<()> {
    let mut page = Cli::command();
    page.build();
    let page = match command {
        None => page,
        Some(name) => page.find_subcommand(name).cloned().ok_or_else(|| anyhow::anyhow!("no command {name}"))?,
    };
    Ok(clap_mangen::Man::new(page).render(&mut io::stdout())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        assert_eq!(parse_interval("5"), Ok(sampler::INTERVAL));
        assert_eq!(parse_interval("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "x", "nan", "inf", "1e9", ""] {
            assert!(parse_interval(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_table_is_sound() {
        Cli::command().debug_assert();
    }
}
