//! A kernel list of CPUs, read byte by byte: if the CPUs of two sockets alternate, it is longer than any buffer.

use super::CpuSet;

/// The state of reading a list: `0-3,7`, optionally followed by a newline, and by the NUL that some kernels since 5.15
/// add (`bitmap_print_to_buf`, `lib/bitmap.c`).
#[derive(Default)]
pub(super) struct List {
    /// The first CPU of a range whose dash has been read.
    first: Option<u64>,
    /// The number being read.
    number: Option<u64>,
    has_begun: bool,
    has_ended: bool,
}

impl List {
    /// Reads more bytes, and adds what they complete to `set`.
    pub(super) fn read(&mut self, bytes: &[u8], set: &mut CpuSet) -> Option<()> {
        bytes.iter().try_for_each(|byte| self.take(*byte, set))
    }

    fn take(&mut self, byte: u8, set: &mut CpuSet) -> Option<()> {
        match byte {
            b'0'..=b'9' if !self.has_ended => {
                let number = self.number.unwrap_or(0).checked_mul(10)?;
                self.number = Some(number.checked_add(byte.checked_sub(b'0')?.into())?);
            }
            b'-' if self.first.is_none() => self.first = Some(self.number.take()?),
            b',' => self.add(set)?,
            b'\n' if !self.has_ended => self.end(set)?,
            b'\0' if self.has_ended => {}
            _ => return None,
        }
        self.has_begun = true;
        Some(())
    }

    /// Adds the number or range just read.
    fn add(&mut self, set: &mut CpuSet) -> Option<()> {
        let last = self.number.take()?;
        set.insert(self.first.take().unwrap_or(last), last)
    }

    /// Ends the list; `None` if it is incomplete.
    pub(super) fn end(&mut self, set: &mut CpuSet) -> Option<()> {
        if self.has_begun && !self.has_ended {
            self.add(set)?;
        }
        self.has_ended = true;
        Some(())
    }
}
