//! Files in memory, for tests.

use crate::{
    source::{Directory, Files, Source},
    text::{Sink, Text},
};
use core::ffi::CStr;
use std::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};

/// A file's bytes, delivered a few at a time.
#[derive(Clone, Debug)]
pub(crate) struct Bytes {
    all: Vec<u8>,
    at: usize,
    /// The most that one read delivers.
    step: usize,
    cannot_be_read: bool,
}

impl Bytes {
    pub(crate) fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self::in_steps(bytes, usize::MAX)
    }

    pub(crate) fn in_steps(bytes: impl AsRef<[u8]>, step: usize) -> Self {
        Self { all: bytes.as_ref().to_vec(), at: 0, step, cannot_be_read: false }
    }
}

impl Source for Bytes {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        if self.cannot_be_read {
            return None;
        }
        let rest = &self.all[self.at..];
        let count = rest.len().min(into.len()).min(self.step);
        into[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Some(count)
    }

    fn rewind(&mut self) {
        self.at = 0;
    }

    fn short_read_is_end(&self) -> bool {
        self.step == usize::MAX
    }
}

/// A tree of files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, Vec<u8>>,
    directories: BTreeMap<String, Directory>,
    file_systems: BTreeMap<String, u64>,
    /// Files that can be opened but not read.
    unreadable: BTreeSet<String>,
}

impl Tree {
    pub(crate) fn with(mut self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.files.insert(path.to_string(), text.as_ref().to_vec());
        self
    }

    pub(crate) fn with_directory(mut self, path: &str, inode: u64, links: u64) -> Self {
        self.directories.insert(path.to_string(), Directory { inode, links });
        self
    }

    pub(crate) fn without(mut self, path: &str) -> Self {
        assert!(self.files.remove(path).is_some(), "{path}");
        self
    }

    pub(crate) fn with_unreadable(mut self, path: &str) -> Self {
        self.unreadable.insert(path.to_string());
        self
    }

    pub(crate) fn without_directory(mut self, path: &str) -> Self {
        assert!(self.directories.remove(path).is_some(), "{path}");
        self
    }

    pub(crate) fn with_file_system(mut self, path: &str, magic: u64) -> Self {
        self.file_systems.insert(path.to_string(), magic);
        self
    }
}

impl Files for Tree {
    type File = Bytes;

    fn open(&self, path: &CStr) -> Option<Bytes> {
        let path = path.to_str().ok()?;
        let unreadable = || Bytes { cannot_be_read: true, ..Bytes::new("") };
        self.files.get(path).map(Bytes::new).or_else(|| self.unreadable.contains(path).then(unreadable))
    }

    fn directory(&self, path: &CStr) -> Option<Directory> {
        self.directories.get(path.to_str().ok()?).copied()
    }

    fn file_system(&self, path: &CStr) -> Option<u64> {
        self.file_systems.get(path.to_str().ok()?).copied()
    }
}

impl Sink for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.extend_from_slice(bytes);
        Some(())
    }
}

/// The text that `compose` writes; `None` if it gives up.
pub(crate) fn composed(compose: impl FnOnce(&mut Text<'_, Vec<u8>>) -> Option<()>) -> Option<String> {
    let mut bytes = Vec::new();
    let mut text = Text::new(&mut bytes);
    compose(&mut text)?;
    text.finish()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
