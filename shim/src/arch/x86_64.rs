//! x86-64, System V ABI.

use core::arch::{asm, global_asm, naked_asm};

/// The call of this name, with a structure older than `getdents64`'s.
pub(crate) const OLDER_GETDENTS: Option<libc::c_long> = Some(libc::SYS_getdents);

/// Makes the system call `number`. Returns the kernel's result: a negative errno on failure.
///
/// # Safety
/// That of the system call: pointers among the arguments must be what it expects.
pub(crate) unsafe fn syscall(number: libc::c_long, args: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = args;
    let result: isize;
    // SAFETY: the kernel clobbers only rcx, r11 and rax; the caller answers for the pointers.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// Ends the process at once. Only a panic in a debug build gets here.
#[cfg(debug_assertions)]
pub(crate) fn trap() -> ! {
    // SAFETY: an illegal instruction has no other effect than SIGILL.
    unsafe { asm!("ud2", options(noreturn)) }
}

/// Leads rax from the string at rdi to its NUL, and changes rcx, rdx and xmm0. Sixteen aligned bytes at a time, which
/// never cross into another page than the string's.
macro_rules! to_the_nul {
    () => {
        "mov rax, rdi
        and rax, -16
        mov ecx, edi
        and ecx, 15
        pxor xmm0, xmm0
        pcmpeqb xmm0, [rax]
        pmovmskb edx, xmm0
        shr edx, cl // what is before the string
        shl edx, cl
        pxor xmm0, xmm0
        test edx, edx
        jnz 3f
        2: add rax, 16
        pcmpeqb xmm0, [rax]
        pmovmskb edx, xmm0
        test edx, edx
        jz 2b
        3: bsf edx, edx
        add rax, rdx"
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
        asm!(to_the_nul!(), in("rdi") string, out("rax") end, out("rcx") _, out("rdx") _, out("xmm0") _,
            options(nostack, readonly, pure));
    }
    end
}

// Routines that the compiler calls by itself. Hidden, so that only we use them: an exported memcpy would interpose on
// the whole process.
global_asm!(
    ".pushsection .text.cgproc_memory,\"ax\",@progbits",
    ".hidden memcpy",
    ".globl memcpy",
    "memcpy: mov rax, rdi",
    "mov rcx, rdx",
    "rep movsb",
    "ret",
    ".hidden memmove",
    ".globl memmove",
    "memmove: mov rax, rdi",
    "mov rcx, rdi",
    "sub rcx, rsi",
    "cmp rcx, rdx",
    "mov rcx, rdx",
    "jb 2f", // the destination begins inside the source: copy from the end
    "rep movsb",
    "ret",
    "2: lea rdi, [rdi + rdx - 1]",
    "lea rsi, [rsi + rdx - 1]",
    "std",
    "rep movsb",
    "cld",
    "ret",
    ".hidden memset",
    ".globl memset",
    "memset: mov r8, rdi",
    "mov eax, esi",
    "mov rcx, rdx",
    "rep stosb",
    "mov rax, r8",
    "ret",
    ".hidden bcmp",
    ".globl bcmp",
    ".hidden memcmp",
    ".globl memcmp",
    "bcmp:",
    "memcmp: mov rcx, rdx",
    "xor eax, eax",
    "test rcx, rcx",
    "jz 4f",
    "3: movzx eax, byte ptr [rdi]",
    "movzx edx, byte ptr [rsi]",
    "sub eax, edx",
    "jne 4f",
    "inc rdi",
    "inc rsi",
    "dec rcx",
    "jne 3b",
    "4: ret",
    ".hidden strlen",
    ".globl strlen",
    "strlen:",
    to_the_nul!(),
    "sub rax, rdi",
    "ret",
    ".popsection",
);

/// Asks an IFUNC's `resolver` for the definition. On this machine it takes no arguments.
///
/// # Safety
/// `resolver` is the address of an IFUNC's resolver.
pub(crate) unsafe fn definition_by(resolver: usize) -> usize {
    // SAFETY: the caller guarantees it.
    unsafe { core::mem::transmute::<usize, extern "C" fn() -> usize>(resolver)() }
}

/// libc's variadic `syscall`. Numbers that are not ours jump to next with every register and the stack as they came.
///
/// Until the slot is resolved, all go to [`crate::hooks::syscall::syscall`], which takes seven integers, just as the
/// variadic caller passed them.
#[unsafe(export_name = "syscall")]
#[unsafe(naked)]
unsafe extern "C" fn variadic_syscall() {
    naked_asm!(
        "cmp rdi, {sysinfo}",
        "je 2f",
        "cmp rdi, {getaffinity}",
        "je 2f",
        "cmp rdi, {setaffinity}",
        "je 2f",
        "cmp rdi, {prctl}",
        "je 2f",
        "cmp rdi, {seccomp}",
        "je 2f",
        "cmp rdi, {io_uring_setup}",
        "je 2f",
        "mov rax, qword ptr [rip + {slots} + 8 * {slot}]",
        "test rax, rax",
        "jz 2f",
        "jmp rax",
        "2: jmp {ours}",
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
