//! The auxiliary vector: what the kernel told the program when it started. Not to be used for addresses: the program
//! may have been replaced by another since, whose vector the kernel does not know.

use crate::{arch, sys};
use core::ffi::c_int;

/// The kernel's value of `key` (`AT_…`); `None` if it cannot be read.
#[inline(never)]
pub(crate) fn value(key: usize) -> Option<usize> {
    find(key, is_the_kernels)
}

/// The same for the machine's own capabilities (`AT_HWCAP`, `AT_HWCAP2`), for which an emulator provides a file of its
/// own.
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
        // Linux before 6.4.
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

/// Whether it is the kernel's own file, rather than one put in its place.
fn is_the_kernels(file: &sys::Fd) -> bool {
    const PROC: u64 = libc::PROC_SUPER_MAGIC as u64;
    sys::file_system(file.number()) == Some(PROC)
}
