//! The command line.

mod board;
mod cdi;
mod install;
mod man;
mod metrics;
mod nri;
mod run;
mod sampler;
mod size;
mod switch;
mod top;
mod trace;

use crate::{
    doctor,
    failure::{Failure, OWN_CODE, say},
    output,
    see::{explain, show, view},
};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::ffi::OsString;

/// Show the programs in a Linux container their own CPUs and memory.
#[derive(Parser)]
#[command(name = "cgproc", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::RunArgs),
    Trace(trace::TraceArgs),
    Show(Show),
    Explain(Explain),
    Doctor(Doctor),
    Sampler(sampler::SamplerArgs),
    Top(top::TopArgs),
    Metrics(metrics::MetricsArgs),
    Install(install::InstallArgs),
    Nri(nri::NriArgs),
    Uninstall(install::UninstallArgs),
    Off(switch::OffArgs),
    On(switch::OnArgs),
    Cdi(cdi::CdiArgs),
    Man(man::ManArgs),
    Completions(Completions),
}

#[derive(Args)]
#[group(multiple = false)]
struct ScopeOptions {
    /// Use the view of this cgroup: its path below the mounts, such as /docker/4f1e, the directory of a version 2
    /// cgroup, or /proc/PID/cgroup.
    #[arg(long, value_name = "PATH")]
    cgroup: Option<OsString>,
    /// Use the view of this process's container.
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pid: Option<u32>,
}

/// Print a file of /proc or /sys as a program in the container sees it.
///
/// FILE is a path, such as /proc/meminfo, or the end of one: meminfo, pressure/io, node0/meminfo.
#[derive(Args)]
struct Show {
    /// The file: meminfo, swaps, stat, schedstat, cpuinfo, uptime, loadavg, diskstats, vmstat,
    /// pressure/{cpu,memory,io,irq}, threads-max, online, present, isolated, block_size_bytes, cpuN/topology/*,
    /// nodeN/{meminfo,cpulist,cpumap}, DEVICE/stat.
    #[arg(value_name = "FILE")]
    file: String,
    #[command(flatten)]
    scope: ScopeOptions,
    /// If the kernel's own text is printed, say why.
    #[arg(short, long)]
    verbose: bool,
}

/// Show where each figure in the container's view comes from.
///
/// Without FIGURE, shows the figures that matter most, on a page. With FIGURE, shows the value, the kernel's own value,
/// the rule, the files that were read for it, and the cgroup that set the limit.
#[derive(Args)]
struct Explain {
    /// A figure, such as memory.total, cpus.count, MemFree or load.1min; a group of them, such as memory, swap, cpus,
    /// time, load, pressure, vmstat; or a file, such as /proc/meminfo.
    #[arg(value_name = "FIGURE")]
    figure: Option<String>,
    /// List all figures, a line for each: several hundred, and wider than a terminal.
    #[arg(long, conflicts_with = "figure")]
    all: bool,
    #[command(flatten)]
    scope: ScopeOptions,
    /// Print an array of JSON objects; without FIGURE, of all figures.
    #[arg(long)]
    json: bool,
}

/// Check whether programs here see their container and, if not, say why.
///
/// Checks the preloaded library in this and other processes, the settings, the cgroups, the board and whatever else the
/// answers depend on. For each problem, says what to do about it.
#[derive(Args)]
#[command(after_help = "Exit status: 0 if there are no problems, 1 if there are, 125 if cgproc itself fails.")]
struct Doctor {
    /// Print an array of JSON objects.
    #[arg(long)]
    json: bool,
}

/// Print the completions for a shell.
///
/// Bash looks for them in /usr/share/bash-completion/completions/cgproc, zsh in _cgproc in a directory of its fpath,
/// fish in /usr/share/fish/vendor_completions.d/cgproc.fish.
#[derive(Args)]
struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: clap_complete::Shell,
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

/// Runs the command that the arguments name, and returns the exit code.
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
        Command::Trace(trace) => trace.obey(),
        Command::Show(Show { file, scope, verbose }) => Ok(show::show(&file, scope.cgroup()?, verbose).map(|()| 0)?),
        Command::Explain(Explain { figure, all, scope, json }) => {
            let how = match (json, all) {
                (true, _) => explain::Form::Json,
                (false, true) => explain::Form::All,
                (false, false) => explain::Form::Page,
            };
            Ok(explain::explain(figure.as_deref(), scope.cgroup()?, how).map(|()| 0)?)
        }
        Command::Doctor(Doctor { json }) => Ok(doctor::doctor(json)?),
        Command::Sampler(sampler) => sampler.obey(),
        Command::Top(top) => top.obey(),
        Command::Metrics(metrics) => metrics.obey(),
        Command::Install(install) => install.obey(),
        Command::Nri(nri) => nri.obey(),
        Command::Uninstall(uninstall) => uninstall.obey(),
        Command::Off(off) => off.obey(),
        Command::On(on) => on.obey(),
        Command::Cdi(cdi) => cdi.obey(),
        Command::Man(man) => Ok(man.obey().map(|()| 0)?),
        Command::Completions(Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "cgproc", &mut script);
            Ok(output::put(&script).map(|()| 0)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calc::answer::Answer;

    #[test]
    fn the_table_is_sound() {
        Cli::command().debug_assert();
    }

    /// The names of files in a text, whether they stand alone or in braces.
    fn words(text: &str) -> Vec<&str> {
        text.split(|c: char| !c.is_alphanumeric() && !"_-".contains(c)).collect()
    }

    #[test]
    fn help_and_readme_name_every_answered_file() {
        let mut command = Cli::command();
        let show = command.find_subcommand_mut("show").unwrap();
        let file = show.get_positionals().next().and_then(|it| it.get_help()).unwrap().to_string();
        let readme = include_str!("../README.md").split("\n## ").find(|it| it.starts_with("What is answered\n"));
        let (file, readme) = (words(&file), words(readme.unwrap()));
        for path in Answer::ALL.into_iter().filter_map(Answer::path).map(|path| path.to_str().unwrap()) {
            let name = path.rsplit('/').next().unwrap();
            assert!(file.contains(&name), "{path} in the help of show");
            assert!(readme.contains(&name), "{path} in README.md");
        }
    }
}
