//! The writer of composed text: small chunks on the stack, flushed to a sink.

/// Where composed text goes: the memory file of an answer, a `Vec` in the command, a test.
pub trait Sink {
    /// Appends `bytes`; `None` when they cannot be written, which abandons the answer.
    fn write(&mut self, bytes: &[u8]) -> Option<()>;
}

/// Bytes gathered before the sink is called: enough to write most answers at once, but little stack.
const CHUNK: usize = 576;

/// Decimal digits of the largest `u64`.
const MAX_DIGITS: usize = 20;

/// Text on its way to a [`Sink`].
pub struct Text<'s, S: Sink> {
    sink: &'s mut S,
    chunk: [u8; CHUNK],
    len: usize,
}

impl<'s, S: Sink> Text<'s, S> {
    /// An empty text that goes to `sink`.
    pub fn new(sink: &'s mut S) -> Self {
        Self { sink, chunk: [0; CHUNK], len: 0 }
    }

    /// Appends `bytes` as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.len == 0 && rest.len() >= CHUNK {
                return self.sink.write(rest);
            }
            let room = self.chunk.get_mut(self.len..)?;
            let (now, later) = rest.split_at_checked(rest.len().min(room.len()))?;
            copy(room, now);
            self.len = self.len.checked_add(now.len())?;
            rest = later;
            if self.len == CHUNK {
                self.flush()?;
            }
        }
        Some(())
    }

    /// Appends `number` in decimal.
    pub fn number(&mut self, number: u64) -> Option<()> {
        self.padded(number, 0)
    }

    /// Appends `number` in decimal, right-aligned in `width` columns, or in more if it needs them.
    pub fn padded(&mut self, number: u64, width: usize) -> Option<()> {
        self.aligned(number, width, b' ')
    }

    /// Appends the two digits of a number of hundredths.
    pub(crate) fn hundredths(&mut self, number: u64) -> Option<()> {
        self.aligned(number % 100, 2, b'0')
    }

    /// Appends `number` in lower-case hexadecimal digits.
    pub(crate) fn hexadecimal(&mut self, number: u64) -> Option<()> {
        let digits = u64::BITS.saturating_sub(number.leading_zeros()).div_ceil(4).max(1);
        for index in (0..digits).rev() {
            self.bytes(&[hexadecimal_digit(number.rotate_right(index.saturating_mul(4)) as u8 & 0xf)])?;
        }
        Some(())
    }

    fn aligned(&mut self, number: u64, width: usize, fill: u8) -> Option<()> {
        for _ in MAX_DIGITS..width {
            self.bytes(&[fill])?;
        }
        let mut digits = [fill; MAX_DIGITS];
        let len = decimal(number, &mut digits).len();
        self.bytes(digits.get(MAX_DIGITS.saturating_sub(len.max(width))..)?)
    }

    fn flush(&mut self) -> Option<()> {
        self.sink.write(self.chunk.get(..self.len)?)?;
        self.len = 0;
        Some(())
    }

    /// Hands the rest to the sink. By reference, because moving a text would take its size on the stack again.
    pub fn finish(&mut self) -> Option<()> {
        if self.len == 0 { Some(()) } else { self.flush() }
    }
}

/// Copies `from` to the start of `to`, which has room for it. In words: most pieces of a text are too short for a call
/// of the compiler's library to pay.
fn copy(to: &mut [u8], from: &[u8]) {
    let Some(to) = to.get_mut(..from.len()) else { return };
    let (words, rest) = to.as_chunks_mut::<8>();
    let (from_words, from_rest) = from.as_chunks::<8>();
    for (to, from) in words.iter_mut().zip(from_words) {
        *to = *from;
    }
    for (to, from) in rest.iter_mut().zip(from_rest) {
        *to = *from;
    }
}

/// The lower-case hexadecimal digit of a number below 16.
pub(crate) fn hexadecimal_digit(number: u8) -> u8 {
    if number < 10 { b'0'.wrapping_add(number) } else { b'a'.wrapping_sub(10).wrapping_add(number) }
}

/// The decimal digits of `number`, at the end of `digits`.
pub(crate) fn decimal(number: u64, digits: &mut [u8; MAX_DIGITS]) -> &[u8] {
    let mut rest = number;
    let mut first = MAX_DIGITS;
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0'.wrapping_add((rest % 10) as u8);
        first = index;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    digits.get(first..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::composed;
    use proptest::prelude::*;
    use std::{format, string::String, vec::Vec};

    #[test]
    fn numbers_are_aligned() {
        assert_eq!(composed(|out| out.padded(42, 5)).unwrap(), "   42");
        assert_eq!(composed(|out| out.padded(123_456, 5)).unwrap(), "123456");
        assert_eq!(composed(|out| out.number(0)).unwrap(), "0");
        assert_eq!(composed(|out| out.number(u64::MAX)).unwrap(), "18446744073709551615");
        assert_eq!(composed(|out| out.hundredths(7)).unwrap(), "07");
        for number in [0, 9, 10, 0x10, 0x2000_0000, 0xfed_cba9_8765_4321, u64::MAX] {
            assert_eq!(composed(|out| out.hexadecimal(number)).unwrap(), format!("{number:x}"));
        }
    }

    #[test]
    fn a_sink_that_fails_ends_the_text() {
        struct Full;
        impl Sink for Full {
            fn write(&mut self, _: &[u8]) -> Option<()> {
                None
            }
        }
        let mut sink = Full;
        let mut text = Text::new(&mut sink);
        assert_eq!(text.bytes(b"short"), Some(()));
        assert_eq!(text.bytes(&[b'x'; 2 * CHUNK]), None);
        assert_eq!(text.finish(), None);
    }

    #[test]
    fn full_chunks_are_written_and_nothing_empty() {
        struct Sizes(Vec<usize>);
        impl Sink for Sizes {
            fn write(&mut self, bytes: &[u8]) -> Option<()> {
                self.0.push(bytes.len());
                Some(())
            }
        }
        let mut sink = Sizes(Vec::new());
        let mut text = Text::new(&mut sink);
        for _ in 0..4 {
            text.bytes(&[b'x'; CHUNK / 2]).unwrap();
        }
        text.finish().unwrap();
        assert_eq!(sink.0, [CHUNK, CHUNK]);
    }

    proptest! {
        #[test]
        fn all_is_written_in_order(parts in prop::collection::vec("[a-z]{0,700}", 0..9), number: u64, width in 0_usize..30) {
            let text = composed(|out| {
                parts.iter().try_for_each(|part| out.bytes(part.as_bytes()))?;
                out.padded(number, width)
            });
            prop_assert_eq!(text.unwrap(), parts.iter().map(String::as_str).collect::<String>() + &format!("{number:width$}"));
        }
    }
}
