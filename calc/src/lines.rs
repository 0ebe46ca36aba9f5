//! Lines of a file that is larger than the buffer it is read through.

use crate::source::Source;

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

/// The lines of a source. Not an iterator: each line is lent until the next call.
pub struct Lines<'a, S: Source> {
    source: &'a mut S,
    buffer: &'a mut [u8],
}

impl<'a, S: Source> Lines<'a, S> {
    /// The lines of `source`, read through `buffer`.
    pub fn new(source: &'a mut S, buffer: &'a mut [u8]) -> Self {
        Self { source, buffer }
    }

    /// The next line. `None` when reading failed, `Some(None)` at the end.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is not an Iterator")]
    pub fn next(&mut self) -> Option<Option<Line<'_>>> {
        let _ = (&mut self.source, &mut self.buffer);
        None
    }
}
