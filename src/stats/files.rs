//! A cgroup's files, in the form in which calc reads them. Those that are read at every look stay open, as long as
//! descriptors and [`Room`] last: that takes a sixth of the time.

use crate::sampler::Directory;
use calc::{cgroup::CgroupFiles, source::Source};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::{Errno, pread, retry_on_intr},
};
use std::{
    cell::OnceCell,
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The files that stay open. The kernel keeps a page for each; limits, which seldom change, are not worth it.
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

/// How many files of all cgroups may still be kept open.
#[derive(Debug)]
pub(super) struct Room(AtomicUsize);

impl Room {
    /// The kernel has a page for each, which counts as this process's memory, and a user with a subtree can make many.
    const MOST: usize = 12_000;

    /// Whether there was room for one more, which then is taken.
    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl Default for Room {
    fn default() -> Self {
        Self(AtomicUsize::new(Self::MOST))
    }
}

/// The open files of a cgroup.
#[derive(Debug)]
pub(super) struct Kept {
    files: [OnceCell<Option<OwnedFd>>; KEPT.len()],
    room: Arc<Room>,
}

impl Kept {
    /// None yet.
    pub(super) fn new(room: &Arc<Room>) -> Self {
        Self { files: Default::default(), room: Arc::clone(room) }
    }

    /// The place of a file, if it is one that stays open.
    fn of(&self, name: &[u8]) -> Option<&OnceCell<Option<OwnedFd>>> {
        self.files.get(KEPT.iter().position(|it| it.as_bytes() == name)?)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let open = self.files.iter().filter(|file| matches!(file.get(), Some(Some(_)))).count();
        self.room.0.fetch_add(open, Ordering::Relaxed);
    }
}

/// A cgroup with its files.
#[derive(Clone, Copy)]
pub(super) struct Group<'g> {
    pub(super) directory: &'g Directory,
    pub(super) top: &'g OwnedFd,
    /// `None` if nothing is to be kept.
    pub(super) kept: Option<&'g Kept>,
}

impl<'g> Group<'g> {
    /// Opens a file, or finds it open.
    pub(super) fn file(&self, name: &[u8]) -> Result<Again<'g>, Errno> {
        let kept = self.kept.and_then(|kept| Some((kept, kept.of(name)?)));
        let Some((kept, slot)) = kept else { return self.open_once(name) };
        match slot.get() {
            Some(Some(file)) => return Ok(Again::of(file.as_fd())),
            Some(None) => return self.open_once(name),
            None => {}
        }
        let file = self.directory.file_to_keep(self.top, OsStr::from_bytes(name))?;
        match slot.get_or_init(|| file.filter(|_| kept.room.take())) {
            Some(file) => Ok(Again::of(file.as_fd())),
            None => self.open_once(name),
        }
    }

    /// Opens a file anew, and does not keep it.
    pub(super) fn open_once(&self, name: &[u8]) -> Result<Again<'g>, Errno> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::{Hierarchy, Root};
    use calc::board::Kind;
    use std::{fs, path::Path};

    #[test]
    fn as_many_stay_open_as_there_is_room() {
        let home = tempfile::tempdir().unwrap();
        ["cgroup.procs", "cpu.stat", "io.stat"].iter().for_each(|it| fs::write(home.path().join(it), "7\n").unwrap());
        let hierarchy = Hierarchy::open(Root::new(home.path().into(), vec![Kind::Unified]), 0, 0).unwrap();
        let directory = &hierarchy.nearest(Path::new("")).and_then(|it| hierarchy.node(it)).unwrap().directory;
        let room = Arc::new(Room(AtomicUsize::new(2)));
        let kept = Kept::new(&room);
        let group = Group { directory, top: hierarchy.top(), kept: Some(&kept) };
        let is_kept = |name: &str| matches!(group.file(name.as_bytes()).unwrap().file, Held::Kept(_));
        for _ in 0..2 {
            assert_eq!(["cpu.stat", "cgroup.procs", "io.stat"].map(is_kept), [true, true, false]);
        }
        assert_eq!(group.number(b"io.stat", &mut [0; 64]), Some(7), "it is read all the same");
        drop(kept);
        assert_eq!(room.0.load(Ordering::Relaxed), 2);
    }
}
