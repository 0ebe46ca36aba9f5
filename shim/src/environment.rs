//! The program's environment, read in place: no copy, no libc.

use crate::{auxv, next};
use core::ffi::{c_char, c_ulong};

const AT_SECURE: c_ulong = 23;

/// Calls `found(name, value)` for every variable. `None` if there is no environment yet.
pub(crate) fn each<'a>(mut found: impl FnMut(&'a [u8], &'a [u8])) -> Option<()> {
    let mut entry = next::environ();
    if entry.is_null() {
        return None;
    }
    loop {
        // SAFETY: `environ` is an array of NUL-terminated strings that ends in a null pointer.
        let text = unsafe { entry.read() };
        if text.is_null() {
            return Some(());
        }
        // SAFETY: as above. Only our own variables and libuv's are read past their first bytes.
        if let Some((name, value)) = unsafe { split(text) } {
            found(name, value);
        }
        entry = entry.wrapping_add(1);
    }
}

/// Splits `NAME=value`, if it begins with a letter of interest.
///
/// # Safety
/// `text` is a NUL-terminated string.
unsafe fn split<'a>(text: *const c_char) -> Option<(&'a [u8], &'a [u8])> {
    // SAFETY: the caller guarantees it; the first byte is the NUL or is followed by another byte.
    let bytes = unsafe {
        if !matches!(text.cast::<u8>().read(), b'C' | b'U') {
            return None;
        }
        core::ffi::CStr::from_ptr(text).to_bytes()
    };
    let equals = bytes.iter().position(|byte| *byte == b'=')?;
    Some((bytes.get(..equals)?, bytes.get(equals.wrapping_add(1)..)?))
}

/// Whether the kernel runs this program with more rights than its caller has. If in doubt, it does.
pub(crate) fn is_secure() -> bool {
    auxiliary(AT_SECURE) != Some(0)
}

/// The size of a memory page in bytes.
pub(crate) fn page_size() -> u64 {
    const AT_PAGESZ: c_ulong = 6;
    const SMALLEST: u64 = 4096;
    auxiliary(AT_PAGESZ).unwrap_or(SMALLEST)
}

/// What the kernel told the program when it started: from libc, which has it since glibc 2.16, or from the kernel.
fn auxiliary(key: c_ulong) -> Option<u64> {
    // SAFETY: any number is valid.
    next::needed::getauxval()
        .map(|getauxval| unsafe { getauxval(key) })
        .or_else(|| auxv::value(key as usize).map(|value| value as u64))
}
