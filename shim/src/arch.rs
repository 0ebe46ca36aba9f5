//! What is written per machine: the system call instruction, the memory routines that compiled code asks for, libc's
//! variadic `syscall`.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("shim/src/arch has no file for this machine yet");
