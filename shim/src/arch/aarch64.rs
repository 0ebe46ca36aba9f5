//! arm64, with the procedure call standard of its ELF (AAPCS64).

use crate::auxv;
use core::arch::{asm, global_asm, naked_asm};

/// The call of this name with a structure older than `getdents64`'s: this machine never had it.
pub(crate) const OLDER_GETDENTS: Option<libc::c_long> = None;

/// Makes the system call `number`. Returns the kernel's result: a negative errno on failure.
///
/// # Safety
/// That of the system call: pointers among the arguments must be what it expects.
pub(crate) unsafe fn syscall(number: libc::c_long, args: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = args;
    let result: isize;
    // SAFETY: the kernel clobbers only x0; the caller answers for the pointers.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a as isize => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f, options(nostack));
    }
    result
}

/// Ends the process at once. Only a panic in a debug build gets here.
#[cfg(debug_assertions)]
pub(crate) fn trap() -> ! {
    // SAFETY: an undefined instruction has no other effect than SIGILL.
    unsafe { asm!("udf #0", options(noreturn)) }
}

/// Leads x1 from the string at x0 to its NUL, and changes x2, x3 and v0. Sixteen aligned bytes at a time, which never
/// cross into another page than the string's. Each NUL byte sets four bits.
macro_rules! to_the_nul {
    () => {
        "and x1, x0, #-16
        ldr q0, [x1]
        cmeq v0.16b, v0.16b, #0
        shrn v0.8b, v0.8h, #4
        fmov x2, d0
        lsl x3, x0, #2
        lsr x2, x2, x3 // by four bits for each byte before the string: the shift counts modulo 64
        lsl x2, x2, x3
        cbnz x2, 3f
        2: ldr q0, [x1, #16]!
        cmeq v0.16b, v0.16b, #0
        shrn v0.8b, v0.8h, #4
        fmov x2, d0
        cbz x2, 2b
        3: rbit x2, x2
        clz x2, x2
        add x1, x1, x2, lsr #2"
    };
}

/// The end of a string: its NUL. Inline, because every hook that is given a path asks for it.
///
/// # Safety
/// `string` is a NUL-terminated string.
#[inline(always)]
pub(crate) unsafe fn end_of(string: *const u8) -> *const u8 {
    let end;
    // SAFETY: what is read besides the string is in the same aligned sixteen bytes, and changes nothing.
    unsafe {
        asm!(to_the_nul!(), in("x0") string, out("x1") end, out("x2") _, out("x3") _, out("v0") _,
            options(nostack, readonly, pure));
    }
    end
}

// Routines that the compiler calls by itself. Hidden, so that only we use them: an exported memcpy would interpose on
// the whole process.
global_asm!(
    ".pushsection .text.cgproc_memory,\"ax\",@progbits",
    ".balign 4",
    ".hidden memmove",
    ".globl memmove",
    "memmove: sub x3, x0, x1",
    "cmp x3, x2",
    "b.lo 5f", // the destination begins inside the source: copy from the end
    ".hidden memcpy",
    ".globl memcpy",
    "memcpy: mov x3, x0",
    "subs x2, x2, #16",
    "b.lo 2f",
    "1: ldr q0, [x1], #16",
    "str q0, [x3], #16",
    "subs x2, x2, #16",
    "b.hs 1b",
    "2: adds x2, x2, #16",
    "b.eq 4f",
    "3: ldrb w4, [x1], #1",
    "strb w4, [x3], #1",
    "subs x2, x2, #1",
    "b.ne 3b",
    "4: ret",
    "5: add x3, x0, x2",
    "add x1, x1, x2",
    "subs x2, x2, #16",
    "b.lo 7f",
    "6: ldr q0, [x1, #-16]!",
    "str q0, [x3, #-16]!",
    "subs x2, x2, #16",
    "b.hs 6b",
    "7: adds x2, x2, #16",
    "b.eq 4b",
    "8: ldrb w4, [x1, #-1]!",
    "strb w4, [x3, #-1]!",
    "subs x2, x2, #1",
    "b.ne 8b",
    "ret",
    ".hidden memset",
    ".globl memset",
    "memset: mov x3, x0",
    "dup v0.16b, w1",
    "subs x2, x2, #16",
    "b.lo 2f",
    "1: str q0, [x3], #16",
    "subs x2, x2, #16",
    "b.hs 1b",
    "2: adds x2, x2, #16",
    "b.eq 4f",
    "3: strb w1, [x3], #1",
    "subs x2, x2, #1",
    "b.ne 3b",
    "4: ret",
    ".hidden bcmp",
    ".globl bcmp",
    ".hidden memcmp",
    ".globl memcmp",
    "bcmp:",
    "memcmp: mov w3, wzr",
    "cbz x2, 2f",
    "1: ldrb w3, [x0], #1",
    "ldrb w4, [x1], #1",
    "subs w3, w3, w4",
    "b.ne 2f",
    "subs x2, x2, #1",
    "b.ne 1b",
    "2: mov w0, w3",
    "ret",
    ".hidden strlen",
    ".globl strlen",
    "strlen:",
    to_the_nul!(),
    "sub x0, x1, x0",
    "ret",
    ".popsection",
);

// The compiler's run-time library has two forms of each atomic operation, and reads here which one the machine has.
// Its own flag is set by a constructor with getauxval, which would need a libc. Ours says the older form, which every
// machine has.
global_asm!(
    ".pushsection .data.cgproc_atomics,\"aw\",@progbits",
    ".hidden __aarch64_have_lse_atomics",
    ".globl __aarch64_have_lse_atomics",
    "__aarch64_have_lse_atomics: .byte 0",
    ".popsection",
);

/// What an IFUNC's resolver learns about the machine (`__ifunc_arg_t` in glibc's `<sys/ifunc.h>`).
#[repr(C)]
struct Machine {
    size: usize,
    hwcap: usize,
    hwcap2: usize,
}

/// Asks an IFUNC's `resolver` for the definition, as glibc does, with the machine's capabilities.
///
/// # Safety
/// `resolver` is the address of an IFUNC's resolver.
pub(crate) unsafe fn definition_by(resolver: usize) -> usize {
    /// In the first argument: there is a second argument.
    const IFUNC_ARG_HWCAP: usize = 1 << 62;
    const AT_HWCAP: usize = 16;
    const AT_HWCAP2: usize = 26;
    type Resolver = extern "C" fn(usize, &Machine) -> usize;
    let of_key = |key| auxv::of_the_machine(key).unwrap_or(0);
    let machine = Machine { size: size_of::<Machine>(), hwcap: of_key(AT_HWCAP), hwcap2: of_key(AT_HWCAP2) };
    // SAFETY: the caller guarantees it.
    unsafe { core::mem::transmute::<usize, Resolver>(resolver)(machine.hwcap | IFUNC_ARG_HWCAP, &machine) }
}

/// libc's variadic `syscall`. Numbers that are not ours jump to next with every register and the stack as they came,
/// except x16, which any call may change.
///
/// Until the slot is resolved, all go to [`crate::hooks::syscall::syscall`], which takes seven integers, just as the
/// variadic caller passed them.
#[unsafe(export_name = "syscall")]
#[unsafe(naked)]
unsafe extern "C" fn variadic_syscall() {
    naked_asm!(
        "cmp x0, #{sysinfo}",
        "b.eq 2f",
        "cmp x0, #{getaffinity}",
        "b.eq 2f",
        "cmp x0, #{setaffinity}",
        "b.eq 2f",
        "cmp x0, #{prctl}",
        "b.eq 2f",
        "cmp x0, #{seccomp}",
        "b.eq 2f",
        "cmp x0, #{io_uring_setup}",
        "b.eq 2f",
        "adrp x16, {slots} + 8 * {slot}",
        "ldr x16, [x16, :lo12:{slots} + 8 * {slot}]",
        "cbz x16, 2f",
        "br x16",
        "2: b {ours}",
        sysinfo = const libc::SYS_sysinfo,
        getaffinity = const libc::SYS_sched_getaffinity,
        setaffinity = const libc::SYS_sched_setaffinity,
        prctl = const libc::SYS_prctl,
        seccomp = const libc::SYS_seccomp,
        io_uring_setup = const libc::SYS_io_uring_setup,
        slots = sym crate::next::SLOTS,
        slot = const crate::next::SYSCALL,
        ours = sym crate::hooks::syscall::syscall,
    )
}
