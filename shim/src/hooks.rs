//! The hooks, by the man page that describes what they hook.
//!
//! Each takes `next`, the definition after ours, and the caller's arguments: its safety is that of the libc function.

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

/// Makes the system call that a missing next would have made, with its result in libc's form.
///
/// # Safety
/// As the system call itself.
pub(crate) unsafe fn by_kernel(number: libc::c_long, args: [usize; 6]) -> isize {
    // SAFETY: by the caller's promise.
    crate::next::as_libc(unsafe { crate::arch::syscall(number, args) })
}
