//! The file of settings, for images in which no environment survives. The administrator writes it, for all programs or
//! for some.
//!
//! ```text
//! # Lines before the first section are for every program.
//! CGPROC_MEMORY = high
//!
//! [java javac]
//! CGPROC_CPUS = 2
//! ```
//!
//! Later lines win, and the environment wins over the file: built-in < general lines < a program's sections <
//! environment.

use crate::{
    lines::{Line, Lines},
    scan,
    settings::{Key, Value},
    source::Source,
};
use core::ffi::CStr;

/// The path of the file.
pub const PATH: &CStr = c"/etc/cgproc.conf";

/// Room for the longest line with its newline: key, value and blanks.
pub type Buffer = [u8; 512];

/// The meaning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'b> {
    /// None: it is empty, or a comment.
    Nothing,
    /// The lines from here to the next section are only for these programs.
    Section(Names<'b>),
    /// A setting and its value.
    Setting(Key, Value<'b>),
    /// A line that is ignored.
    Bad(Bad),
}

/// Why a line is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// It is longer than a [`Buffer`].
    TooLong,
    /// It begins with `[` but does not end in `]`, or there is no name between. The lines after it are for no program.
    Section,
    /// It has no `=`.
    NoValue,
    /// It does not begin with a known key.
    Key,
    /// The value is not valid for the key.
    Value(Key),
}

/// The names in a section, separated by blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'b>(&'b [u8]);

impl Names<'_> {
    /// The length to which the kernel cuts a program's name (`TASK_COMM_LEN`, without the final NUL).
    const COMM_BYTES: usize = 15;

    /// Whether they include the program that the kernel calls `comm` (`/proc/PID/comm`, without the newline). Only the
    /// first 15 bytes of a longer name count.
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

    /// Parses the rest of a line after `[`.
    fn section(rest: &'b [u8]) -> Self {
        match rest.split_last() {
            Some((b']', names)) if !names.iter().all(is_blank) => Self::Section(Names(names)),
            _ => Self::Bad(Bad::Section),
        }
    }

    fn setting(text: &'b [u8]) -> Self {
        let Some((key, value)) = scan::split_at_byte(text, b'=') else { return Self::Bad(Bad::NoValue) };
        let Some(key) = Key::of(scan::before_blanks(key)) else { return Self::Bad(Bad::Key) };
        match key.parse(scan::after_blanks(value)) {
            // The administrator cannot know a program's working directory.
            Some(Value::Debug([first, ..])) if *first != b'/' => Self::Bad(Bad::Value(key)),
            Some(value) => Self::Setting(key, value),
            None => Self::Bad(Bad::Value(key)),
        }
    }

    /// Judges a line by its beginning, the only part that is there.
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

/// Calls `found` with the number of each line of the file, from 1, and its meaning. `None` if reading fails.
pub fn each(file: &mut impl Source, buffer: &mut Buffer, mut found: impl FnMut(u32, Entry<'_>)) -> Option<()> {
    let mut lines = Lines::new(file, buffer);
    let mut number = 0_u32;
    while let Some(line) = lines.next().ok()? {
        if line.begins {
            number = number.saturating_add(1);
            found(number, Entry::of(&line));
        }
    }
    Some(())
}

/// Calls `found` with the settings for the program `comm` (see [`Names::hold_for`]), the winning one last.
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

/// Tracks which lines are for a program.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'c> {
    comm: &'c [u8],
    holds: bool,
}

impl<'c> Scope<'c> {
    /// The beginning of the file, for the program `comm`; empty for no particular program.
    pub fn of(comm: &'c [u8]) -> Self {
        Self { comm, holds: true }
    }

    /// Takes the next line; returns what it sets for the program.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture::Bytes, settings::CpuCount};
    use proptest::prelude::*;
    use std::{format, string::String, vec, vec::Vec};

    const FILE: &str = "\
# The machine's programs.
CGPROC_UPTIME=host
  CGPROC_CPUS\t= 4

[java javac]
CGPROC_CPUS = 2
CGPROC_DEBUG = /tmp/a = b
[myps]
CGPROC = off
[java]
CGPROC_CPUS = weight";

    /// The lines that have a meaning, as text.
    fn entries(file: impl AsRef<[u8]>, step: usize) -> Vec<(u32, String)> {
        let mut all = Vec::new();
        each(&mut Bytes::in_steps(file, step), &mut [0; _], |line, entry| {
            if entry != Entry::Nothing {
                all.push((line, format!("{entry:?}")));
            }
        })
        .unwrap();
        all
    }

    fn settings(file: impl AsRef<[u8]>, comm: &str) -> Vec<String> {
        let mut all = Vec::new();
        let found = |value: Value<'_>| all.push(format!("{value:?}"));
        settings_for(&mut Bytes::new(file), comm.as_bytes(), &mut [0; _], found).unwrap();
        all
    }

    fn bad(line: &str) -> Option<Bad> {
        match Entry::parse(line.as_bytes()) {
            Entry::Bad(bad) => Some(bad),
            _ => None,
        }
    }

    #[test]
    fn lines_say_what_they_look_like() {
        assert_eq!(Entry::parse(b"CGPROC_CPUS=1.5\n"), Entry::Setting(Key::Cpus, Value::Cpus(CpuCount::Milli(1500))));
        assert_eq!(Entry::parse(b"\tCGPROC\t = \t off \n"), Entry::Setting(Key::Switch, Value::Off(true)));
        assert_eq!(Entry::parse(b"CGPROC_DEBUG=/a=b # c"), Entry::Setting(Key::Debug, Value::Debug(b"/a=b # c")));
        assert_eq!(Entry::parse(b"CGPROC_DEBUG=a"), Entry::Bad(Bad::Value(Key::Debug)));
        assert_eq!(Entry::parse(b"CGPROC_DEBUG="), Entry::Setting(Key::Debug, Value::Debug(b"")));
        assert_eq!(Entry::parse(b" [ a b ] \n"), Entry::Section(Names(b" a b ")));
        for nothing in ["", "\n", " \t \n", "#", "  # CGPROC=off\n"] {
            assert_eq!(Entry::parse(nothing.as_bytes()), Entry::Nothing, "{nothing:?}");
        }
    }

    #[test]
    fn bad_lines_are_told_apart() {
        for section in ["[java", "[java] x", "[]", "[ \t]", "["] {
            assert_eq!(bad(section), Some(Bad::Section), "{section}");
        }
        for line in ["CGPROC", "off", "java]"] {
            assert_eq!(bad(line), Some(Bad::NoValue), "{line}");
        }
        for line in ["CGPROC_CPU=1", "=1", "export CGPROC=off", "cgproc=off", "\u{feff}CGPROC=off"] {
            assert_eq!(bad(line), Some(Bad::Key), "{line}");
        }
        assert_eq!(bad("CGPROC_CPUS = two"), Some(Bad::Value(Key::Cpus)));
        assert_eq!(bad("CGPROC=off\r"), Some(Bad::Value(Key::Switch)));
    }

    #[test]
    fn lines_have_numbers() {
        let numbers: Vec<u32> = entries(FILE, 7).iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [2, 3, 5, 6, 7, 8, 9, 10, 11]);
    }

    #[test]
    fn a_section_holds_for_the_programs_it_names_until_the_next() {
        let general = ["HostUptime(true)", "Cpus(Milli(4000))"];
        let with = |own: &str| format!("{} {own}", general.join(" "));
        let debug = format!("{:?}", Value::Debug(b"/tmp/a = b"));
        assert_eq!(settings(FILE, "cat"), general);
        assert_eq!(settings(FILE, ""), general);
        assert_eq!(settings(FILE, "javac").join(" "), with(&format!("Cpus(Milli(2000)) {debug}")));
        assert_eq!(settings(FILE, "java").join(" "), with(&format!("Cpus(Milli(2000)) {debug} Cpus(ByWeight)")));
        assert_eq!(settings(FILE, "myps").join(" "), with("Off(true)"));
    }

    #[test]
    fn names_are_those_that_the_kernel_keeps() {
        let holds = |names: &str, comm: &str| Names(names.as_bytes()).hold_for(comm.as_bytes());
        assert!(holds("a \t bc", "bc") && holds("bc", "bc"));
        assert!(!holds("abc", "bc") && !holds("bc", "b") && !holds("b", "bc") && !holds("a  b", ""));
        assert!(holds("gnome-terminal-server", "gnome-terminal-"));
        assert!(holds("exactly-15-byte", "exactly-15-byte"));
        assert!(!holds("gnome-terminal-server", "gnome-terminal"));
    }

    #[test]
    fn lines_below_a_bad_section_hold_for_nobody() {
        let file = "CGPROC_CPUS=1\n[java\nCGPROC_CPUS=2\n[sh]\nCGPROC_CPUS=3\n";
        assert_eq!(settings(file, "java"), ["Cpus(Milli(1000))"]);
        assert_eq!(settings(file, "sh"), ["Cpus(Milli(1000))", "Cpus(Milli(3000))"]);
        let long = format!("CGPROC_CPUS=1\n[{}]\nCGPROC_CPUS=2\n", "java ".repeat(200));
        assert_eq!(settings(long, "java"), ["Cpus(Milli(1000))"]);
    }

    #[test]
    fn a_line_may_be_as_long_as_the_buffer() {
        let room = size_of::<Buffer>();
        let value = |bytes: usize| format!("CGPROC=off{}\nCGPROC_CPUS=1\n", " ".repeat(bytes - 11));
        assert_eq!(settings(value(room), ""), ["Off(true)", "Cpus(Milli(1000))"]);
        assert_eq!(settings(value(room + 1), ""), ["Cpus(Milli(1000))"]);
        let x = "x".repeat(5000);
        let file = format!("# {x}\nCGPROC_DEBUG={x}\n[{x}\n{x}");
        let bad = |bad| format!("{:?}", Entry::Bad(bad));
        assert_eq!(entries(file, 100), [(2, bad(Bad::TooLong)), (3, bad(Bad::Section)), (4, bad(Bad::TooLong))]);
    }

    #[test]
    fn a_longest_value_has_room() {
        let path = "p".repeat(crate::settings::LONGEST_TEXT - 1);
        assert_eq!(settings(format!("  CGPROC_CGROUP\t=  /{path}  \n"), "").len(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told() {
        struct Broken;
        impl Source for Broken {
            fn read(&mut self, _: &mut [u8]) -> Option<usize> {
                None
            }

            fn rewind(&mut self) {}
        }
        assert_eq!(each(&mut Broken, &mut [0; _], |_, _| {}), None);
        assert_eq!(settings_for(&mut Broken, b"sh", &mut [0; _], |_| {}), None);
    }

    /// A generated line: a section for some programs, a number of CPUs, or something bad.
    #[derive(Clone, Debug)]
    enum Drawn {
        Section(Vec<&'static str>),
        Cpus(u64),
        Other(&'static str),
    }

    fn drawn() -> impl Strategy<Value = Drawn> {
        let names = prop::sample::subsequence(vec!["sh", "java", "ps"], 1..=3);
        let other = prop::sample::select(vec!["", "# [sh]", "x", "CGPROC=?", "CGPROC_MEMORY=high"]);
        prop_oneof![names.prop_map(Drawn::Section), (1..9_u64).prop_map(Drawn::Cpus), other.prop_map(Drawn::Other)]
    }

    proptest! {
        #[test]
        fn the_last_line_that_holds_wins(lines in prop::collection::vec(drawn(), 0..20), step in 1..50_usize) {
            let mut file = String::new();
            let mut holds = true;
            let mut expected = None;
            for line in &lines {
                match line {
                    Drawn::Section(names) => {
                        holds = names.contains(&"java");
                        file += &format!("[{}]\n", names.join(" "));
                    }
                    Drawn::Cpus(count) => {
                        expected = if holds { Some(CpuCount::Milli(count * 1000)) } else { expected };
                        file += &format!("CGPROC_CPUS = {count}\n");
                    }
                    Drawn::Other(text) => file += &format!("{text}\n"),
                }
            }
            let mut last = None;
            settings_for(&mut Bytes::in_steps(&file, step), b"java", &mut [0; _], |value| {
                if let Value::Cpus(count) = value {
                    last = Some(count);
                }
            })
            .unwrap();
            prop_assert_eq!(last, expected);
        }

        #[test]
        fn any_bytes_are_a_file(text in prop::collection::vec(any::<u8>(), 0..2000), step in 1..700_usize) {
            prop_assert_eq!(entries(&text, step), entries(&text, usize::MAX));
        }

        #[test]
        fn what_a_line_says_does_not_depend_on_blanks(line in "(CGPROC(_CPUS|_MEMORY|_X)?|\\[a|#)? ?(=| )(off|1|weight|high)?\\]?", before in "[ \t]{0,9}", after in "[ \t]{0,9}") {
            let spaced = format!("{before}{line}{after}\n");
            prop_assert_eq!(Entry::parse(spaced.as_bytes()), Entry::parse(line.trim().as_bytes()));
        }
    }
}
