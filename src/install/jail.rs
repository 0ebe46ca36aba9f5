//! Where a program of another root is started. Its loader is code of that root, which nobody has checked. It gets only
//! that root, read-only, namespaces of its own, and no rights, not even root's id.

use super::{filter, sysroot::Sysroot};
use rustix::{
    fd::OwnedFd,
    fs::{Mode, OFlags, StatVfsMountFlags, fstat, fstatvfs, open, stat},
    io::{Errno, Result},
    mount::{
        MountFlags, MountPropagationFlags, UnmountFlags, mount_bind, mount_bind_recursive, mount_change, mount_remount,
        unmount,
    },
    process::{Gid, Uid, chdir, chroot, fchdir, geteuid, pivot_root},
    thread::{
        CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid,
        set_thread_res_uid,
    },
};
use std::{ffi::CString, io, os::unix::ffi::OsStrExt};

/// How strong a jail this process can build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walls {
    /// All namespaces, for a process without the right to make the others.
    User,
    /// All except a user namespace, in which root could not change its id.
    Root,
    /// None, if they may not be made: in a container, which is itself a jail.
    Chroot,
}

impl Walls {
    /// The ones to try, best first.
    pub(super) fn to_try() -> &'static [Self] {
        if geteuid().is_root() { &[Self::Root, Self::Chroot] } else { &[Self::User, Self::Root, Self::Chroot] }
    }

    /// The flags for clone(2).
    pub(super) fn namespaces(self) -> libc::c_int {
        const COMMON: libc::c_int =
            libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
        match self {
            Self::User => COMMON | libc::CLONE_NEWUSER,
            Self::Root => COMMON,
            Self::Chroot => 0,
        }
    }

    /// Whether everything started within ends with the program.
    pub(super) fn end_together(self) -> bool {
        self != Self::Chroot
    }
}

/// The root, in a form for a process that may no longer allocate.
pub(super) struct Jail<'r> {
    top: &'r OwnedFd,
    path: CString,
}

impl<'r> Jail<'r> {
    /// The jail for a root; `None` for our own, whose loader runs with every command anyway.
    pub(super) fn of(root: &'r Sysroot) -> io::Result<Option<Self>> {
        if root.is_own() {
            return Ok(None);
        }
        let path = root.path().canonicalize()?;
        Ok(Some(Self { top: root.top(), path: CString::new(path.as_os_str().as_bytes())? }))
    }

    /// Enters it, irrevocably. Makes system calls only.
    pub(super) fn enter(&self, walls: Walls) -> Result<()> {
        match walls {
            Walls::Chroot => {
                fchdir(self.top)?;
                chroot(".")?;
            }
            Walls::User | Walls::Root => self.move_in()?,
        }
        become_nobody()?;
        set_no_new_privs(true)?;
        let none = CapabilitySet::empty();
        set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
        filter::set()
    }

    /// Leaves behind all mounts except the root's.
    fn move_in(&self) -> Result<()> {
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        if can_seal_all() {
            mount_bind_recursive(&self.path, &self.path)?;
        } else {
            mount_bind(&self.path, &self.path)?;
        }
        chdir(&self.path)?;
        let (here, there) = (stat(".")?, fstat(self.top)?);
        if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino) {
            // Another directory has been put there.
            return Err(Errno::STALE);
        }
        seal()?;
        match pivot_root(".", ".") {
            // The initial root cannot be left, but nobody gets back to it without rights.
            Err(Errno::INVAL) => chroot(".")?,
            left => left.and_then(|()| unmount(".", UnmountFlags::DETACH))?,
        }
        chdir("/")
    }
}

/// The user and group that own nothing, by convention.
pub(super) const NOBODY: u32 = 65534;

/// Gives up root's id, which alone is a right to root's sockets, pipes and files, whatever the capabilities.
fn become_nobody() -> Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    match set_thread_res_gid(group, group, group) {
        // A user namespace with a single user, which is this root.
        Err(Errno::INVAL) => return Ok(()),
        done => done?,
    }
    set_thread_groups(&[])?;
    set_thread_res_uid(user, user, user)
}

/// `struct mount_attr` of mount_setattr(2).
#[repr(C)]
struct Attributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Applies to the mounts at and below the working directory.
fn set_attributes(attributes: &Attributes) -> io::Result<()> {
    const AT_RECURSIVE: libc::c_int = 0x8000;
    // SAFETY: the path ends in NUL, and the structure's size is given; the kernel reads both.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            c".".as_ptr(),
            AT_RECURSIVE,
            &raw const *attributes,
            size_of::<Attributes>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether mounts below the root can be sealed as well (since Linux 5.12). Otherwise they are left out.
fn can_seal_all() -> bool {
    let nothing = Attributes { set: 0, clear: 0, propagation: 0, user_namespace: 0 };
    set_attributes(&nothing).err().and_then(|error| error.raw_os_error()) != Some(libc::ENOSYS)
}

/// Makes the mounts at and below the working directory harmless: no writing, no devices, no set-user-ID files.
fn seal() -> Result<()> {
    const RDONLY_NOSUID_NODEV: u64 = 1 | 2 | 4;
    let attributes = Attributes { set: RDONLY_NOSUID_NODEV, clear: 0, propagation: 0, user_namespace: 0 };
    let Err(error) = set_attributes(&attributes) else { return Ok(()) };
    match error.raw_os_error() {
        // There is only one mount, which keeps its noexec.
        Some(libc::ENOSYS) => {
            let here = open(".", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
            let is_noexec = fstatvfs(here)?.f_flag.contains(StatVfsMountFlags::NOEXEC);
            let kept = if is_noexec { MountFlags::NOEXEC } else { MountFlags::empty() };
            mount_remount(
                ".",
                MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | kept,
                c"",
            )
        }
        error => Err(Errno::from_raw_os_error(error.unwrap_or_default())),
    }
}
