//! What is written per machine: the system call instruction, the memory routines that compiled code asks for, libc's
//! variadic `syscall`, how an IFUNC is asked.

use core::arch::global_asm;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::*;

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
compile_error!("shim/src/arch has no file for this machine yet");

// The one symbol asked of the process. Weak: where no loader gives it, its slot is null and raw system calls answer.
// The slot lies in .data, so that its relocation is in the one writable page.
global_asm!(
    ".weak dl_iterate_phdr",
    ".pushsection .data.cgproc_loader,\"aw\",@progbits",
    ".balign 8",
    ".hidden cgproc_dl_iterate_phdr",
    ".globl cgproc_dl_iterate_phdr",
    "cgproc_dl_iterate_phdr: .quad dl_iterate_phdr",
    ".popsection",
);
