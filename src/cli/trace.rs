//! `cgproc trace`

use super::{
    ScopeOptions,
    run::{EXIT_STATUS, LimitOptions},
};
use crate::{
    failure::Failure,
    trace::{self, Order},
};
use clap::Args;
use std::{ffi::OsString, path::PathBuf};

/// Show what a program asks about its machine, and who answers.
///
/// Runs PROG as cgproc run does. A line for each question says through which function or system call it was asked, what
/// was shown, by whom and why, and what the kernel would have shown. At the end, a line for each program adds them up.
/// Questions that pass by the library are named with the object that asked.
#[derive(Args)]
#[command(
    override_usage = "cgproc trace [OPTIONS] [--] PROG [ARG]...",
    after_help = EXIT_STATUS
)]
pub(super) struct TraceArgs {
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    scope: ScopeOptions,
    /// Print a JSON object for each question and each system call, and one at the end that adds them up.
    #[arg(long)]
    json: bool,
    /// Write to FILE instead of standard error.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The program and its arguments.
    #[arg(value_name = "PROG", required = true, trailing_var_arg = true)]
    program: Vec<OsString>,
}

impl TraceArgs {
    /// Runs the program, and returns its exit code.
    pub(super) fn obey(self) -> Result<u8, Failure> {
        trace::trace(&Order {
            program: &self.program,
            cgroup: self.scope.cgroup()?,
            limits: &self.limits.limits(),
            output: self.output.as_deref(),
            is_json: self.json,
        })
    }
}
