//! A pid namespace for the program, with a /proc to match: ps, top and pgrep see only what it starts, and its uptime is
//! that of the namespace. The program is our own child all the same, so signals, statuses and job control are as they
//! are without (pid_namespaces(7)).
//!
//! The first process of a namespace ignores signals that it does not handle, and the namespace ends with it. So a
//! process of ours is the first, [`Init`], which does nothing.

use super::leave;
use anyhow::{Context, Result, bail};
use rustix::{
    fs::{Mode, OFlags, open},
    process::{getegid, geteuid},
    thread::{CapabilitySet, LinkNameSpaceType, UnshareFlags, capabilities, move_into_link_name_space, unshare_unsafe},
};
use std::{
    ffi::CStr,
    fs,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    ptr, thread,
    time::{Duration, Instant},
};

/// The name of the first process.
const NAME: &CStr = c"cgproc-init";

/// That programs are started in a namespace of their own.
#[derive(Clone, Copy)]
pub(crate) struct Apart {
    /// Whether we have the right to come back. An ordinary user has rights in a user namespace alone.
    can_return: bool,
}

/// The first process of a namespace. When this is dropped, the namespace ends, with all that is in it. If we end
/// without that, the namespace lasts until its other processes have ended.
pub(crate) struct Init {
    pid: i32,
    line: UnixStream,
}

impl Apart {
    /// Gets the right to make namespaces, in a new user namespace if need be. There must be only one thread.
    pub(super) fn prepare() -> Result<Self> {
        if capabilities(None).is_ok_and(|own| own.effective.contains(CapabilitySet::SYS_ADMIN)) {
            return Ok(Self { can_return: true });
        }
        let (user, group) = (geteuid(), getegid());
        // SAFETY: no descriptors are unshared.
        if let Err(error) = unsafe { unshare_unsafe(UnshareFlags::NEWUSER) } {
            bail!(
                "--pidns: no right to make a pid namespace, and none to make a user namespace ({}): run it as root, or \
                 let users make them (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)",
                io::Error::from(error)
            );
        }
        for (file, text) in [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("{user} {user} 1", user = user.as_raw())),
            ("gid_map", format!("{group} {group} 1", group = group.as_raw())),
        ] {
            let path = format!("/proc/self/{file}");
            fs::write(&path, text).with_context(|| format!("--pidns: {path}"))?;
        }
        Ok(Self { can_return: false })
    }

    /// Whether programs can be supervised: the supervising processes must stay outside.
    pub(super) fn can_be_supervised(self) -> bool {
        self.can_return
    }

    /// Calls `start`, whose child is in a new namespace. The namespace's first process becomes a member of the cgroups
    /// whose `cgroup.procs` files are `joins`: a container's age is that of its first process.
    pub(super) fn enter<T>(self, joins: &[RawFd], start: impl FnOnce() -> T) -> io::Result<(T, Init)> {
        let own = open("/proc/self/ns/pid", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        // SAFETY: no descriptors are unshared.
        unsafe { unshare_unsafe(UnshareFlags::NEWPID)? };
        let started = Init::beget(joins).map(|init| (start(), init));
        // What we start later, such as another supervisor, must outlive the namespace.
        if self.can_return {
            move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::ProcessID))?;
        }
        started
    }
}

/// Gives the calling process a /proc of its pid namespace, in a mount namespace of its own; between fork and exec.
pub(super) fn mount_proc() -> io::Result<()> {
    const KIND: &CStr = c"proc";
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    // SAFETY: system calls; all pointers are null or to constants that end in a NUL.
    let is_done = unsafe {
        libc::unshare(libc::CLONE_NEWNS) == 0
            // What is mounted here stays here, and what is mounted outside still arrives.
            && libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), libc::MS_REC | libc::MS_SLAVE, ptr::null()) == 0
            && libc::mount(KIND.as_ptr(), c"/proc".as_ptr(), KIND.as_ptr(), flags, ptr::null()) == 0
    };
    if is_done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

impl Init {
    /// Starts it, in the namespace of this thread's children, and waits until it is as others will find it.
    fn beget(joins: &[RawFd]) -> io::Result<Self> {
        let (mut ours, its) = UnixStream::pair()?;
        // SAFETY: the child never returns. libc keeps its memory usable there, whatever other threads were doing.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: this is a child, and the descriptors are open in it.
            0 => unsafe { live(its.as_raw_fd(), joins) },
            pid => {
                drop(its);
                ours.read_exact(&mut [0])?;
                Ok(Self { pid, line: ours })
            }
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        // One that the kernel holds up is not waited for for ever.
        const PATIENCE: Duration = Duration::from_secs(10);
        const PAUSE: Duration = Duration::from_millis(1);
        if self.line.write_all(b"!").is_err() {
            return;
        }
        let begin = Instant::now();
        // It can be buried once all others of the namespace have been killed and are gone. If it has been, this fails.
        // SAFETY: our child; nothing is written.
        while unsafe { libc::waitpid(self.pid, ptr::null_mut(), libc::WNOHANG) } == 0 && begin.elapsed() < PATIENCE {
            thread::sleep(PAUSE);
        }
    }
}

/// The first process's life: it ends when it is told to, or, once nobody can tell it any more, when it is alone.
///
/// # Safety
///
/// The calling process has one thread, and these descriptors are open.
unsafe fn live(socket: RawFd, joins: &[RawFd]) -> ! {
    let mut byte = 0_u8;
    // SAFETY: system calls on descriptors that are open, and on memory that outlives them.
    unsafe {
        for join in joins {
            libc::write(*join, c"0".as_ptr().cast(), 1);
        }
        // The kernel buries orphans that end.
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
    }
    leave::everything(vec![socket], NAME);
    // SAFETY: as above; the socket was kept.
    unsafe {
        libc::write(socket, c"!".as_ptr().cast(), 1);
        while libc::read(socket, (&raw mut byte).cast(), 1) != 1 {
            libc::sleep(1);
            if libc::kill(-1, 0) == -1 {
                break;
            }
        }
        libc::_exit(0)
    }
}
