//! Lines of a file that is larger than the buffer it is read through.

use crate::source::Source;
use core::cell::Cell;

/// A line, or a piece of one that is longer than the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'b> {
    /// The bytes, with the newline when `ends`.
    pub bytes: &'b [u8],
    /// Whether these bytes begin a line.
    pub begins: bool,
    /// Whether these bytes end a line (the last line of a file without a final newline ends too).
    pub ends: bool,
}

impl<'b> Line<'b> {
    /// The line, when this is all of it; `None` for a piece.
    pub fn whole(&self) -> Option<&'b [u8]> {
        (self.begins && self.ends).then_some(self.bytes)
    }
}

/// The lines of a source. Not an iterator: each line is lent until the next call.
pub struct Lines<'a, S: Source> {
    source: &'a mut S,
    buffer: &'a mut [u8],
    /// What was read and not yet lent is `buffer[start..end]`.
    start: usize,
    end: usize,
    begins: bool,
    exhausted: bool,
}

impl<'a, S: Source> Lines<'a, S> {
    /// The lines of `source`, read through `buffer`.
    pub fn new(source: &'a mut S, buffer: &'a mut [u8]) -> Self {
        Self { source, buffer, start: 0, end: 0, begins: true, exhausted: false }
    }

    /// The next line. `None` when reading failed, `Some(None)` at the end.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is not an Iterator")]
    pub fn next(&mut self) -> Option<Option<Line<'_>>> {
        let (len, ends) = loop {
            let held = self.buffer.get(self.start..self.end)?;
            if let Some(newline) = memchr::memchr(b'\n', held) {
                break (newline.checked_add(1)?, true);
            }
            if self.exhausted || held.len() == self.buffer.len() {
                break (held.len(), self.exhausted);
            }
            self.fill()?;
        };
        if len == 0 {
            // An exhausted source, or a buffer without room for a byte, which is an error.
            return if self.exhausted { Some(None) } else { None };
        }
        let from = self.start;
        let begins = self.begins;
        self.start = from.checked_add(len)?;
        self.begins = ends;
        let bytes = self.buffer.get(from..self.start)?;
        Some(Some(Line { bytes, begins, ends }))
    }

    /// Reads more behind what is held, which is moved to the front first.
    fn fill(&mut self) -> Option<()> {
        let held = self.end.checked_sub(self.start)?;
        let cells = Cell::from_mut(&mut *self.buffer).as_slice_of_cells();
        for (to, from) in cells.iter().zip(cells.get(self.start..self.end)?) {
            to.set(from.get());
        }
        (self.start, self.end) = (0, held);
        let room = self.buffer.get_mut(held..)?;
        let read = self.source.read(room)?;
        self.exhausted = read == 0 || (read < room.len() && self.source.short_read_is_end());
        self.end = held.checked_add(read)?;
        // A source that claims to have read more than there was room for is not to be trusted.
        (self.end <= self.buffer.len()).then_some(())
    }
}
