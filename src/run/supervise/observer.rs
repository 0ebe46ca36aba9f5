//! Who is told of the calls that come to a supervisor: `cgproc trace`. Each is told before it is replied to, so what a
//! program's own threads do afterwards comes later.

use super::caller::Caller;
use libc::pid_t;
use std::{borrow::Cow, os::fd::RawFd};

/// Is told of calls, by whichever process or thread answers them.
pub(crate) trait Observer: Send + Sync {
    /// Whether anybody still listens: daemons may outlive who does.
    fn is_there(&self) -> bool;

    /// Takes note of a call that waits for its reply. Whoever answers does nothing else meanwhile.
    fn saw(&self, sighting: &Sighting);

    /// Learns that there will be no calls, because nothing is supervised, and why.
    fn sees_nothing(&self, why: &str);

    /// Learns that the program has ended; its place is still there until this returns.
    fn has_ended(&self);

    /// The descriptor that it uses: an answering process keeps no others.
    fn descriptor(&self) -> RawFd;
}

/// A call that a supervisor received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) process: pid_t,
    /// The thread by the number that it has for itself: in the innermost pid namespace.
    pub(crate) thread: pid_t,
    /// The kernel's name for the program.
    pub(crate) comm: Vec<u8>,
    /// The system call's name.
    pub(crate) call: Cow<'static, str>,
    /// The file that it is about, if any: an absolute path of which symbolic links have not been followed.
    pub(crate) path: Option<Vec<u8>>,
    /// Whether we answered. If not, the kernel executes the call.
    pub(crate) is_answered: bool,
    pub(crate) caller: Caller,
    /// What the program's `/proc/PID/cgroup` says.
    pub(crate) membership: Vec<u8>,
    /// The settings that apply to the program, as an environment has them, each followed by a NUL: its own, and those
    /// that the first program was started with. Names of files count only if it may name files to us.
    pub(crate) settings: Vec<u8>,
}
