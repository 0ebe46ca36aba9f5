//! Files with a record of what was read: the record of a calculation lists its sources.

use crate::host::kernel::Placed;
use calc::source::{Directory, Files, Source};
use std::{cell::RefCell, ffi::CStr, rc::Rc};

/// A file that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Read {
    /// The last component of its path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit_once('/').map_or(&self.path, |(_, name)| name)
    }
}

/// `F` with a record of what was read. Copies share the record.
#[derive(Clone)]
pub(crate) struct Recorder<F> {
    files: F,
    reads: Record,
}

/// Opened files; without text if nothing was read.
type Record = Rc<RefCell<Vec<(String, Option<String>)>>>;

impl<F> Recorder<F> {
    /// With an empty record.
    pub(crate) fn new(files: F) -> Self {
        Self { files, reads: Rc::default() }
    }

    /// What has been read since the last call, in the order of opening; each file once, with the text read last.
    pub(crate) fn take(&self) -> Vec<Read> {
        let mut taken: Vec<Read> = Vec::new();
        let opened = self.reads.take().into_iter();
        for read in opened.filter_map(|(path, text)| Some(Read { path, text: text? })) {
            match taken.iter_mut().find(|known| known.path == read.path) {
                Some(known) => *known = read,
                None => taken.push(read),
            }
        }
        taken
    }
}

impl<F: Files> Files for Recorder<F> {
    type File = Recorded<F::File>;

    fn open(&self, path: &CStr) -> Option<Self::File> {
        let file = self.files.open(path)?;
        let mut reads = self.reads.borrow_mut();
        reads.push((path.to_string_lossy().into_owned(), None));
        Some(Recorded { file, reads: Rc::clone(&self.reads), at: reads.len() - 1 })
    }

    fn directory(&self, path: &CStr) -> Option<Directory> {
        self.files.directory(path)
    }

    fn file_system(&self, path: &CStr) -> Option<u64> {
        self.files.file_system(path)
    }
}

/// An open file whose text goes into the record.
pub(crate) struct Recorded<S> {
    file: S,
    reads: Record,
    at: usize,
}

impl<S: Placed> Placed for Recorded<S> {
    fn file_system(&self) -> Option<u64> {
        self.file.file_system()
    }
}

impl<S: Source> Source for Recorded<S> {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        let len = self.file.read(into)?;
        // After the record was taken, it no longer changes.
        if let Some((_, text)) = self.reads.borrow_mut().get_mut(self.at) {
            text.get_or_insert_default().push_str(&String::from_utf8_lossy(&into[..len]));
        }
        Some(len)
    }

    fn rewind(&mut self) {
        self.file.rewind();
        if let Some((_, text)) = self.reads.borrow_mut().get_mut(self.at) {
            *text = None;
        }
    }

    fn short_read_is_end(&self) -> bool {
        self.file.short_read_is_end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::kernel::{Kernel, whole};

    #[test]
    fn what_was_read_is_in_the_record() {
        let files = Recorder::new(Kernel);
        let mut version = files.open(c"/proc/version").unwrap();
        let text = String::from_utf8(whole(&mut version).unwrap()).unwrap();
        assert!(files.open(c"/proc/no-such-file").is_none());
        assert!(files.open(c"/proc/meminfo").is_some(), "opened, not read");
        assert_eq!(files.take(), [Read { path: "/proc/version".into(), text: text.clone() }]);
        version.rewind();
        whole(&mut version).unwrap();
        assert_eq!(files.take(), [], "a file that was open before is of the record before");
    }

    #[test]
    fn a_file_that_is_read_again_is_in_it_once() {
        let files = Recorder::new(Kernel);
        for _ in 0..2 {
            let mut version = files.open(c"/proc/version").unwrap();
            whole(&mut version).unwrap();
            version.rewind();
            version.read(&mut [0; 3]).unwrap();
        }
        assert_eq!(files.take(), [Read { path: "/proc/version".into(), text: "Lin".into() }]);
    }

    #[test]
    fn paths_are_taken_apart() {
        let read = Read { path: "/sys/fs/cgroup/a/memory.max".into(), text: String::new() };
        assert_eq!(read.name(), "memory.max");
    }
}
