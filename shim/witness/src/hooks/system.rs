//! sysinfo(2), syscall(2), prctl(2)

use crate::{
    asked::{figure, number, path},
    door::doors,
    got, quiet,
    watch::watch,
};
use libc::{AT_FDCWD, c_char, c_int, c_long, c_ulong};

/// Of syscall(2).
type Arguments = [c_ulong; 6];

doors! {
    sysinfo(to: *mut libc::sysinfo) -> c_int, asks figure("sysinfo"), gives got::machine(to);
    syscall(number_: c_long, ... a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong, e: c_ulong, f: c_ulong) -> c_long,
        by |_, next| by_number(number_, [a, b, c, d, e, f], next);
    prctl(option: c_int, ... a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int,
        by |_, next| if option == libc::PR_SET_SECCOMP { quiet::after(next) } else { next() };
}

/// The calls by number that ask about the machine, or take a path.
///
/// # Safety
/// The arguments are those of such a call.
unsafe fn by_number(number_: c_long, arguments: Arguments, next: impl FnOnce() -> c_long) -> c_long {
    let [a, b, c, ..] = arguments;
    // SAFETY: the caller guarantees it.
    unsafe {
        match number_ {
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open => {
                watch("syscall(open)", || path(AT_FDCWD, a as *const c_char), next, got::descriptor_of_long)
            }
            libc::SYS_openat => {
                watch("syscall(openat)", || path(a as c_int, b as *const c_char), next, got::descriptor_of_long)
            }
            libc::SYS_openat2 => {
                watch("syscall(openat2)", || path(a as c_int, b as *const c_char), next, got::descriptor_of_long)
            }
            libc::SYS_sysinfo => {
                watch("syscall(sysinfo)", || figure("sysinfo"), next, got::machine(a as *const libc::sysinfo))
            }
            // The kernel says how many bytes it has written.
            libc::SYS_sched_getaffinity => watch(
                "syscall(sched_getaffinity)",
                || number(a as c_int),
                next,
                got::cpus(c as *const _, |returned: &c_long| usize::try_from(*returned).unwrap_or(0)),
            ),
            libc::SYS_seccomp if a <= c_ulong::from(libc::SECCOMP_SET_MODE_FILTER) => quiet::after(next),
            _ => next(),
        }
    }
}
