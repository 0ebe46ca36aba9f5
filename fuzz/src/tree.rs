//! A machine in one text: files of /proc, /sys and of cgroups, as the fuzzer changes them.
//!
//! ```text
//! ? cpus 1500
//! @ /sys/fs/cgroup 1 3
//! = /proc/self/cgroup
//! 0::/a
//! = /sys/fs/cgroup/a/memory.max
//! 536870912
//! ```
//!
//! A line `= PATH` begins a file, up to the next such line; `@ PATH INODE LINKS` is a directory, `? KEY VALUE` what is
//! asked otherwise than usual. What follows a line `~ ` is how the same machine looks later.

use calc::source::{Directory, Files, Source};
use std::{
    cell::Cell,
    collections::BTreeMap,
    ffi::{CStr, OsStr},
    os::unix::ffi::OsStrExt,
};

/// The most files that an answer may open: some for each CPU of the largest machine, and those of a deep cgroup.
const MOST_OPENED: u32 = 8 * 2048 + 4096;

/// The machine.
#[derive(Debug, Default)]
pub(crate) struct Tree<'t> {
    files: BTreeMap<&'t [u8], &'t [u8]>,
    directories: BTreeMap<&'t [u8], Directory>,
    asked: BTreeMap<&'t [u8], &'t [u8]>,
    /// The most that one read delivers; 0 for as much as there is room for.
    step: usize,
    opened: Cell<u32>,
}

/// An open file of a tree.
#[derive(Clone, Debug)]
pub(crate) struct Bytes<'t> {
    all: &'t [u8],
    at: usize,
    step: usize,
}

impl<'t> Bytes<'t> {
    /// A file that is read in pieces of `step` bytes; 0 for reads that end only with the file.
    pub(crate) fn in_steps(all: &'t [u8], step: usize) -> Self {
        Self { all, at: 0, step }
    }
}

impl Source for Bytes<'_> {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        let rest = self.all.get(self.at..)?;
        let step = if self.step == 0 { usize::MAX } else { self.step };
        let count = rest.len().min(into.len()).min(step);
        into[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Some(count)
    }

    fn rewind(&mut self) {
        self.at = 0;
    }

    fn short_read_is_end(&self) -> bool {
        self.step == 0
    }
}

impl<'t> Tree<'t> {
    /// The machine that `text` describes. What has no form that it could be is left out.
    pub(crate) fn parse(text: &'t [u8]) -> Self {
        let mut tree = Self::default();
        let (mut path, mut begun, mut at) = (None, 0, 0);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let end = at;
            at += line.len();
            let Some((kind, rest)) =
                line.split_first_chunk::<2>().filter(|(kind, _)| b"=@?~".contains(&kind[0]) && kind[1] == b' ')
            else {
                continue;
            };
            if let Some(path) = path.take() {
                tree.files.insert(path, &text[begun..end]);
            }
            let rest = rest.strip_suffix(b"\n").unwrap_or(rest);
            match kind {
                b"= " => (path, begun) = (Some(rest), at),
                b"@ " => tree.add_directory(rest),
                b"? " => tree.add_asked(rest),
                _ => {}
            }
        }
        if let Some(path) = path {
            tree.files.insert(path, &text[begun..]);
        }
        tree
    }

    /// The machine at both times: before the line `~ `, and with what comes after it.
    pub(crate) fn parse_both(text: &'t [u8]) -> [Self; 2] {
        let before = text.windows(4).position(|four| four == b"\n~ \n").map_or(text, |at| &text[..=at]);
        [Self::parse(before), Self::parse(text)]
    }

    fn add_directory(&mut self, line: &'t [u8]) {
        let mut words = line.split(|byte| *byte == b' ');
        let path = words.next().unwrap_or_default();
        let mut number = || std::str::from_utf8(words.next()?).ok()?.parse().ok();
        if let (Some(inode), Some(links)) = (number(), number()) {
            self.directories.insert(path, Directory { inode, links });
        }
    }

    fn add_asked(&mut self, line: &'t [u8]) {
        if let Some(at) = line.iter().position(|byte| *byte == b' ') {
            self.asked.insert(&line[..at], &line[at + 1..]);
        }
    }

    /// The same machine, whose files are read in pieces.
    pub(crate) fn in_steps(self, step: usize) -> Self {
        Self { step, ..self }
    }

    /// What is asked under `key`.
    pub(crate) fn asked(&self, key: &str) -> Option<&'t [u8]> {
        self.asked.get(key.as_bytes()).copied()
    }

    /// The number asked under `key`.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        std::str::from_utf8(self.asked(key)?).ok()?.parse().ok()
    }

    /// The text of a file.
    pub(crate) fn text(&self, path: &str) -> Option<&'t [u8]> {
        self.files.get(path.as_bytes()).copied()
    }

    /// The paths of its files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &'t [u8]> {
        self.files.keys().copied()
    }

    /// A file, not counted.
    pub(crate) fn file(&self, path: &CStr) -> Option<Bytes<'t>> {
        Some(Bytes::in_steps(self.files.get(path.to_bytes()).copied()?, self.step))
    }

    /// The opens so far must be few.
    pub(crate) fn assert_cheap(&self) {
        assert!(self.opened.get() <= MOST_OPENED, "{} files were opened for one answer", self.opened.get());
        self.opened.set(0);
    }
}

impl<'t> Files for &Tree<'t> {
    type File = Bytes<'t>;

    fn open(&self, path: &CStr) -> Option<Bytes<'t>> {
        self.opened.set(self.opened.get() + 1);
        self.file(path)
    }

    fn directory(&self, path: &CStr) -> Option<Directory> {
        self.opened.set(self.opened.get() + 1);
        self.directories.get(path.to_bytes()).copied()
    }

    fn file_system(&self, path: &CStr) -> Option<u64> {
        let path = OsStr::from_bytes(path.to_bytes());
        path.as_bytes().starts_with(b"/sys/fs/cgroup").then(|| self.number("magic")).flatten()
    }
}
