//! The kernel's side: installing the filter, and the calls that it hands us (seccomp_unotify(2)).

use anyhow::{Context, Error, anyhow};
use libc::{
    c_ulong, seccomp_notif, seccomp_notif_addfd, seccomp_notif_resp, seccomp_notif_sizes, sock_filter, sock_fprog,
};
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    io::Errno,
};
use std::{mem::MaybeUninit, ptr};

/// Receives the calls of a filter's threads.
pub(super) struct Listener(OwnedFd);

/// Why nothing can be supervised from here.
pub(super) enum Refusal {
    /// There is a listener already, and there can be only one.
    Taken,
    Other(Error),
}

impl Listener {
    /// Installs `program` for the calling thread and what that starts from now on. Nothing is allocated once it is in
    /// force: an allocator may ask for the number of CPUs, and nobody answers yet.
    pub(super) fn install(program: &[sock_filter]) -> Result<Self, Refusal> {
        know_structures().map_err(Refusal::Other)?;
        let listener = Self::put_on(program)?;
        listener.stay_on_one_cpu();
        if listener.can_give() { Ok(listener) } else { Err(Refusal::Other(anyhow!("this kernel is older than 5.9"))) }
    }

    fn put_on(program: &[sock_filter]) -> Result<Self, Refusal> {
        // A kernel before 5.19 does not know this flag.
        const KILLABLE: c_ulong = libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
        // It is no sandbox, and must not cost what sandboxes cost on older kernels.
        const FAST: c_ulong = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
        let put_on = || put_on(program, KILLABLE | FAST).or_else(|_| put_on(program, FAST));
        let put_on = put_on().or_else(|error| {
            if error != Errno::ACCESS {
                return Err(error);
            }
            // Without privilege, the kernel requires this before it takes a filter.
            rustix::thread::set_no_new_privs(true)?;
            put_on()
        });
        put_on.map(Self).map_err(|error| match error {
            Errno::BUSY => Refusal::Taken,
            _ => Refusal::Other(
                Error::new(error).context("the kernel, or a sandbox around us, refuses the system call filter"),
            ),
        })
    }

    /// Makes the kernel switch between the program and us on one CPU: the two never run at once, and waking another CPU
    /// takes several times as long as an answer. Kernels before 6.6 cannot do this.
    fn stay_on_one_cpu(&self) {
        const SYNC_WAKE_UP: c_ulong = 1;
        // SAFETY: the request takes a number.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) };
    }

    /// Waits for the next call; `None` if its thread has been killed meanwhile.
    pub(super) fn receive(&self, into: &mut seccomp_notif) -> Option<()> {
        // SAFETY: zero bytes are a valid notification, and the kernel requires them.
        *into = unsafe { MaybeUninit::zeroed().assume_init() };
        self.ioctl_once(libc::SECCOMP_IOCTL_NOTIF_RECV, into).ok().map(drop)
    }

    /// Lets the kernel execute the call.
    pub(super) fn let_pass(&self, id: u64) {
        let flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or(1);
        self.send(seccomp_notif_resp { id, val: 0, error: 0, flags });
    }

    /// Makes the call return `value`.
    pub(super) fn give_back(&self, id: u64, value: i64) {
        self.send(seccomp_notif_resp { id, val: value, error: 0, flags: 0 });
    }

    fn send(&self, mut reply: seccomp_notif_resp) {
        // This fails if the thread was killed: nobody waits for it any more.
        let _ = self.ioctl(libc::SECCOMP_IOCTL_NOTIF_SEND, &mut reply);
    }

    /// Makes the call return a new descriptor of `file` in its process. On failure the call still waits.
    ///
    /// From 5.14 on the kernel could do both at once. But if we are killed just when the caller is about to take the
    /// descriptor, it takes none, and its call returns 0, as if that were one. So these are two steps: at worst the
    /// caller has one descriptor more than it knows of.
    pub(super) fn give_file(&self, id: u64, file: BorrowedFd<'_>, closes_on_exec: bool) -> Result<(), Errno> {
        let newfd_flags = if closes_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 };
        let srcfd = file.as_raw_fd().cast_unsigned();
        let mut added = seccomp_notif_addfd { id, flags: 0, srcfd, newfd: 0, newfd_flags };
        let number = self.ioctl(libc::SECCOMP_IOCTL_NOTIF_ADDFD, &mut added)?;
        self.give_back(id, number.into());
        Ok(())
    }

    /// Whether the call still waits for us: then its process is still the same.
    pub(super) fn still_waits(&self, mut id: u64) -> bool {
        self.ioctl(libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &mut id).is_ok()
    }

    /// Whether the kernel can give descriptors away: if it can, it objects only that there is no such call.
    fn can_give(&self) -> bool {
        let srcfd = self.0.as_raw_fd().cast_unsigned();
        let mut nobodys = seccomp_notif_addfd { id: 0, flags: 0, srcfd, newfd: 0, newfd_flags: 0 };
        self.ioctl(libc::SECCOMP_IOCTL_NOTIF_ADDFD, &mut nobodys) == Err(Errno::NOENT)
    }

    /// A signal may interrupt a request, which then did nothing: it is made again, because a caller whose reply is not
    /// sent waits for ever.
    fn ioctl<T>(&self, request: libc::Ioctl, argument: &mut T) -> Result<i32, Errno> {
        loop {
            match self.ioctl_once(request, argument) {
                Err(Errno::INTR) => {}
                result => return result,
            }
        }
    }

    fn ioctl_once<T>(&self, request: libc::Ioctl, argument: &mut T) -> Result<i32, Errno> {
        // SAFETY: the request is one for this kind of descriptor, and the argument has its type.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), request, ptr::from_mut(argument)) };
        if result < 0 { Err(last_error()) } else { Ok(result) }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Makes sure that the kernel's structures have the same size as ours: the kernel reads and writes its own.
fn know_structures() -> Result<(), Error> {
    let mut sizes = seccomp_notif_sizes { seccomp_notif: 0, seccomp_notif_resp: 0, seccomp_data: 0 };
    seccomp(libc::SECCOMP_GET_NOTIF_SIZES, 0, (&raw mut sizes).cast())
        .context("the kernel, or a sandbox around us, refuses to forward system calls")?;
    let known = (size_of::<seccomp_notif>(), size_of::<seccomp_notif_resp>());
    let told = (usize::from(sizes.seccomp_notif), usize::from(sizes.seccomp_notif_resp));
    if told == known {
        Ok(())
    } else {
        Err(anyhow!("this kernel forwards system calls in a form that this release does not know"))
    }
}

fn put_on(program: &[sock_filter], more_flags: c_ulong) -> Result<OwnedFd, Errno> {
    let len = u16::try_from(program.len()).map_err(|_| Errno::INVAL)?;
    let program = sock_fprog { len, filter: program.as_ptr().cast_mut() };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | more_flags;
    let listener = seccomp(libc::SECCOMP_SET_MODE_FILTER, flags, (&raw const program).cast_mut().cast())?;
    // SAFETY: the kernel has just made it, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

/// seccomp(2), by the kernel's number: not every libc has it.
fn seccomp(operation: u32, flags: c_ulong, argument: *mut libc::c_void) -> Result<i32, Errno> {
    // SAFETY: both callers pass what the operation takes.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, operation, flags, argument) };
    if result < 0 { Err(last_error()) } else { i32::try_from(result).map_err(|_| Errno::RANGE) }
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
