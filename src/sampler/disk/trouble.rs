//! Why a tree is not measured.

use rustix::io::Errno;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// The process that was to show the tree has ended; another one will.
    #[error("its process has ended")]
    Ended,
    #[error("no right to look into it: CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are needed")]
    Refused,
    /// From here, this path leads to something else, or to nothing.
    #[error("it is not visible from here")]
    Elsewhere,
    /// Without RESOLVE_CACHED (openat2(2)), the path may lead through a file system that does not answer.
    #[error("this kernel is older than Linux 5.12")]
    OldKernel,
    #[error("more than {0} directories deep")]
    Deep(usize),
    #[error("{0}")]
    Failed(Errno),
}

impl From<Errno> for Trouble {
    fn from(error: Errno) -> Self {
        match error {
            Errno::ACCESS | Errno::PERM => Self::Refused,
            _ => Self::Failed(error),
        }
    }
}
