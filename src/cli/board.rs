//! `--board`, for commands that read a sampler's board.

use clap::Args;
use std::path::PathBuf;

// Without a doc comment, which would become that of the command.
#[derive(Args)]
pub(super) struct BoardOption {
    /// The sampler's board.
    #[arg(
        long = "board",
        value_name = "PATH",
        env = "CGPROC_BOARD",
        hide_env_values = true,
        default_value = "/run/cgproc/board"
    )]
    pub(super) path: PathBuf,
}
