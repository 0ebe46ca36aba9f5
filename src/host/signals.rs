//! The signals that end a service, and those that must not.

use anyhow::{Context, Result};
use rustix::fd::{FromRawFd, OwnedFd};
use std::{io, mem::MaybeUninit, ptr};

/// Blocks the signals that end the service; returns what becomes readable when one arrives.
pub(crate) fn ending() -> Result<OwnedFd> {
    let set = blocked(&[libc::SIGTERM, libc::SIGINT]);
    // SAFETY: the set is initialised; -1 asks for a new descriptor.
    let number = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if number < 0 {
        return Err(io::Error::last_os_error()).context("waiting for signals");
    }
    // SAFETY: the call succeeded, so this is a new descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Keeps a client that goes away from ending us: in this thread, writing to it is an error and no more.
pub(crate) fn survive_broken_pipes() {
    blocked(&[libc::SIGPIPE]);
}

/// Blocks signals in this thread and those that it starts; returns them as a set.
fn blocked(signals: &[i32]) -> libc::sigset_t {
    // SAFETY: `set` has room for a sigset, which sigemptyset initialises before the other calls read it.
    let set = unsafe {
        let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    };
    // SAFETY: the set is initialised; the previous one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
    set
}
