//! The file of settings, for images in which no environment survives: the administrator's, for all programs or for some.
//!
//! ```text
//! # Lines before the first section hold for every program.
//! CGPROC_MEMORY = high
//!
//! [java javac]
//! CGPROC_CPUS = 2
//! ```
//!
//! A later line wins, and the environment wins over the file: built-in < general lines < a program's sections < environment.

use crate::{
    lines::{Line, Lines},
    scan,
    settings::{Key, Value},
    source::Source,
};
use core::ffi::CStr;

/// Where the file is.
pub const PATH: &CStr = c"/etc/cgproc.conf";

/// Room for the longest line with its newline: a key, a value and blanks.
pub type Buffer = [u8; 512];

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'b> {
    /// Nothing: it is empty, or a comment.
    Nothing,
    /// The lines from here to the next section hold for these programs alone.
    Section(Names<'b>),
    /// A setting and its value.
    Setting(Key, Value<'b>),
    /// It is ignored.
    Bad(Bad),
}

/// Why a line is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// It is longer than a [`Buffer`].
    TooLong,
    /// It begins with `[` and does not end in `]`, or has no name between. The lines after it hold for no program.
    Section,
    /// It has no `=`.
    NoValue,
    /// It begins with no key that there is.
    Key,
    /// The value is not one of the key's.
    Value(Key),
}

/// The names of a section, with blanks between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'b>(&'b [u8]);

impl Names<'_> {
    /// Bytes that the kernel keeps of a program's name (`TASK_COMM_LEN`, without the final NUL).
    const COMM_BYTES: usize = 15;

    /// Whether the program that the kernel calls `comm` (`/proc/PID/comm`, without the newline) is among them. Of a longer
    /// name, the kernel has the first 15 bytes.
    pub fn hold_for(&self, comm: &[u8]) -> bool {
        let kept = |name: &[u8]| name.get(..Self::COMM_BYTES).unwrap_or(name) == comm;
        self.0.split(is_blank).any(|name| !name.is_empty() && kept(name))
    }
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

impl<'b> Entry<'b> {
    /// Parses a line of the file, with or without its newline.
    pub fn parse(line: &'b [u8]) -> Self {
        let text = scan::before_blanks(scan::after_blanks(scan::without_newline(line)));
        match text.split_first() {
            None | Some((b'#', _)) => Self::Nothing,
            Some((b'[', rest)) => Self::section(rest),
            Some(_) => Self::setting(text),
        }
    }

    /// What stands behind a `[`.
    fn section(rest: &'b [u8]) -> Self {
        match rest.split_last() {
            Some((b']', names)) if !names.iter().all(is_blank) => Self::Section(Names(names)),
            _ => Self::Bad(Bad::Section),
        }
    }

    fn setting(text: &'b [u8]) -> Self {
        let Some((key, value)) = scan::split_at_byte(text, b'=') else { return Self::Bad(Bad::NoValue) };
        let Some(key) = Key::of(scan::before_blanks(key)) else { return Self::Bad(Bad::Key) };
        key.parse(scan::after_blanks(value)).map_or(Self::Bad(Bad::Value(key)), |value| Self::Setting(key, value))
    }

    /// What a line says of which only the beginning is there.
    fn of_piece(piece: &[u8]) -> Self {
        match scan::after_blanks(piece).first() {
            Some(b'#') => Self::Nothing,
            Some(b'[') => Self::Bad(Bad::Section),
            _ => Self::Bad(Bad::TooLong),
        }
    }

    fn of(line: &Line<'b>) -> Self {
        line.whole().map_or_else(|| Self::of_piece(line.bytes), Self::parse)
    }
}

/// Calls `found` with the number of each line of the file, from 1, and what it says. `None` when reading fails.
pub fn each(file: &mut impl Source, buffer: &mut Buffer, mut found: impl FnMut(u32, Entry<'_>)) -> Option<()> {
    let mut lines = Lines::new(file, buffer);
    let mut number = 0_u32;
    while let Some(line) = lines.next()? {
        if line.begins {
            number = number.saturating_add(1);
            found(number, Entry::of(&line));
        }
    }
    Some(())
}

/// Calls `found` with the settings that hold for the program `comm` (see [`Names::hold_for`]), the winning one last.
pub fn settings_for(
    file: &mut impl Source,
    comm: &[u8],
    buffer: &mut Buffer,
    mut found: impl FnMut(Value<'_>),
) -> Option<()> {
    let mut scope = Scope::of(comm);
    each(file, buffer, |_, entry| {
        if let Some((_, value)) = scope.take(entry) {
            found(value);
        }
    })
}

/// Which lines hold for a program.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'c> {
    comm: &'c [u8],
    holds: bool,
}

impl<'c> Scope<'c> {
    /// At the beginning of the file, for the program `comm`; empty for none in particular.
    pub fn of(comm: &'c [u8]) -> Self {
        Self { comm, holds: true }
    }

    /// Goes on to the next line; what it sets for the program.
    pub fn take<'b>(&mut self, entry: Entry<'b>) -> Option<(Key, Value<'b>)> {
        match entry {
            Entry::Section(names) => self.holds = names.hold_for(self.comm),
            Entry::Bad(Bad::Section) => self.holds = false,
            Entry::Setting(key, value) if self.holds => return Some((key, value)),
            _ => {}
        }
        None
    }
}
