//! Who supervises after us: daemons may outlive the program that was run, and we may be killed. A call that nobody answers
//! fails, or waits for ever.

use super::{listener::Listener, serve};
use anyhow::{Context, Result};
use libc::seccomp_notif;
use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    mm::{MapFlags, ProtFlags, mmap_anonymous, munmap},
};
use std::{
    cell::UnsafeCell,
    fs::File,
    io::{self, PipeReader, PipeWriter, Read},
    ptr::{NonNull, null_mut},
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
    /// Closed when we end.
    _life: PipeWriter,
}

impl Heir {
    /// Makes it, a copy of this process, whose other thread waits for us and holds nothing.
    pub(super) fn beget(listener: &Listener, hand: &Hand) -> Result<Self> {
        let (end, life) = io::pipe()?;
        // SAFETY: the only other thread waits in a system call, so that the copy finds no lock held.
        match unsafe { libc::fork() } {
            0 => {
                drop(life);
                succeed(listener, hand, end)
            }
            pid if pid > 0 => Ok(Self { pid, _life: life }),
            _ => Err(io::Error::last_os_error()).context("a process to supervise after us"),
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }
}

/// The heir's life: nothing until we have ended, then our work while there is any.
fn succeed(listener: &Listener, hand: &Hand, mut end: PipeReader) -> ! {
    leave_everything(&[listener.as_fd().as_raw_fd(), end.as_raw_fd()]);
    let _ = end.read(&mut [0]);
    // We may have ended in the middle of one. If it was answered, this one comes too late and does nothing.
    hand.with(|received| listener.let_pass(received.id));
    serve(listener, hand, None);
    // SAFETY: ends this process, which has nothing of its own to put in order.
    unsafe { libc::_exit(0) }
}

/// Leaves the terminal, the directory and the files that others may wait for to be let go.
fn leave_everything(but: &[i32]) {
    let _ = rustix::process::setsid();
    let _ = rustix::process::chdir("/");
    let _ = rustix::thread::set_name(c"cgproc-heir");
    let numbers = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let open: Vec<i32> = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in open.into_iter().filter(|number| !but.contains(number)) {
        // SAFETY: nothing of this process is used any more but what it keeps.
        unsafe { libc::close(number) };
    }
    // The numbers of the standard streams are not to become those of other files.
    while let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let number = null.as_raw_fd();
        std::mem::forget(OwnedFd::from(null));
        if number > 2 {
            break;
        }
    }
}
