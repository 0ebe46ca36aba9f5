//! The command line.

mod install;
mod run;
mod sampler;
mod size;

use crate::{
    doctor,
    failure::{Failure, OWN_CODE, say},
    output,
    see::{explain, show, view},
};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::ffi::OsString;

/// Let the programs in a Linux container see their own CPUs and memory.
#[derive(Parser)]
#[command(name = "cgproc", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::RunArgs),
    Show(Show),
    Explain(Explain),
    Doctor(Doctor),
    Sampler(sampler::SamplerArgs),
    Install(install::InstallArgs),
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
/// FILE is a path, such as /proc/meminfo, or the end of one: meminfo, pressure/io, node0/meminfo.
#[derive(Args)]
struct Show {
    /// The file: meminfo, swaps, stat, cpuinfo, uptime, loadavg, diskstats, vmstat, pressure/{cpu,memory,io},
    /// threads-max, online, present, block_size_bytes, cpuN/topology/*, nodeN/{meminfo,cpulist,cpumap},
    /// DEVICE/stat.
    #[arg(value_name = "FILE")]
    file: String,
    #[command(flatten)]
    scope: ScopeOptions,
    /// Say why, where the kernel's own text is printed.
    #[arg(short, long)]
    verbose: bool,
}

/// Say where each figure is from that programs are shown in a container.
///
/// Each figure with what is shown, what the kernel says instead, the rule, the files that were read for it, and the cgroup
/// whose limit it is. A list of all, or the whole story of FIGURE.
#[derive(Args)]
struct Explain {
    /// A figure, such as memory.total, cpus.count, MemFree or load.1min; a group of them, such as memory, swap, cpus,
    /// time, load, pressure, vmstat; or a file, such as /proc/meminfo.
    #[arg(value_name = "FIGURE")]
    figure: Option<String>,
    #[command(flatten)]
    scope: ScopeOptions,
    /// Print an array of JSON objects.
    #[arg(long)]
    json: bool,
}

/// Say whether the view is in force here and, if not, why.
///
/// Looks at the preloaded library in this and other processes, at the settings, the cgroups, the board and what else
/// programs' answers depend on, and says of each problem what to do about it.
#[derive(Args)]
#[command(after_help = "Exit status: 0 when all is well, 1 when there are problems, 125 when cgproc itself fails.")]
struct Doctor {
    /// Print an array of JSON objects.
    #[arg(long)]
    json: bool,
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
        Command::Run(run) => run.obey(),
        Command::Show(Show { file, scope, verbose }) => Ok(show::show(&file, scope.cgroup()?, verbose).map(|()| 0)?),
        Command::Explain(Explain { figure, scope, json }) => {
            Ok(explain::explain(figure.as_deref(), scope.cgroup()?, json).map(|()| 0)?)
        }
        Command::Doctor(Doctor { json }) => Ok(doctor::doctor(json)?),
        Command::Sampler(sampler) => sampler.obey(),
        Command::Install(install) => install.obey(),
        Command::Man { command } => Ok(man(command.as_deref()).map(|()| 0)?),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "cgproc", &mut script);
            Ok(output::put(&script).map(|()| 0)?)
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
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    output::put(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        Cli::command().debug_assert();
    }
}
