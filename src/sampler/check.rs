//! `cgproc sampler --check`: whether a sampler publishes, for readiness probes and health checks.

use crate::{failure::say, see::board_state};
use std::path::Path;

/// The exit code: 0 if readers can rely on the board; otherwise 1, with a line that says why not.
pub(crate) fn check(board: &Path) -> u8 {
    match board_state::check(board) {
        Ok(()) => 0,
        Err(fault) => {
            say(format_args!("{}: {fault}", board.display()));
            1
        }
    }
}
