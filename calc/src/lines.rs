//! Lines of a file that is larger than the buffer it is read through.

use crate::source::{Source, Unreadable, is_end};
use core::cell::Cell;

/// A line, or a piece of one that is longer than the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'b> {
    /// The bytes, including the newline if `ends`.
    pub bytes: &'b [u8],
    /// Whether these bytes begin a line.
    pub begins: bool,
    /// Whether these bytes end a line. The last line ends even without a newline.
    pub ends: bool,
}

impl<'b> Line<'b> {
    /// The line, if this is all of it; `None` for a piece.
    pub fn whole(&self) -> Option<&'b [u8]> {
        (self.begins && self.ends).then_some(self.bytes)
    }
}

/// The lines of a source. Not an iterator, because each line is lent until the next call.
pub struct Lines<'a, S: Source> {
    source: &'a mut S,
    buffer: &'a mut [u8],
    /// `buffer[start..end]` was read but not lent yet.
    start: usize,
    end: usize,
    begins: bool,
    exhausted: bool,
    /// Whether a blank ends a line too.
    of_words: bool,
}

impl<'a, S: Source> Lines<'a, S> {
    /// The lines of `source`, read through `buffer`.
    pub fn new(source: &'a mut S, buffer: &'a mut [u8]) -> Self {
        Self { source, buffer, start: 0, end: 0, begins: true, exhausted: false, of_words: false }
    }

    /// The words of `source`, each with the blank or newline after it: for lines longer than any buffer.
    pub fn of_words(source: &'a mut S, buffer: &'a mut [u8]) -> Self {
        Self { of_words: true, ..Self::new(source, buffer) }
    }

    /// The next line; `None` at the end.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator is not an Iterator")]
    pub fn next(&mut self) -> Result<Option<Line<'_>>, Unreadable> {
        let (len, ends) = loop {
            let held = self.buffer.get(self.start..self.end).ok_or(Unreadable)?;
            let other = if self.of_words { b' ' } else { b'\n' };
            if let Some(end) = memchr::memchr2(b'\n', other, held) {
                break (end.saturating_add(1), true);
            }
            if self.exhausted || held.len() == self.buffer.len() {
                break (held.len(), self.exhausted);
            }
            self.fill().ok_or(Unreadable)?;
        };
        if len == 0 {
            // The source is exhausted, or the buffer has no room for a byte, which is an error.
            return if self.exhausted { Ok(None) } else { Err(Unreadable) };
        }
        let from = self.start;
        let begins = self.begins;
        self.start = from.saturating_add(len);
        self.begins = ends;
        let bytes = self.buffer.get(from..self.start).ok_or(Unreadable)?;
        Ok(Some(Line { bytes, begins, ends }))
    }

    /// Reads more after the bytes held, which are first moved to the front.
    fn fill(&mut self) -> Option<()> {
        let held = self.end.checked_sub(self.start)?;
        let cells = Cell::from_mut(&mut *self.buffer).as_slice_of_cells();
        for (to, from) in cells.iter().zip(cells.get(self.start..self.end)?) {
            to.set(from.get());
        }
        (self.start, self.end) = (0, held);
        let room = self.buffer.get_mut(held..)?;
        let read = self.source.read(room)?;
        self.exhausted = is_end(room, read, self.source.short_read_is_end());
        self.end = held.checked_add(read)?;
        // Do not trust a source that claims to have read more than there was room for.
        (self.end <= self.buffer.len()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Bytes;
    use proptest::prelude::*;
    use std::{vec, vec::Vec};

    /// All lines and pieces, with their flags.
    fn lines(text: &[u8], step: usize, buffer: usize) -> Vec<(Vec<u8>, bool, bool)> {
        let mut source = Bytes::in_steps(text, step);
        let mut buffer = vec![0; buffer];
        let mut lines = Lines::new(&mut source, &mut buffer);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((line.bytes.to_vec(), line.begins, line.ends));
        }
        all
    }

    #[test]
    fn a_long_line_comes_in_pieces() {
        let expected = [(&b"ab\n"[..], true, true), (b"cdef", true, false), (b"g\n", false, true), (b"h", true, true)];
        let expected: Vec<_> = expected.iter().map(|(bytes, begins, ends)| (bytes.to_vec(), *begins, *ends)).collect();
        assert_eq!(lines(b"ab\ncdefg\nh", 3, 4), expected);
    }

    #[test]
    fn a_line_as_long_as_the_buffer_is_whole() {
        assert_eq!(lines(b"abc\nd\n", 100, 4), [(b"abc\n".to_vec(), true, true), (b"d\n".to_vec(), true, true)]);
    }

    #[test]
    fn words_end_in_blanks_and_newlines() {
        let mut source = Bytes::in_steps("ab  c\ndefgh i", 3);
        let mut buffer = [0; 4];
        let mut words = Lines::of_words(&mut source, &mut buffer);
        let mut all = Vec::new();
        while let Some(word) = words.next().unwrap() {
            all.push((word.bytes.to_vec(), word.whole().is_some()));
        }
        let expected = [("ab ", true), (" ", true), ("c\n", true), ("defg", false), ("h ", false), ("i", true)];
        assert_eq!(all, expected.map(|(word, is_whole)| (word.as_bytes().to_vec(), is_whole)));
    }

    #[test]
    fn an_empty_file_has_no_line() {
        assert_eq!(lines(b"", 1, 4), []);
    }

    #[test]
    fn a_buffer_of_nothing_is_an_error() {
        assert_eq!(Lines::new(&mut Bytes::new("a"), &mut []).next(), Err(Unreadable));
    }

    #[test]
    fn a_source_that_lies_about_its_length_is_an_error() {
        struct Liar;
        impl Source for Liar {
            fn read(&mut self, into: &mut [u8]) -> Option<usize> {
                Some(into.len() + 1)
            }

            fn rewind(&mut self) {}
        }
        assert_eq!(Lines::new(&mut Liar, &mut [0; 8]).next(), Err(Unreadable));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_reordered(text in "[ab\n]{0,60}", step in 1_usize..20, buffer in 1_usize..20) {
            let lines = lines(text.as_bytes(), step, buffer);
            let joined: Vec<u8> = lines.iter().flat_map(|line| line.0.clone()).collect();
            prop_assert_eq!(joined, text.as_bytes());
            for pair in lines.windows(2) {
                prop_assert_eq!(pair[0].2, pair[1].1);
            }
            for (bytes, _, ends) in &lines {
                let newlines = bytes.iter().filter(|byte| **byte == b'\n').count();
                prop_assert!(newlines == 0 || (newlines == 1 && *ends && bytes.ends_with(b"\n")));
            }
        }
    }
}
