//! The auxiliary vector: what the kernel told the program at its start.

use crate::{arch, kernel::Kernel};
use calc::source::{Files, Source};

/// The value of `key` (`AT_…`); `None` where it is not to be had.
#[inline(never)]
pub(crate) fn value(key: usize) -> Option<usize> {
    const PR_GET_AUXV: usize = 0x4155_5856;
    let mut vector = [0; 512];
    let arguments = [PR_GET_AUXV, vector.as_mut_ptr() as usize, vector.len(), 0, 0, 0];
    // SAFETY: the kernel writes as much as fits.
    let whole = unsafe { arch::syscall(libc::SYS_prctl, arguments) };
    let len = match usize::try_from(whole) {
        Ok(whole) => whole.min(vector.len()),
        // Before Linux 6.4.
        Err(_) => Kernel.open(c"/proc/self/auxv")?.read(&mut vector)?,
    };
    let (pairs, _) = vector.get(..len)?.as_chunks::<16>();
    pairs.iter().find_map(|pair| {
        let (own, value) = pair.split_first_chunk::<8>()?;
        (usize::from_ne_bytes(*own) == key).then_some(usize::from_ne_bytes(*value.first_chunk()?))
    })
}
