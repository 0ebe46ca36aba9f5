//! Refuses what a loader does not need and what could outlive or leave its jail (seccomp(2), BPF): it can start no
//! process and talk to nobody. Its threads end with it.

use libc::{
    BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO,
    c_long, sock_filter, sock_fprog,
};
use rustix::io::{Errno, Result};
use std::io;

/// The refused calls. io_uring is among them because it would make some of the others on its own.
#[cfg(target_arch = "x86_64")]
const REFUSED: [c_long; 5] =
    [libc::SYS_fork, libc::SYS_vfork, libc::SYS_socket, libc::SYS_connect, libc::SYS_io_uring_setup];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED: [c_long; 3] = [libc::SYS_socket, libc::SYS_connect, libc::SYS_io_uring_setup];

/// `AUDIT_ARCH_*` (linux/audit.h).
const ARCHITECTURE: u32 = if cfg!(target_arch = "aarch64") { 0xc000_00b7 } else { 0xc000_003e };

/// Numbers from here on are x32's, which has the same calls.
const X32: u32 = 0x4000_0000;

/// Offsets in `struct seccomp_data` of the number, the architecture, and the low half of the first argument.
const NUMBER: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
const ARGUMENT_AT: u32 = 16;

const ALLOWED: sock_filter = answer(SECCOMP_RET_ALLOW);
const NOT_PERMITTED: sock_filter = refuse(libc::EPERM);

/// A table, so that a forked child need not allocate.
const PROGRAM: [sock_filter; 13 + 2 * REFUSED.len()] = {
    let mut program = [ALLOWED; 13 + 2 * REFUSED.len()];
    program[0] = load(ARCHITECTURE_AT);
    program[1] = jump(BPF_JEQ, ARCHITECTURE, 1, 0);
    program[2] = NOT_PERMITTED;
    program[3] = load(NUMBER);
    program[4] = jump(BPF_JGE, X32, 0, 1);
    program[5] = NOT_PERMITTED;
    // Its flags are in memory, where a filter cannot look; C libraries then fall back to the older call.
    program[6] = jump(BPF_JEQ, libc::SYS_clone3 as u32, 0, 1);
    program[7] = refuse(libc::ENOSYS);
    program[8] = jump(BPF_JEQ, libc::SYS_clone as u32, 0, 3);
    program[9] = load(ARGUMENT_AT);
    program[10] = jump(BPF_JSET, libc::CLONE_THREAD as u32, 1, 0);
    program[11] = NOT_PERMITTED;
    let mut index = 0;
    while index < REFUSED.len() {
        program[12 + 2 * index] = jump(BPF_JEQ, REFUSED[index] as u32, 0, 1);
        program[13 + 2 * index] = NOT_PERMITTED;
        index += 1;
    }
    program
};

/// Sets it for this process and what it executes; `no_new_privs` is set already. Makes one system call.
pub(super) fn set() -> Result<()> {
    let program = sock_fprog { len: PROGRAM.len() as u16, filter: PROGRAM.as_ptr().cast_mut() };
    // SAFETY: the kernel reads the program, whose length is given with it.
    match unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program, 0, 0) } {
        0 => Ok(()),
        _ => Err(Errno::from_raw_os_error(io::Error::last_os_error().raw_os_error().unwrap_or_default())),
    }
}

const fn load(at: u32) -> sock_filter {
    sock_filter { code: (BPF_LD | BPF_W | BPF_ABS) as u16, jt: 0, jf: 0, k: at }
}

const fn jump(condition: u32, value: u32, if_so: u8, if_not: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | condition | BPF_K) as u16, jt: if_so, jf: if_not, k: value }
}

const fn answer(action: u32) -> sock_filter {
    sock_filter { code: (BPF_RET | BPF_K) as u16, jt: 0, jf: 0, k: action }
}

const fn refuse(error: i32) -> sock_filter {
    answer(SECCOMP_RET_ERRNO | error as u32)
}
