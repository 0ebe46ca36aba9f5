//! The service's rights, and which of them it keeps.

use anyhow::{Context, Result};
use rustix::{
    fd::{FromRawFd, OwnedFd},
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs},
};
use std::{io, mem::MaybeUninit, ptr};

/// What is kept of root's rights: looking into neighbours' mount namespaces. Everything else that is read is readable
/// by everybody, and the board's directory is our own.
const KEPT: CapabilitySet = CapabilitySet::SYS_PTRACE;

/// What is also kept for measuring containers' files: listing directories whatever their modes.
const KEPT_FOR_DISK: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;

/// Gives up rights that are not needed, and raises the descriptor limit: two descriptors per cgroup are kept open.
pub(super) fn give_up(measures_disk: bool) {
    let _ = set_no_new_privs(true);
    if let Ok(own) = capabilities(None) {
        let wanted = if measures_disk { KEPT | KEPT_FOR_DISK } else { KEPT };
        let kept = own.permitted & wanted;
        let _ = set_capabilities(
            None,
            CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() },
        );
    }
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Blocks the signals that end the service; returns what becomes readable when one arrives.
pub(super) fn ending_signals() -> Result<OwnedFd> {
    // SAFETY: `set` has room for a sigset, which sigemptyset initialises before the other calls read it.
    let set = unsafe {
        let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGTERM);
        libc::sigaddset(set.as_mut_ptr(), libc::SIGINT);
        set.assume_init()
    };
    // SAFETY: the set is initialised; the previous one is not asked for.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
    // SAFETY: the set is initialised; -1 asks for a new descriptor.
    let number = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if number < 0 {
        return Err(io::Error::last_os_error()).context("waiting for signals");
    }
    // SAFETY: the call succeeded, so this is a new descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
