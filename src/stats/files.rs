//! A cgroup's files, in the form in which calc reads them. Those that are read at every look stay open, as long as
//! descriptors last: that takes a sixth of the time.

use crate::sampler::Directory;
use calc::{cgroup::CgroupFiles, source::Source};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::{Errno, pread, retry_on_intr},
};
use std::{
    cell::{Cell, OnceCell},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
};

/// The files that stay open, once they have been read; limits, which seldom change, are not worth it.
const KEPT: [&str; 19] = [
    "cgroup.procs",
    "cpuacct.usage",
    "cpuacct.stat",
    "cpu.stat",
    "memory.usage_in_bytes",
    "memory.current",
    "memory.stat",
    "memory.swap.current",
    "memory.oom_control",
    "memory.events",
    "blkio.throttle.io_service_bytes_recursive",
    "blkio.throttle.io_serviced_recursive",
    "blkio.bfq.io_service_bytes_recursive",
    "blkio.bfq.io_serviced_recursive",
    "io.stat",
    "pids.current",
    "cpu.pressure",
    "memory.pressure",
    "io.pressure",
];

/// The most files that stay open. The kernel has a page for each, which counts as this process's memory; and anybody who
/// has a subtree of cgroups can make many.
const MOST: usize = 12_000;

/// How many more files may stay open.
#[derive(Debug)]
pub(super) struct Budget(Cell<usize>);

impl Budget {
    /// What is left beside all `kept` files.
    pub(super) fn beside<'k>(kept: impl Iterator<Item = &'k Kept>) -> Self {
        Self(Cell::new(MOST.saturating_sub(kept.map(Kept::count).sum())))
    }

    fn spend(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }
}

/// The open files of a cgroup.
#[derive(Debug, Default)]
pub(super) struct Kept([OnceCell<Option<OwnedFd>>; KEPT.len()]);

impl Kept {
    fn count(&self) -> usize {
        self.0.iter().filter(|slot| matches!(slot.get(), Some(Some(_)))).count()
    }

    /// The place of a file, if it is one that stays open.
    fn of(&self, name: &[u8]) -> Option<&OnceCell<Option<OwnedFd>>> {
        self.0.get(KEPT.iter().position(|it| it.as_bytes() == name)?)
    }
}

/// A cgroup with its files.
#[derive(Clone, Copy)]
pub(super) struct Group<'g> {
    pub(super) directory: &'g Directory,
    pub(super) top: &'g OwnedFd,
    /// The files that are open, and how many more may be; `None` if none is to be kept.
    pub(super) kept: Option<(&'g Kept, &'g Budget)>,
}

impl<'g> Group<'g> {
    /// Opens a file, or finds it open.
    pub(super) fn file(&self, name: &[u8]) -> Result<Again<'g>, Errno> {
        let kept = self.kept.and_then(|(kept, budget)| Some((kept.of(name)?, budget)));
        let Some((slot, budget)) = kept else { return self.open_once(name) };
        match slot.get() {
            Some(Some(file)) => return Ok(Again::of(file.as_fd())),
            None if budget.spend() => {}
            _ => return self.open_once(name),
        }
        let file = self.directory.file_to_keep(self.top, OsStr::from_bytes(name))?;
        match slot.get_or_init(|| file) {
            Some(file) => Ok(Again::of(file.as_fd())),
            None => self.open_once(name),
        }
    }

    fn open_once(&self, name: &[u8]) -> Result<Again<'g>, Errno> {
        let file = self.directory.file(self.top, OsStr::from_bytes(name))?;
        Ok(Again { file: Held::Once(file), offset: 0 })
    }
}

impl<'g> CgroupFiles for Group<'g> {
    type File = Again<'g>;

    fn open(&self, name: &[u8], _: &mut [u8]) -> Option<Again<'g>> {
        self.file(name).ok()
    }
}

/// An open file, read from its start.
pub(super) struct Again<'g> {
    file: Held<'g>,
    offset: u64,
}

enum Held<'g> {
    Kept(BorrowedFd<'g>),
    Once(OwnedFd),
}

impl<'g> Again<'g> {
    /// A file that somebody else keeps.
    pub(super) fn of(file: BorrowedFd<'g>) -> Self {
        Self { file: Held::Kept(file), offset: 0 }
    }

    /// Reads the next bytes into `into`; 0 at the end.
    pub(super) fn next(&mut self, into: &mut [u8]) -> Result<usize, Errno> {
        let file = match &self.file {
            Held::Kept(file) => *file,
            Held::Once(file) => file.as_fd(),
        };
        let read = retry_on_intr(|| pread(file, &mut *into, self.offset))?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl Source for Again<'_> {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        self.next(into).ok()
    }

    fn rewind(&mut self) {
        self.offset = 0;
    }
}
