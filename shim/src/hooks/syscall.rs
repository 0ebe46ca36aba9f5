//! syscall(2), prctl(2)

use super::{by_kernel, cpus, sysinfo};
use crate::{next, options, owner, signature};
use core::ffi::{c_int, c_long, c_ulong};

const SECCOMP_SET_MODE_FILTER: usize = 1;

/// Where the thunk sends the numbers that are ours and, until its slot is resolved, all others.
pub(crate) unsafe extern "C" fn syscall(
    number: c_long,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> c_long {
    // From now on, the thunk finds its slot.
    let _ = next::of(next::SYSCALL);
    let call = || {
        // SAFETY: the caller's arguments.
        unsafe { by_kernel(number, [a, b, c, d, e, f]) as c_long }
    };
    match number {
        libc::SYS_seccomp if a <= SECCOMP_SET_MODE_FILTER => sandboxed(call),
        libc::SYS_prctl if a as c_int == libc::PR_SET_SECCOMP => sandboxed(call),
        libc::SYS_io_uring_setup if libuv_falls_back() => c_long::from(next::refuse(libc::ENOSYS)),
        // SAFETY: the caller's arguments, in the wrapper's order.
        libc::SYS_sched_setaffinity => unsafe {
            c_long::from(cpus::sched_setaffinity(None, a as c_int, b, c as *const c_ulong))
        },
        // SAFETY: on success the kernel has written this many bytes of the mask.
        libc::SYS_sched_getaffinity => unsafe {
            let written = call();
            if written > 0 && cpus::is_ours(a as c_int) {
                cpus::narrow(written as usize, c as *mut c_ulong);
            }
            written
        },
        libc::SYS_sysinfo => {
            let result = call();
            if result == 0 {
                // SAFETY: the kernel has just written it.
                unsafe { sysinfo::as_the_container(a as *mut libc::sysinfo) };
            }
            result
        }
        _ => call(),
    }
}

/// libuv opens files inside the ring, where no hook sees them. Without a ring it opens them like other programs.
fn libuv_falls_back() -> bool {
    !options::off() && options::libuv_was_asked_for_a_ring()
}

pub(crate) unsafe fn prctl(
    next: Option<signature::prctl>,
    option: c_int,
    a: c_ulong,
    b: c_ulong,
    c: c_ulong,
    d: c_ulong,
) -> c_int {
    let call = || {
        // SAFETY: the caller's arguments.
        unsafe {
            match next {
                Some(next) => next(option, a, b, c, d),
                None => {
                    let args = [option as usize, a as usize, b as usize, c as usize, d as usize, 0];
                    by_kernel(libc::SYS_prctl, args) as c_int
                }
            }
        }
    };
    if option == libc::PR_SET_SECCOMP { sandboxed(call) } else { call() }
}

/// Installs the program's filter. From then on we do nothing, because the filter may kill the program for our system
/// calls.
fn sandboxed<T: PartialOrd + From<i8>>(put_on: impl FnOnce() -> T) -> T {
    let ours = !options::sandboxed() && owner::is_ours();
    if ours {
        options::set_sandboxed(true);
    }
    let result = put_on();
    if ours && result < T::from(0) {
        options::set_sandboxed(false);
    }
    result
}
