//! The hooks, in files named after the man page of what they hook.
//!
//! Each takes `next`, the definition after ours, and the caller's arguments. Its safety is that of the libc function.

pub(crate) mod cpus;
pub(crate) mod directory;
pub(crate) mod disk;
pub(crate) mod loadavg;
pub(crate) mod open;
pub(crate) mod seek;
pub(crate) mod stat;
pub(crate) mod stdio;
pub(crate) mod syscall;
pub(crate) mod sysinfo;

/// Makes the system call that a missing next would make, with the result in libc's form.
///
/// # Safety
/// That of the system call.
pub(crate) unsafe fn by_kernel(number: libc::c_long, args: [usize; 6]) -> isize {
    // SAFETY: the caller guarantees it.
    crate::next::as_libc(unsafe { crate::arch::syscall(number, args) })
}
