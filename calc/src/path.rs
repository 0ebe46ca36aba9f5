//! A path built in a lent buffer, so that a hook's stack holds a path or the bytes read from it, never both.

use crate::text;
use core::ffi::CStr;

/// The path that consists of these parts, one after the other, built in `buffer`; `None` when it does not fit or holds a NUL.
#[inline(never)]
pub fn join<'b>(buffer: &'b mut [u8], parts: &[&[u8]]) -> Option<&'b CStr> {
    let mut len = 0_usize;
    for part in parts {
        let end = len.checked_add(part.len())?;
        for (to, from) in buffer.get_mut(len..end)?.iter_mut().zip(*part) {
            *to = *from;
        }
        len = end;
    }
    *buffer.get_mut(len)? = 0;
    CStr::from_bytes_with_nul(buffer.get(..=len)?).ok()
}

/// The path of what is `below` a numbered member of a directory: `/sys/devices/system/cpu` has `cpu`, 12,
/// `/topology/core_id`.
pub(crate) fn below_member<'b>(
    buffer: &'b mut [u8],
    directory: &[u8],
    name: &[u8],
    number: u64,
    below: &[u8],
) -> Option<&'b CStr> {
    join(buffer, &[directory, b"/", name, text::decimal(number, &mut [0; _]), below])
}

/// A NUL-terminated path under construction in a lent buffer.
pub struct PathIn<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

impl<'b> PathIn<'b> {
    /// An empty path in `buffer`.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// Appends `bytes`; `None` when they do not fit with the final NUL.
    pub fn push(mut self, bytes: &[u8]) -> Option<Self> {
        let end = self.len.checked_add(bytes.len())?;
        let room = self.buffer.get_mut(self.len..end)?;
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.len = end;
        Some(self)
    }

    /// The finished path; `None` when it does not fit or holds a NUL.
    pub fn finish(self) -> Option<&'b CStr> {
        *self.buffer.get_mut(self.len)? = 0;
        let path = self.buffer.get(..=self.len)?;
        CStr::from_bytes_with_nul(path).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_built_of_parts() {
        let mut buffer = [b'x'; 8];
        assert_eq!(PathIn::new(&mut buffer).push(b"/a").and_then(|path| path.push(b"/b")?.finish()), Some(c"/a/b"));
    }

    #[test]
    fn members_are_numbered() {
        let is =
            |number, room, expected| below_member(&mut [0; 16][..room], b"/cpu", b"cpu", number, b"/id") == expected;
        assert!(is(0, 16, Some(c"/cpu/cpu0/id")));
        assert!(is(2047, 16, Some(c"/cpu/cpu2047/id")));
        assert!(is(2047, 15, None));
    }

    #[test]
    fn the_final_nul_needs_room_too() {
        assert_eq!(PathIn::new(&mut [0; 3]).push(b"/ab").and_then(PathIn::finish), None);
        assert_eq!(PathIn::new(&mut [0; 4]).push(b"/ab").and_then(PathIn::finish), Some(c"/ab"));
        assert_eq!(PathIn::new(&mut []).finish(), None);
    }

    #[test]
    fn a_nul_inside_is_no_path() {
        assert_eq!(PathIn::new(&mut [0; 9]).push(b"/a\0b").and_then(PathIn::finish), None);
    }
}
