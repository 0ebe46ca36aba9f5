//! Which system calls of a supervised program come to us: a program for the kernel's filter machine (seccomp(2), BPF).
//!
//! Every system call of every supervised thread runs through it, so it looks at the number first and at little else.

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW,
    SECCOMP_RET_USER_NOTIF, c_long, sock_filter,
};

/// When a call of a certain number comes to us.
#[derive(Clone, Copy)]
enum When {
    /// Always.
    Always,
    /// If the argument at this index has no other flags of open(2) than these, and only reads.
    Reads(u32, i32),
    /// If all the arguments at these indices are zero.
    Zero(&'static [u32]),
}

/// What a supervisor may answer.
const CALLS: &[(c_long, When)] = &[
    (libc::SYS_openat, When::Reads(2, FOR_READING)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, When::Reads(1, FOR_READING)),
    // Its flags are in memory, where a filter cannot look.
    (libc::SYS_openat2, When::Always),
    // A seek to the start of a file: programs that keep a file open read it again that way. SEEK_SET is zero.
    (libc::SYS_lseek, When::Zero(&[1, 2])),
    (libc::SYS_pread64, When::Zero(&[3])),
    (libc::SYS_sysinfo, When::Always),
    (libc::SYS_sched_getaffinity, When::Always),
    (libc::SYS_sched_setaffinity, When::Always),
];

/// What an observer is told of: directories too, in which programs count CPUs.
const OBSERVED: &[(c_long, When)] = &[
    (libc::SYS_openat, When::Reads(2, FOR_LISTING)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, When::Reads(1, FOR_LISTING)),
    (libc::SYS_getdents64, When::Always),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_getdents, When::Always),
];

/// The flags of open(2) that do not change the text of an existing file. If any other is set, including future ones,
/// the kernel may have something to say.
pub(super) const FOR_READING: i32 = libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW | LARGE_FILE;

/// The same, and that of a directory.
pub(super) const FOR_LISTING: i32 = FOR_READING | libc::O_DIRECTORY;

/// The kernel's `O_LARGEFILE`: C libraries define it as 0, but pass it all the same.
const LARGE_FILE: i32 = if cfg!(target_arch = "aarch64") { 0o400_000 } else { 0o100_000 };

/// `AUDIT_ARCH_*` (linux/audit.h). The calls of 32-bit programs have other numbers, and pass.
const ARCHITECTURE: u32 = if cfg!(target_arch = "aarch64") { 0xc000_00b7 } else { 0xc000_003e };

/// Offsets in `struct seccomp_data` of the number, the architecture and the low half of an argument.
const NUMBER: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
const fn argument(number: u32) -> u32 {
    16 + 8 * number
}

/// The program for a supervisor that answers; with more calls if somebody observes these.
pub(super) fn program(is_observed: bool) -> Vec<sock_filter> {
    let mut program =
        vec![load(ARCHITECTURE_AT), skip_if_equal(ARCHITECTURE, 1), answer(SECCOMP_RET_ALLOW), load(NUMBER)];
    let observed = if is_observed { OBSERVED } else { &[] };
    // The first that matches decides.
    for (number, when) in observed.iter().chain(CALLS) {
        let body = body(*when);
        program.push(skip_unless_equal(u32::try_from(*number).unwrap_or(u32::MAX), body.len()));
        program.extend(body);
    }
    program.push(answer(SECCOMP_RET_ALLOW));
    program
}

/// What is done with a call whose number matches.
fn body(when: When) -> Vec<sock_filter> {
    match when {
        When::Always => vec![answer(SECCOMP_RET_USER_NOTIF)],
        When::Reads(flags, allowed) => vec![
            load(argument(flags)),
            instruction(BPF_ALU | BPF_AND | BPF_K, (!allowed).cast_unsigned()),
            skip_unless_equal(libc::O_RDONLY.cast_unsigned(), 1),
            answer(SECCOMP_RET_USER_NOTIF),
            answer(SECCOMP_RET_ALLOW),
        ],
        When::Zero(arguments) => {
            let words = arguments.iter().flat_map(|number| [argument(*number), argument(*number) + 4]);
            let test = |at| [load(at), skip_if_equal(0, 1), answer(SECCOMP_RET_ALLOW)];
            words.flat_map(test).chain([answer(SECCOMP_RET_USER_NOTIF)]).collect()
        }
    }
}

fn instruction(code: u32, operand: u32) -> sock_filter {
    sock_filter { code: u16::try_from(code).unwrap_or(u16::MAX), jt: 0, jf: 0, k: operand }
}

fn load(at: u32) -> sock_filter {
    instruction(BPF_LD | BPF_W | BPF_ABS, at)
}

fn answer(action: u32) -> sock_filter {
    instruction(BPF_RET | BPF_K, action)
}

fn skip_if_equal(value: u32, instructions: u8) -> sock_filter {
    sock_filter { jt: instructions, ..instruction(BPF_JMP | BPF_JEQ | BPF_K, value) }
}

fn skip_unless_equal(value: u32, instructions: usize) -> sock_filter {
    sock_filter { jf: u8::try_from(instructions).unwrap_or(u8::MAX), ..instruction(BPF_JMP | BPF_JEQ | BPF_K, value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel does with the words of a `struct seccomp_data`, as far as the program needs it.
    fn run(data: &[u32], is_observed: bool) -> u32 {
        let program = program(is_observed);
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let it = program[at];
            at += 1;
            match u32::from(it.code) {
                code if code == BPF_LD | BPF_W | BPF_ABS => accumulator = data[usize::try_from(it.k).unwrap() / 4],
                code if code == BPF_ALU | BPF_AND | BPF_K => accumulator &= it.k,
                code if code == BPF_JMP | BPF_JEQ | BPF_K => {
                    at += usize::from(if accumulator == it.k { it.jt } else { it.jf });
                }
                code if code == BPF_RET | BPF_K => return it.k,
                code => panic!("{code:#x}"),
            }
        }
    }

    fn comes_to_us(architecture: u32, number: c_long, arguments: [i32; 6]) -> bool {
        let mut data = vec![u32::try_from(number).unwrap(), architecture, 0, 0];
        data.extend(arguments.iter().flat_map(|it| [it.cast_unsigned(), 0]));
        run(&data, false) == SECCOMP_RET_USER_NOTIF
    }

    #[test]
    fn an_observer_sees_directories() {
        for (number, arguments) in
            [(libc::SYS_openat, [0, 0, 0, 0, libc::O_DIRECTORY.cast_unsigned(), 0]), (libc::SYS_getdents64, [0; 6])]
        {
            let mut data = vec![u32::try_from(number).unwrap(), ARCHITECTURE, 0, 0];
            data.extend(arguments);
            data.resize(16, 0);
            assert_eq!(run(&data, true), SECCOMP_RET_USER_NOTIF, "{number}");
            assert_eq!(run(&data, false), SECCOMP_RET_ALLOW, "{number}");
        }
    }

    #[test]
    fn files_that_are_read_and_figures_come_to_us() {
        let of = |number, arguments| comes_to_us(ARCHITECTURE, number, arguments);
        for flags in [libc::O_RDONLY, libc::O_CLOEXEC, libc::O_NONBLOCK | libc::O_NOFOLLOW | LARGE_FILE] {
            assert!(of(libc::SYS_openat, [-100, 0, flags, 0, 0, 0]), "{flags:#o}");
        }
        let others = [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_DIRECTORY, libc::O_PATH, libc::O_TMPFILE];
        for flags in others.into_iter().chain([libc::O_DIRECT, libc::O_NOATIME, 1 << 30]) {
            assert!(!of(libc::SYS_openat, [-100, 0, flags, 0, 0, 0]), "{flags:#o}");
        }
        for number in [libc::SYS_openat2, libc::SYS_sysinfo, libc::SYS_sched_getaffinity, libc::SYS_sched_setaffinity] {
            assert!(of(number, [0; 6]), "{number}");
        }
        for number in [libc::SYS_read, libc::SYS_close, libc::SYS_execve, libc::SYS_seccomp, libc::SYS_getpid] {
            assert!(!of(number, [0; 6]), "{number}");
        }
    }

    #[test]
    fn so_does_who_goes_back_to_the_start_of_a_file() {
        let of = |number, arguments| comes_to_us(ARCHITECTURE, number, arguments);
        assert!(of(libc::SYS_lseek, [3, 0, libc::SEEK_SET, 9, 9, 9]));
        assert!(of(libc::SYS_pread64, [3, 9, 9, 0, 9, 9]));
        for arguments in
            [[3, 1, libc::SEEK_SET, 0, 0, 0], [3, 0, libc::SEEK_CUR, 0, 0, 0], [3, 0, libc::SEEK_END, 0, 0, 0]]
        {
            assert!(!of(libc::SYS_lseek, arguments), "{arguments:?}");
        }
        assert!(!of(libc::SYS_pread64, [3, 9, 9, 4096, 0, 0]));
    }

    #[test]
    fn calls_of_another_architecture_pass() {
        assert!(!comes_to_us(0x4000_0003, libc::SYS_sysinfo, [0; 6]));
        assert!(!comes_to_us(ARCHITECTURE, libc::SYS_sysinfo | 0x4000_0000, [0; 6]));
    }
}
