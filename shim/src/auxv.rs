//! The auxiliary vector: what the kernel told the program at its start. Never for its addresses: a program may have put another
//! in its place since, with a vector that the kernel does not know.

use crate::{arch, sys};
use core::ffi::c_int;

/// The value of `key` (`AT_…`) in the kernel's word; `None` where it is not to be had.
#[inline(never)]
pub(crate) fn value(key: usize) -> Option<usize> {
    find(key, is_the_kernels)
}

/// The same of the machine's own abilities (`AT_HWCAP`, `AT_HWCAP2`), which an emulator tells in a file of its own making.
#[cfg(target_arch = "aarch64")]
pub(crate) fn of_the_machine(key: usize) -> Option<usize> {
    find(key, |_| true)
}

#[inline(always)]
fn find(key: usize, is_believed: fn(&sys::Fd) -> bool) -> Option<usize> {
    const PR_GET_AUXV: usize = 0x4155_5856;
    let mut vector = [0; 512];
    let arguments = [PR_GET_AUXV, vector.as_mut_ptr() as usize, vector.len(), 0, 0, 0];
    // SAFETY: the kernel writes as much as fits.
    let whole = unsafe { arch::syscall(libc::SYS_prctl, arguments) };
    let len = match usize::try_from(whole) {
        Ok(whole) => whole.min(vector.len()),
        // Before Linux 6.4.
        Err(_) => read_file(&mut vector, is_believed)?,
    };
    let (pairs, _) = vector.get(..len)?.as_chunks::<16>();
    pairs.iter().find_map(|pair| {
        let (own, value) = pair.split_first_chunk::<8>()?;
        (usize::from_ne_bytes(*own) == key).then_some(usize::from_ne_bytes(*value.first_chunk()?))
    })
}

fn read_file(vector: &mut [u8], is_believed: fn(&sys::Fd) -> bool) -> Option<usize> {
    const FLAGS: c_int = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW;
    let file = sys::open(c"/proc/self/auxv", FLAGS)?;
    if is_believed(&file) { sys::pread(file.number(), vector, 0) } else { None }
}

/// The kernel's own file, and no other that somebody put in its place.
fn is_the_kernels(file: &sys::Fd) -> bool {
    const PROC: u64 = libc::PROC_SUPER_MAGIC as u64;
    sys::file_system(file.number()) == Some(PROC)
}
