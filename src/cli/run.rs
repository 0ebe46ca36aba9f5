//! `cgproc run`

use super::{ScopeOptions, size};
use crate::{
    failure::Failure,
    run::{
        self, Job,
        cpus::{CpuList, CpuQuota, parse_list, parse_quota},
        limits::RunLimits,
        supervise::Supervise,
    },
};
use clap::Args;
use std::ffi::OsString;

/// The exit status of whoever runs a program, in the help.
pub(super) const EXIT_STATUS: &str = "Exit status: that of PROG; 125 if cgproc itself fails, 126 if PROG cannot be executed, 127 if it is not found. \
     If a signal kills PROG, cgproc dies of the same signal.";

/// Run a program under limits, or with the view of another container.
///
/// The program runs in a cgroup of its own with the given limits, and sees them in /proc/meminfo, nproc, top and the
/// like. The cgroup is removed when the program has ended. Without the right to make a cgroup, the limits are shown but
/// not enforced.
#[derive(Args)]
#[command(
    override_usage = "cgproc run [OPTIONS] [--] PROG [ARG]...",
    after_help = EXIT_STATUS
)]
pub(super) struct RunArgs {
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    scope: ScopeOptions,
    /// Also answer programs that bypass libc, as static and Go programs do.
    ///
    /// always: PROG and all that it starts; fails if the kernel does not allow it. auto: only if PROG itself is such a
    /// program, and the kernel allows it. never: such programs see the machine. Without WHEN: always. Opening a file
    /// for reading then takes some microseconds longer; without privilege, set-user-ID programs run without their bit.
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
    /// Give the program a pid namespace and a /proc of its own.
    ///
    /// ps, top and pgrep then see only PROG and what it starts and, under a limit, the uptime is PROG's. All of it ends
    /// when PROG ends.
    /// Without privilege, this takes a user namespace, in which no set-user-ID program works.
    #[arg(long)]
    pidns: bool,
    /// The program and its arguments.
    #[arg(value_name = "PROG", required = true, trailing_var_arg = true)]
    program: Vec<OsString>,
}

#[derive(Args)]
#[group(multiple = true, conflicts_with = "ScopeOptions")]
pub(super) struct LimitOptions {
    /// Memory limit, in bytes or with a suffix K, M, G or T; 512M is the same as 512Mi.
    #[arg(short, long, value_name = "SIZE", value_parser = size::parse_positive)]
    memory: Option<u64>,
    /// Swap allowed in addition to the memory.
    #[arg(long, value_name = "SIZE", value_parser = size::parse, requires = "memory")]
    swap: Option<u64>,
    /// Number of CPUs, such as 1.5 or 1500m; at least 0.01.
    #[arg(long, value_name = "N", value_parser = parse_quota)]
    cpus: Option<CpuQuota>,
    /// CPUs to run on, such as 0-1,3.
    #[arg(long, value_name = "LIST", value_parser = parse_list)]
    cpuset: Option<CpuList>,
    /// Maximum number of processes and threads.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pids: Option<u64>,
}

impl RunArgs {
    /// Runs the program, and returns its exit code.
    pub(super) fn obey(self) -> Result<u8, Failure> {
        let job = Job {
            program: &self.program,
            cgroup: self.scope.cgroup()?,
            limits: &self.limits.limits(),
            supervise: self.supervise,
            has_own_pids: self.pidns,
            watch: None,
        };
        Ok(run::run(job)?.as_ours())
    }
}

impl LimitOptions {
    pub(super) fn limits(self) -> RunLimits {
        RunLimits {
            memory_bytes: self.memory,
            swap_bytes: self.swap,
            cpus: self.cpus,
            cpuset: self.cpuset,
            pids: self.pids,
        }
    }
}
