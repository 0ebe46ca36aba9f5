//! Signals of the process that waits for a program: each is taken from a queue, and none interrupts.

use std::{io, mem::MaybeUninit, ptr, time::Duration};

/// Left to the kernel: faults in our own code raise them, and waiting for those makes no sense.
const FAULTS: [i32; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

/// Dispositions that are changed by starting a program and waiting for it: the standard library resets SIGPIPE in the
/// child, and with SIGCHLD ignored there would be nothing to wait for.
const DISTURBED: [i32; 2] = [libc::SIGPIPE, libc::SIGCHLD];

/// The dispositions and mask that we were started with, to be restored for the program.
#[derive(Clone, Copy)]
pub(crate) struct Inherited {
    mask: libc::sigset_t,
    dispositions: [libc::sigaction; DISTURBED.len()],
}

/// A signal taken from the queue.
pub(crate) struct Signal {
    pub(crate) number: i32,
    /// The process that sent it; `None` if the kernel did (a terminal's ^C, a timer).
    pub(crate) sender: Option<i32>,
}

/// Blocks every signal, so that [`next`] gets it, and returns what was in force before.
pub(crate) fn take_over() -> Inherited {
    let dispositions = DISTURBED.map(|number| {
        let mut old = MaybeUninit::zeroed();
        // SAFETY: `old` has room for a sigaction; a null action changes nothing.
        unsafe { libc::sigaction(number, ptr::null(), old.as_mut_ptr()) };
        // SAFETY: zero bytes are a valid sigaction, and the call has filled it in.
        unsafe { old.assume_init() }
    });
    // SAFETY: SIG_DFL is a valid disposition.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    Inherited { mask: set_mask(libc::SIG_SETMASK, &queue()), dispositions }
}

/// Calls `begin`, which starts a thread that is to get no signal: whichever thread does not block one may take it away
/// from [`next`].
pub(crate) fn without_any<T>(begin: impl FnOnce() -> T) -> T {
    let before = set_mask(libc::SIG_SETMASK, &queue());
    let begun = begin();
    set_mask(libc::SIG_SETMASK, &before);
    begun
}

impl Inherited {
    /// Restores what was in force before, in the child between fork and exec: system calls only.
    pub(crate) fn put_back(&self) {
        for (number, old) in DISTURBED.into_iter().zip(&self.dispositions) {
            // SAFETY: `old` is what sigaction returned for this signal.
            unsafe { libc::sigaction(number, old, ptr::null_mut()) };
        }
        set_mask(libc::SIG_SETMASK, &self.mask);
    }
}

/// The next signal; `None` if `patience` runs out first.
pub(crate) fn next(patience: Option<Duration>) -> Option<Signal> {
    let timeout = patience.map(|time| libc::timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    loop {
        // SAFETY: the set is initialised, `info` has room for a siginfo, and the timeout is null or outlives the call.
        let number = unsafe { libc::sigtimedwait(&queue(), info.as_mut_ptr(), timeout) };
        if number > 0 {
            // SAFETY: the call succeeded, so it has filled in `info`, whose bytes were zero before.
            let info = unsafe { info.assume_init() };
            // SAFETY: codes up to 0 are those of kill, tgkill and sigqueue, which all give the sender.
            let sender = (info.si_code <= 0).then(|| unsafe { info.si_pid() });
            return Some(Signal { number, sender });
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return None;
        }
    }
}

/// Applies the default action of `number` to us, as to a program that does not handle it.
pub(crate) fn suffer(number: i32) {
    // SAFETY: the set is valid: sigemptyset and sigaddset fill it before it is read.
    let only = unsafe {
        let mut set = MaybeUninit::zeroed();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), number);
        set.assume_init()
    };
    // SAFETY: sends to ourselves; at most one is pending until it is unblocked.
    unsafe { libc::kill(libc::getpid(), number) };
    set_mask(libc::SIG_UNBLOCK, &only);
    set_mask(libc::SIG_BLOCK, &only);
}

/// Dies of `number`, as the program did, without a core file of ours. Returns if the signal does not end us.
pub(crate) fn die_of(number: i32) {
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    // SAFETY: SIG_DFL is a valid disposition; for SIGKILL the call fails and changes nothing.
    unsafe { libc::signal(number, libc::SIG_DFL) };
    suffer(number);
}

/// Every signal that is taken from the queue.
fn queue() -> libc::sigset_t {
    let mut set = MaybeUninit::zeroed();
    // SAFETY: `set` has room for a sigset, which sigfillset initialises before anything reads it.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        for fault in FAULTS {
            libc::sigdelset(set.as_mut_ptr(), fault);
        }
        set.assume_init()
    }
}

/// Changes the mask of blocked signals and returns the previous one.
fn set_mask(how: i32, set: &libc::sigset_t) -> libc::sigset_t {
    let mut old = MaybeUninit::zeroed();
    // SAFETY: both point to signal sets; the kernel only writes the second, whose bytes are zero before.
    unsafe {
        libc::sigprocmask(how, set, old.as_mut_ptr());
        old.assume_init()
    }
}
