//! A waiting call, and what it may return.

use super::{hand::Hand, listener::Listener, target::Target, waits::Whose};
use libc::{c_long, seccomp_notif};
use rustix::fd::OwnedFd;

/// A call that waits for us.
pub(super) struct Call<'c> {
    pub(super) listener: &'c Listener,
    pub(super) id: u64,
    pub(super) target: Target<'c>,
    pub(super) number: c_long,
    pub(super) arguments: [u64; 6],
    /// The address in the program that it was made from.
    pub(super) instruction: u64,
}

/// What it returns.
pub(super) enum Response {
    /// A number. What the call fills in has been filled in.
    Number(i64),
    /// A descriptor of this file.
    File { file: OwnedFd, closes_on_exec: bool },
}

/// The user who made the call `id` of `target`. The call must still be waiting afterwards: then its process was the one
/// asked about, and no other has its number.
pub(super) fn whose(listener: &Listener, id: u64, target: Target<'_>) -> Whose {
    let whose = target.whose();
    if listener.still_waits(id) { whose } else { Whose::Gone }
}

impl<'c> Call<'c> {
    /// The call in `received`. `hand` records what is looked at for it.
    pub(super) fn of(listener: &'c Listener, hand: &'c Hand, received: &seccomp_notif) -> Self {
        let data = &received.data;
        Self {
            listener,
            id: received.id,
            target: Target::new(received.pid.cast_signed(), Some(hand)),
            number: data.nr.into(),
            arguments: data.args,
            instruction: data.instruction_pointer,
        }
    }

    /// The user who made it.
    pub(super) fn whose(&self) -> Whose {
        whose(self.listener, self.id, self.target)
    }

    /// Writes `bytes` to `address` in the waiting process. The process is known only by its number, so whether the call
    /// still waits is checked just before, and again after, because the call may have ended in between.
    pub(super) fn write(&self, address: u64, bytes: &[u8]) -> Option<()> {
        let still_waits = || self.listener.still_waits(self.id).then_some(());
        still_waits()?;
        self.target.write(address, bytes)?;
        still_waits()
    }
}
