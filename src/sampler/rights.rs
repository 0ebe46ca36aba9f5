//! The service's rights, and which of them it keeps.

use crate::host::rights;
use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::CapabilitySet,
};

/// What is kept of root's rights: looking into neighbours' mount namespaces. Everything else that is read is readable
/// by everybody, and the board's directory is our own.
const KEPT: CapabilitySet = CapabilitySet::SYS_PTRACE;

/// What is also kept for measuring containers' files: listing directories whatever their modes.
const KEPT_FOR_DISK: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;

/// Gives up rights that are not needed, and raises the descriptor limit: two descriptors per cgroup are kept open.
pub(super) fn give_up(measures_disk: bool) {
    rights::keep(if measures_disk { KEPT | KEPT_FOR_DISK } else { KEPT });
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
