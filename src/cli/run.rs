//! `cgproc run`

use super::ScopeOptions;
use super::size;
use crate::{
    failure::Failure,
    run::{
        self,
        cpus::{CpuList, CpuQuota, parse_list, parse_quota},
        limits::RunLimits,
        supervise::Supervise,
    },
};
use clap::Args;
use std::ffi::OsString;

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
pub(super) struct RunArgs {
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    scope: ScopeOptions,
    /// Answer programs that make system calls past libc, as static and Go programs do.
    ///
    /// always: this program and all that it starts; fails where the kernel does not allow it. auto: if PROG is such a program
    /// itself, and the kernel allows it. never: they see the machine. Without WHEN: always. Opening any file for reading
    /// takes such programs some microseconds longer; without privilege, set-user-ID programs among them lose their bit.
    #[arg(
        long = "static",
        value_name = "WHEN",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_value = "auto",
        default_missing_value = "always",
        hide_possible_values = true
    )]
    supervise: Supervise,
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
    cpus: Option<CpuQuota>,
    /// CPUs to run on, such as 0-1,3.
    #[arg(long, value_name = "LIST", value_parser = parse_list)]
    cpuset: Option<CpuList>,
    /// Largest number of processes and threads.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pids: Option<u64>,
}

impl RunArgs {
    /// Runs the program, and returns its exit code.
    pub(super) fn obey(self) -> Result<u8, Failure> {
        run::run(&self.program, self.scope.cgroup()?, &self.limits.limits(), self.supervise)
    }
}

impl LimitOptions {
    fn limits(self) -> RunLimits {
        RunLimits {
            memory_bytes: self.memory,
            swap_bytes: self.swap,
            cpus: self.cpus,
            cpuset: self.cpuset,
            pids: self.pids,
        }
    }
}
