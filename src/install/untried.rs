//! Why a root's programs are not tried.

use std::io;

/// Why nothing can be tried in this root, by this process.
#[derive(Debug, thiserror::Error)]
pub(super) enum Untried {
    /// Neither root nor a user namespace of our own.
    #[error("no right to enter it: {0}")]
    NotEntered(io::Error),
    /// A filter of system calls, or an emulator.
    #[error("no right to trace a program: {0}")]
    NotTraced(io::Error),
    /// Something of this process: descriptors, memory.
    #[error(transparent)]
    Other(#[from] io::Error),
    /// There are none, or none starts.
    #[error("{0}")]
    NoProgram(String),
    /// Who only rehearses, or preloads nothing, has nothing of the root executed.
    #[error("{0} executes nothing of the root")]
    NotAsked(&'static str),
}
