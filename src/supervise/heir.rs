//! Who supervises after us: daemons may outlive the program that was run, and we may be killed. A call that nobody answers
//! fails, or waits for ever.

use super::{answer::Call, listener::Listener, seen::Known, serve::serve};
use anyhow::{Context, Result};
use libc::seccomp_notif;
use rustix::{
    fd::{AsFd, AsRawFd},
    mm::{MapFlags, ProtFlags, mmap_anonymous, munmap},
};
use std::{
    cell::UnsafeCell,
    ffi::CString,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    ptr::{NonNull, null_mut},
    sync::Mutex,
    time::Duration,
};

/// The call that is being answered: in memory that the heir shares, so that it knows of one that we did not come to answer.
pub(super) struct Hand(NonNull<UnsafeCell<seccomp_notif>>);

// SAFETY: one thread of this process at a time has it in use, by who calls `with`; the heir waits until we have ended.
unsafe impl Send for Hand {}
// SAFETY: as above.
unsafe impl Sync for Hand {}

impl Hand {
    pub(super) fn new() -> io::Result<Self> {
        let (all, prot) = (size_of::<seccomp_notif>(), ProtFlags::READ | ProtFlags::WRITE);
        // SAFETY: a new mapping, at no address of ours. Its bytes are zero, which is a valid notification.
        let memory = unsafe { mmap_anonymous(null_mut(), all, prot, MapFlags::SHARED)? };
        NonNull::new(memory.cast()).map(Self).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// Lends it to who answers the next call.
    pub(super) fn with(&self, answer: impl FnOnce(&mut seccomp_notif)) {
        // SAFETY: the mapping lives as long as `self`, and one thread at a time comes here.
        answer(unsafe { &mut *self.0.as_ref().get() });
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        // SAFETY: what `new` has mapped, and nobody has borrowed.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), size_of::<seccomp_notif>()) };
    }
}

/// A process that waits for our end.
pub(super) struct Heir {
    pid: i32,
    /// What we say to it, and what it says; closed when we end.
    line: UnixStream,
}

/// From here on, until [`CEASE`], it is to serve: we are stopped. It answers when it has ceased.
const STAND_IN: u8 = b'+';
const CEASE: u8 = b'-';

impl Heir {
    /// Makes it, a copy of this process, whose other thread waits for us and holds nothing.
    pub(super) fn beget(listener: &Listener, hand: &Hand) -> Result<Self> {
        let (ours, its) = UnixStream::pair().context("a line to who supervises after us")?;
        // It answers at once, unless somebody has stopped it.
        ours.set_read_timeout(Some(Duration::from_secs(5))).context("a line to who supervises after us")?;
        // SAFETY: the only other thread waits in a system call, so that the copy finds no lock held.
        match unsafe { libc::fork() } {
            0 => {
                drop(ours);
                live(listener, hand, its)
            }
            pid if pid > 0 => Ok(Self { pid, line: ours }),
            _ => Err(io::Error::last_os_error()).context("a process to supervise after us"),
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Has it serve while `stop` is called, which stops this process for a while.
    pub(super) fn stand_in(&self, stop: impl FnOnce()) {
        let is_told = (&self.line).write_all(&[STAND_IN]).is_ok();
        stop();
        if is_told && (&self.line).write_all(&[CEASE]).is_ok() {
            // Two at once would each wait for what the other has taken.
            let _ = (&self.line).read(&mut [0]);
        }
    }

    /// Ends it: there is nobody left to supervise. A process that nobody waits for would stay in the list of processes.
    pub(super) fn dismiss(&self) {
        // SAFETY: our child, which has not been waited for unless it has ended by itself.
        unsafe {
            if libc::waitpid(self.pid, null_mut(), libc::WNOHANG) == 0 {
                libc::kill(self.pid, libc::SIGKILL);
                libc::waitpid(self.pid, null_mut(), 0);
            }
        }
    }
}

/// The heir's life: our work while we are stopped, and when we have ended, while there is any.
fn live(listener: &Listener, hand: &Hand, mut line: UnixStream) -> ! {
    leave_everything([listener.as_fd().as_raw_fd(), line.as_raw_fd()]);
    let mut word = [0];
    if let Ok(own) = Hand::new() {
        while matches!(line.read(&mut word), Ok(1)) {
            match word {
                [STAND_IN] => serve(listener, &own, Some(line.as_fd()), &Mutex::new(())),
                _ => drop(line.write_all(&word)),
            }
        }
        // We may have ended in the middle of a call. If it was answered, this comes too late and does nothing.
        hand.with(|received| Call::of(listener, received).answer(&mut Known::default()));
        serve(listener, &own, None, &Mutex::new(()));
    }
    // SAFETY: ends this process, which has nothing of its own to put in order.
    unsafe { libc::_exit(0) }
}

/// Leaves the terminal, the directory and the files that others may wait for to be let go.
fn leave_everything(but: [i32; 2]) {
    let _ = rustix::process::setsid();
    let _ = rustix::process::chdir("/");
    let _ = rustix::thread::set_name(&CString::new(super::HEIR).unwrap_or_default());
    let [low, high] = [but[0].min(but[1]), but[0].max(but[1])];
    for (first, last) in [(0, low - 1), (low + 1, high - 1), (high + 1, i32::MAX)] {
        if first <= last {
            close_all(first, last);
        }
    }
    // The numbers of the standard streams are not to become those of other files.
    crate::child::hold_closed_standard_descriptors();
}

/// Closes the descriptors from `first` to `last`.
fn close_all(first: i32, last: i32) {
    // SAFETY: nothing of this process is used any more but what it keeps.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0 {
        return;
    }
    // A sandbox may not know that call. None has a higher number than there may be.
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(1 << 20);
    for number in first..=last.min(i32::try_from(most).unwrap_or(i32::MAX)) {
        // SAFETY: as above.
        unsafe { libc::close(number) };
    }
}
