//! What becomes of a call: one of three kinds has an answer of ours, and any doubt lets it pass.

use super::{affinity, hand::Hand, listener::Listener, open, refresh, serve::Desk, sysinfo, target::Target};
use libc::{c_long, seccomp_notif};
use rustix::fd::{AsFd, OwnedFd};

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
pub(super) enum Answer {
    /// A number. What it fills in is filled in.
    Number(i64),
    /// A descriptor of this file.
    File { file: OwnedFd, closes_on_exec: bool },
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

    /// Answers it, or lets it pass.
    pub(super) fn answer(&self, desk: &mut Desk<'_>) {
        let answer = self.answered(desk);
        desk.note_waits(|| self.target.whose());
        match answer {
            Some(Answer::Number(number)) => self.listener.give_back(self.id, number),
            Some(Answer::File { file, closes_on_exec }) => {
                if self.listener.give_file(self.id, file.as_fd(), closes_on_exec).is_err() {
                    // It may have as many descriptors as it is allowed to: the kernel will say so.
                    self.listener.let_pass(self.id);
                }
            }
            None => self.listener.let_pass(self.id),
        }
    }

    fn answered(&self, desk: &mut Desk<'_>) -> Option<Answer> {
        // A process that our pid namespace does not have, or one of a user whose memory is not to be touched.
        if self.target.thread == 0 || desk.shuns(|| self.target.whose()) {
            return None;
        }
        match self.number {
            libc::SYS_sysinfo => sysinfo::sysinfo(self, &mut desk.known),
            libc::SYS_sched_getaffinity => affinity::get(self, &mut desk.known),
            libc::SYS_sched_setaffinity => affinity::set(self, &mut desk.known),
            libc::SYS_lseek | libc::SYS_pread64 => {
                refresh::refresh(self, desk);
                None
            }
            _ => open::open(self, desk),
        }
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
