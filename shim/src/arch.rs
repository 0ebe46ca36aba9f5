//! What differs per machine: the system call instruction, the memory routines that compiled code calls, libc's
//! variadic `syscall`, and how an IFUNC is resolved.

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
