//! The `cgproc` command: runs programs under a container's view, and shows what they see. It is a library so that both
//! links of it, dynamic and static, share what was compiled; main.rs is what they add.

mod cdi;
mod cli;
mod doctor;
mod failure;
mod host;
mod inject;
mod install;
mod meant;
mod metrics;
mod nri;
mod output;
mod run;
mod runtime;
mod sampler;
mod seconds;
mod see;
mod settings;
mod stats;
mod top;
mod trace;

use std::ffi::OsString;

/// The command with these arguments, the first of which is its name: `cgproc`, or that of the runtime for containers.
/// Returns the exit status.
#[must_use]
pub fn main(arguments: &[OsString]) -> u8 {
    let is_runtime = arguments.first().is_some_and(|program| runtime::is_meant(program));
    if is_runtime { runtime::main(arguments) } else { cli::main(arguments) }
}
