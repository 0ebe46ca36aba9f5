//! Why a root's programs are not tried.

use std::io;

/// Why this process can try nothing in this root.
#[derive(Debug, thiserror::Error)]
pub(super) enum Untried {
    /// We are not root, and have no user namespace of our own.
    #[error("no right to enter it: {0}")]
    NotEntered(io::Error),
    /// A system call filter, or an emulator.
    #[error("no right to trace a program: {0}")]
    NotTraced(io::Error),
    /// A lack of resources in this process: descriptors, memory.
    #[error(transparent)]
    Other(#[from] io::Error),
    /// There are none, or none of them starts.
    #[error("{0}")]
    NoProgram(String),
    /// A rehearsal, or an installation without the entry, executes nothing of the root.
    #[error("{0} executes nothing of the root")]
    NotAsked(&'static str),
}
