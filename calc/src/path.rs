//! A path built in a lent buffer, so that a hook's stack holds a path or the bytes read from it, never both.

use crate::text;
use core::ffi::CStr;

/// Joins `parts` to a path in `buffer`; `None` if it does not fit or contains a NUL.
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
    let path = CStr::from_bytes_until_nul(buffer).ok()?;
    (path.count_bytes() == len).then_some(path)
}

/// The path `below` a numbered member of a directory: for example `/sys/devices/system/cpu`, `cpu`, 12,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_built_of_parts() {
        let mut buffer = [b'x'; 8];
        assert_eq!(join(&mut buffer, &[b"/a", b"", b"/b"]), Some(c"/a/b"));
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
        assert_eq!(join(&mut [0; 3], &[b"/ab"]), None);
        assert_eq!(join(&mut [0; 4], &[b"/ab"]), Some(c"/ab"));
        assert_eq!(join(&mut [], &[]), None);
    }

    #[test]
    fn a_nul_inside_is_no_path() {
        assert_eq!(join(&mut [0; 9], &[b"/a\0b"]), None);
    }
}
