//! A kernel list of CPUs, byte by byte: where every other CPU is of one socket, it is longer than any buffer.

use super::CpuSet;

/// How far a list is read: `0-3,7`, with a newline behind it or without, and with the NUL behind that which some kernels
/// since 5.15 give as well (`bitmap_print_to_buf`, `lib/bitmap.c`).
#[derive(Default)]
pub(super) struct List {
    /// The first CPU of a range, once its dash is read.
    first: Option<u64>,
    /// The number that is being read.
    number: Option<u64>,
    has_begun: bool,
    has_ended: bool,
}

impl List {
    /// Reads on, and adds what is complete to `set`.
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

    /// Adds the number or the range that was just read.
    fn add(&mut self, set: &mut CpuSet) -> Option<()> {
        let last = self.number.take()?;
        set.insert(self.first.take().unwrap_or(last), last)
    }

    /// There is no more; `None` where the list is not complete.
    pub(super) fn end(&mut self, set: &mut CpuSet) -> Option<()> {
        if self.has_begun && !self.has_ended {
            self.add(set)?;
        }
        self.has_ended = true;
        Some(())
    }
}
