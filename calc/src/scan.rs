//! Byte scanners for the few forms that kernel files use. None of them panics or overflows.

/// The unsigned decimal number at the start of `bytes`, and what follows it; `None` without a digit or above `u64`.
pub fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut rest = bytes;
    let mut value = 0_u64;
    while let Some((digit @ b'0'..=b'9', after)) = rest.split_first() {
        value = value.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))?;
        rest = after;
    }
    (rest.len() < bytes.len()).then_some((value, rest))
}

/// The decimal number that makes up `bytes`, apart from a final newline.
pub fn whole_number(bytes: &[u8]) -> Option<u64> {
    match number(bytes)? {
        (value, b"" | b"\n") => Some(value),
        _ => None,
    }
}

/// The hexadecimal number that makes up `bytes`: lower-case digits without a prefix.
pub(crate) fn whole_hexadecimal(bytes: &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for byte in bytes {
        value = value.checked_mul(16)?.checked_add(hexadecimal_digit(*byte)?.into())?;
    }
    (!bytes.is_empty()).then_some(value)
}

/// The value of a lower-case hexadecimal digit.
pub(crate) fn hexadecimal_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'a'..=b'f' => byte.checked_sub(b'a')?.checked_add(10),
        _ => None,
    }
}

/// A line `key value`, as in `memory.stat` and `cpu.stat`. A negative value, which some kernels' counters have for a
/// moment, counts as 0.
pub fn key_value(line: &[u8]) -> Option<(&[u8], u64)> {
    let (key, value) = split_at_byte(line, b' ')?;
    Some((key, clamped_number(value)?))
}

/// Like [`whole_number`], but 0 for a negative number.
pub(crate) fn clamped_number(bytes: &[u8]) -> Option<u64> {
    match bytes.strip_prefix(b"-") {
        Some(below) => whole_number(below).map(|_| 0),
        None => whole_number(bytes),
    }
}

/// The bytes before and after the first `byte`.
pub fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let (before, from) = bytes.split_at_checked(memchr::memchr(byte, bytes)?)?;
    Some((before, from.get(1..)?))
}

/// The bytes before and after the last `byte`.
pub fn split_at_last(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let (before, from) = bytes.split_at_checked(bytes.iter().rposition(|here| *here == byte)?)?;
    Some((before, from.get(1..)?))
}

/// The parts of `bytes` between single `separator`s.
pub fn parts(bytes: &[u8], separator: u8) -> Parts<'_> {
    Parts { rest: Some(bytes), separator }
}

/// See [`parts`].
#[derive(Clone, Copy)]
pub struct Parts<'b> {
    rest: Option<&'b [u8]>,
    separator: u8,
}

impl<'b> Iterator for Parts<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let rest = self.rest?;
        let (part, after) = match split_at_byte(rest, self.separator) {
            Some((part, after)) => (part, Some(after)),
            None => (rest, None),
        };
        self.rest = after;
        Some(part)
    }
}

/// `bytes` without a final newline.
pub fn without_newline(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").unwrap_or(bytes)
}

/// A list or bitmap of CPUs without a final newline, nor the NUL after it that some kernels since 5.15 add
/// (`bitmap_print_to_buf`, `lib/bitmap.c`).
pub(crate) fn without_end(bytes: &[u8]) -> &[u8] {
    without_newline(bytes.strip_suffix(b"\0").unwrap_or(bytes))
}

/// `bytes` without leading blanks.
pub fn after_blanks(mut bytes: &[u8]) -> &[u8] {
    while let Some((b' ' | b'\t', after)) = bytes.split_first() {
        bytes = after;
    }
    bytes
}

/// `bytes` without trailing blanks.
pub fn before_blanks(mut bytes: &[u8]) -> &[u8] {
    while let Some((b' ' | b'\t', before)) = bytes.split_last() {
        bytes = before;
    }
    bytes
}

/// Bytes with the same hash are the same for our purpose (FNV-1a). Begin with [`HASH_SEED`].
pub fn hash(seed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(seed, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The hash of nothing.
pub const HASH_SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// A name in a table, stored in place: a pointer to it would cost a relocation in every process that maps the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    bytes: [u8; Self::LONGEST],
    len: u8,
}

impl Name {
    /// The most bytes that fit.
    const LONGEST: usize = 27;

    /// The name `text`; if it is too long, that does not compile.
    #[expect(clippy::indexing_slicing, reason = "runs only in the compiler")]
    #[expect(clippy::arithmetic_side_effects, reason = "runs only in the compiler")]
    pub const fn new(text: &str) -> Self {
        let mut bytes = [0; Self::LONGEST];
        let mut len = 0;
        while len < text.len() {
            bytes[len] = text.as_bytes()[len];
            len += 1;
        }
        Self { bytes, len: len as u8 }
    }

    /// Whether this is `name`. The length is compared first, because it rules out most.
    pub fn is(&self, name: &[u8]) -> bool {
        usize::from(self.len) == name.len() && self.text() == name
    }

    /// The name's text.
    pub fn text(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// The row with `key` in a table, and its index. If a text has the order of the table, and each search begins where
/// the last one ended, each row is found at once.
pub fn find_from<'t, V>(table: &'t [(Name, V)], first: usize, key: &[u8]) -> Option<(usize, &'t (Name, V))> {
    let rows = table.iter().enumerate();
    let is_it = |(_, row): &(usize, &(Name, V))| row.0.is(key);
    rows.clone().skip(first).find(is_it).or_else(|| rows.take(first).find(is_it))
}

/// The bytes that the names of `rows` take together.
#[expect(clippy::indexing_slicing, reason = "runs only in the compiler")]
#[expect(clippy::arithmetic_side_effects, reason = "runs only in the compiler")]
pub(crate) const fn name_bytes<V>(rows: &[(&str, V)]) -> usize {
    let (mut row, mut bytes) = (0, 0);
    while row < rows.len() {
        bytes += rows[row].0.len();
        row += 1;
    }
    bytes
}

/// A table whose rows are found by name in a step or a few, whether or not there is such a row. Like [`Name`], it has no
/// pointers; the compiler makes it.
pub(crate) struct Table<V, const ROWS: usize, const BYTES: usize> {
    /// All names, one after the other: see [`name_bytes`].
    names: [u8; BYTES],
    begins: [u16; ROWS],
    lens: [u8; ROWS],
    /// Where a name's [`place`] is, or in the next free slot: the number of its row, plus 1. 0 is free.
    slots: [u8; SLOTS],
    rows: [V; ROWS],
}

/// More than twice the rows of the longest table, so that most names are in their own place.
const SLOTS: usize = 128;

/// Where the search for a name begins: its end and its length tell most names apart.
const fn place(name: &[u8]) -> usize {
    let end = match name.last_chunk() {
        Some(end) => u32::from_le_bytes(*end),
        None => 0,
    };
    // The upper bits depend on all others.
    end.wrapping_add(name.len() as u32).wrapping_mul(0x9e37_79b1).rotate_left(SLOTS.ilog2()) as usize % SLOTS
}

impl<V: Copy, const ROWS: usize, const BYTES: usize> Table<V, ROWS, BYTES> {
    /// The table of these rows; if there are too many, that does not compile.
    #[expect(clippy::indexing_slicing, reason = "runs only in the compiler")]
    #[expect(clippy::arithmetic_side_effects, reason = "runs only in the compiler")]
    pub(crate) const fn new(rows: &[(&str, V); ROWS]) -> Self {
        assert!(ROWS < SLOTS / 2);
        let mut table = Self { names: [0; _], begins: [0; _], lens: [0; _], slots: [0; _], rows: [rows[0].1; _] };
        let (mut row, mut begin) = (0, 0);
        while row < ROWS {
            let name = rows[row].0.as_bytes();
            assert!(name.len() <= u8::MAX as usize && begin <= u16::MAX as usize);
            table.rows[row] = rows[row].1;
            (table.begins[row], table.lens[row]) = (begin as u16, name.len() as u8);
            table.names.split_at_mut(begin).1.split_at_mut(name.len()).0.copy_from_slice(name);
            let mut slot = place(name);
            while table.slots[slot] != 0 {
                slot = (slot + 1) % SLOTS;
            }
            row += 1;
            table.slots[slot] = row as u8;
            begin += name.len();
        }
        table
    }

    /// The row with `name`, and its index.
    pub(crate) fn find(&self, name: &[u8]) -> Option<(usize, &V)> {
        let row = found(&self.names, &self.begins, &self.lens, &self.slots, name)?;
        Some((row, self.rows.get(row)?))
    }
}

/// The index of the row with `name`.
#[inline(never)]
fn found(names: &[u8], begins: &[u16], lens: &[u8], slots: &[u8; SLOTS], name: &[u8]) -> Option<usize> {
    let mut slot = place(name);
    loop {
        let row = usize::from(*slots.get(slot)?).checked_sub(1)?;
        if usize::from(*lens.get(row)?) == name.len()
            && names.get(usize::from(*begins.get(row)?)..).is_some_and(|from| from.starts_with(name))
        {
            return Some(row);
        }
        slot = slot.wrapping_add(1) % SLOTS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{vec, vec::Vec};

    #[test]
    fn rows_are_found_by_name_and_no_others() {
        // Most are in one place, and the first three letters of one are another.
        const ROWS: [(&str, u32); 7] =
            [("", 0), ("abc", 1), ("a_file", 2), ("b_file", 3), ("c_file", 4), ("anon_and_more", 5), ("abcd", 6)];
        static TABLE: Table<u32, { ROWS.len() }, { name_bytes(&ROWS) }> = Table::new(&ROWS);
        for (index, (name, value)) in ROWS.iter().enumerate() {
            assert_eq!(TABLE.find(name.as_bytes()), Some((index, value)), "{name}");
        }
        for name in ["d_file", "a_fil", "ab", "abd", "bcd", "abcda_file", "nd_more", "a", &"x".repeat(300)] {
            assert_eq!(TABLE.find(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(number(b"42 kB"), Some((42, &b" kB"[..])));
        assert_eq!(number(b"007"), Some((7, &b""[..])));
        assert_eq!(number(b"18446744073709551615"), Some((u64::MAX, &b""[..])));
        assert_eq!(number(b"18446744073709551616"), None);
        assert_eq!(number(b"-1"), None);
        assert_eq!(number(b""), None);
    }

    #[test]
    fn whole_numbers() {
        assert_eq!(whole_number(b"12\n"), Some(12));
        assert_eq!(whole_number(b"12"), Some(12));
        assert_eq!(whole_number(b"12\n\n"), None);
        assert_eq!(whole_number(b"12 "), None);
        assert_eq!(whole_number(b" 12"), None);
    }

    #[test]
    fn hexadecimal_numbers() {
        assert_eq!(whole_hexadecimal(b"8000000"), Some(0x800_0000));
        assert_eq!(whole_hexadecimal(b"ffffffffffffffff"), Some(u64::MAX));
        for text in [&b""[..], b"0x1", b"F", b"1 ", b"1ffffffffffffffff", b"g"] {
            assert_eq!(whole_hexadecimal(text), None);
        }
    }

    #[test]
    fn keys_are_taken_whole() {
        assert_eq!(key_value(b"file_mapped 3\n"), Some((&b"file_mapped"[..], 3)));
        assert_eq!(key_value(b"swap -4096\n"), Some((&b"swap"[..], 0)));
        for line in
            ["file 3 4\n", "file -\n", "file --1\n", "file 18446744073709551616\n", "file\t3\n", "\n", "file \n"]
        {
            assert_eq!(key_value(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(key_value(b"file\n"), None);
    }

    #[test]
    fn parts_may_be_empty() {
        assert_eq!(parts(b"a,,b", b',').collect::<Vec<_>>(), vec![&b"a"[..], b"", b"b"]);
        assert_eq!(parts(b"", b',').collect::<Vec<_>>(), vec![&b""[..]]);
    }

    #[test]
    fn splits() {
        assert_eq!(split_at_byte(b"a:b:c", b':'), Some((&b"a"[..], &b"b:c"[..])));
        assert_eq!(split_at_last(b"a:b:c", b':'), Some((&b"a:b"[..], &b"c"[..])));
        assert_eq!(split_at_byte(b"abc", b':'), None);
    }

    #[test]
    fn rows_are_found_from_any_start() {
        let table = [(Name::new("a"), 1), (Name::new("b"), 2), (Name::new("c"), 3)];
        for first in 0..5 {
            for (index, (name, number)) in table.iter().enumerate() {
                assert_eq!(find_from(&table, first, name.text()), Some((index, &(*name, *number))));
            }
            assert_eq!(find_from(&table, first, b"ab"), None);
        }
    }
}
