//! The program's environment: no libc, and where a thread may change it meanwhile, no belief in its pointers.

use crate::{auxv, next, sys};
use core::ffi::c_ulong;

const AT_SECURE: c_ulong = 23;

/// Room for a variable of interest; none has a longer value that means something.
type Room = [u8; 384];

/// A value that is invalid for every setting.
const INVALID: &[u8] = b"\0";

/// Why the variables are not known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// There is no environment yet.
    NotYet,
    /// Other threads are changing it, or it cannot be read.
    Changing,
}

/// The memory that holds the environment. If other threads may free or unmap it, the kernel reads it for us, because
/// that fails instead of faulting: into a pipe, which exists everywhere, and out of it.
pub(crate) struct Memory {
    shared: Option<sys::Pipe>,
}

impl Memory {
    /// How the environment is to be read now.
    pub(crate) fn now() -> Result<Self, Unknown> {
        let shared = if sys::has_one_thread() { None } else { Some(sys::Pipe::new().ok_or(Unknown::Changing)?) };
        Ok(Self { shared })
    }

    /// Copies what is at address `from`.
    #[inline(never)]
    fn copy(&self, from: usize, into: &mut [u8]) -> Result<(), Unknown> {
        let Some(pipe) = &self.shared else {
            for (at, to) in into.iter_mut().enumerate() {
                // SAFETY: `environ` is an array of strings that ends in a null pointer, and no other thread of this
                // process changes it.
                *to = unsafe { (from.wrapping_add(at) as *const u8).read() };
            }
            return Ok(());
        };
        pipe.copy(from, into).ok_or(Unknown::Changing)
    }

    /// Calls `found(name, value)` for every variable whose name begins like one of interest. A value that is too long for
    /// the room is passed on as [`INVALID`].
    pub(crate) fn each(&self, mut found: impl FnMut(&[u8], &[u8])) -> Result<(), Unknown> {
        let mut seen = 0;
        let mut room: Room = [0; _];
        loop {
            let sum = self.entries(|entry| {
                // Only the first look is at the strings.
                if seen != 0 {
                    return Ok(());
                }
                let text = self.text(entry, &mut room)?;
                if let Some((name, value)) = calc::scan::split_at_byte(text, b'=') {
                    found(name, if text.len() < size_of::<Room>() { value } else { INVALID });
                }
                Ok(())
            })?;
            // A variable may have been missed that another thread moved meanwhile.
            if self.shared.is_none() || sum == seen {
                return Ok(());
            }
            if seen != 0 {
                return Err(Unknown::Changing);
            }
            seen = sum;
        }
    }

    /// Calls `visit` with the address of every string. Returns a checksum of all addresses, which is never 0.
    #[inline(always)]
    fn entries(&self, mut visit: impl FnMut(usize) -> Result<(), Unknown>) -> Result<usize, Unknown> {
        let mut at = next::environ() as usize;
        if at == 0 {
            return Err(Unknown::NotYet);
        }
        let mut sum = at;
        loop {
            let mut entry = [0; _];
            self.copy(at, &mut entry)?;
            let entry = usize::from_ne_bytes(entry);
            if entry == 0 {
                return Ok(sum | 1);
            }
            visit(entry)?;
            sum = sum.rotate_left(1) ^ entry;
            at = at.wrapping_add(size_of::<usize>());
        }
    }

    /// The string at `from`, or its beginning, if that shows that it is not of interest.
    fn text<'r>(&self, from: usize, room: &'r mut Room) -> Result<&'r [u8], Unknown> {
        let mut len = 0_usize;
        for place in room.iter_mut() {
            self.copy(from.wrapping_add(len), core::slice::from_mut(place))?;
            let is_of_interest = match len {
                0 => matches!(*place, b'C' | b'U'),
                1 => matches!(*place, b'G' | b'V'),
                _ => *place != 0,
            };
            if !is_of_interest {
                break;
            }
            len = len.wrapping_add(1);
        }
        Ok(room.get(..len).unwrap_or_default())
    }
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
