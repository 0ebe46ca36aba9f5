//! The path through which a descriptor is looked at or reopened.

use core::ffi::{CStr, c_int};

/// `/proc/self/fd/<fd>`
pub(crate) fn of(fd: c_int, buffer: &mut [u8; 32]) -> Option<&CStr> {
    let mut digits = [0; 10];
    let mut number = u32::try_from(fd).ok()?;
    let mut start = digits.len();
    loop {
        start = start.checked_sub(1)?;
        *digits.get_mut(start)? = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    calc::path::join(buffer, &[b"/proc/self/fd/", digits.get(start..)?])
}
