//! `cgproc cdi`

use crate::{
    cdi,
    failure::Failure,
    inject::layout::{BOARD, DIRECTORY, Host},
};
use clap::Args;
use std::path::PathBuf;

/// Print the CDI specification, by which container engines give the view as a device.
///
/// In /etc/cdi it makes `docker run --device cgproc.io/view=all` and its like work. Device `all` is for images with
/// glibc: it mounts /etc/ld.so.preload, which every program obeys. Device `musl` is for images with musl: it sets
/// LD_PRELOAD, in place of the image's own.
#[derive(Args)]
pub(super) struct CdiArgs {
    /// Write it to this file, if that does not exist or has an earlier one.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the host has the library and what belongs to it.
    #[arg(long, value_name = "DIR", default_value = DIRECTORY)]
    library_dir: PathBuf,
    /// Where the host has the directory of the sampler's board.
    #[arg(long, value_name = "DIR", default_value = BOARD)]
    board: PathBuf,
}

impl CdiArgs {
    /// Prints or writes it, and returns the exit code.
    pub(super) fn obey(self) -> Result<u8, Failure> {
        let Self { output, library_dir: directory, board } = self;
        Ok(cdi::cdi(&Host { directory, board }, output.as_deref()).map(|()| 0)?)
    }
}
