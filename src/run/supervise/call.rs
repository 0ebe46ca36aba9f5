//! A call that waits for us, and what it may return.

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
    /// Where in the program it was made.
    pub(super) instruction: u64,
}

/// What it returns.
pub(super) enum Response {
    /// A number. What it fills in is filled in.
    Number(i64),
    /// A descriptor of this file.
    File { file: OwnedFd, closes_on_exec: bool },
}

/// Whose the call `id` of `target` is. It still waits after its process was asked, so that no other has its number.
pub(super) fn whose(listener: &Listener, id: u64, target: Target<'_>) -> Whose {
    let whose = target.whose();
    if listener.still_waits(id) { whose } else { Whose::Gone }
}

impl<'c> Call<'c> {
    /// The call that was `received`, which `hand` is told of.
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

    /// Whose it is.
    pub(super) fn whose(&self) -> Whose {
        whose(self.listener, self.id, self.target)
    }

    /// Writes `bytes` to `address` in the process that waits. It is told by its number, which is asked for just before; and after, since
    /// the call may be over by then.
    pub(super) fn write(&self, address: u64, bytes: &[u8]) -> Option<()> {
        let still_waits = || self.listener.still_waits(self.id).then_some(());
        still_waits()?;
        self.target.write(address, bytes)?;
        still_waits()
    }
}
