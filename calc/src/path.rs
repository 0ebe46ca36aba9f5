//! A path built in a lent buffer, so that a hook's stack holds a path or the bytes read from it, never both.

use core::ffi::CStr;

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
