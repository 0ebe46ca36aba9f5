//! The memory files that carry our answers, in the same form as the object's.

use crate::{
    host::{clocks, kernel},
    see::answers::Asked,
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{
        AtFlags, FileType, MemfdFlags, Mode, OFlags, StatxFlags, fchmod, fchown, fstat, ftruncate, major, memfd_create,
        minor, open, readlink, statx,
    },
    io::{Errno, pwrite},
    process::Uid,
};
use std::{path::Path, sync::OnceLock};

/// A read-only file with this text, named after the file that it replaces. It is given to `owner`, who asked for it, if
/// we have the right; otherwise it stays ours, and is not recomposed for another user.
pub(super) fn new(asked: &Asked, text: &[u8], owner: Option<Uid>) -> Result<OwnedFd, Errno> {
    // Kernels before 6.3 lack this flag.
    let created = |flags| memfd_create(&asked.path, MemfdFlags::CLOEXEC | flags);
    let file = created(MemfdFlags::NOEXEC_SEAL).or_else(|_| created(MemfdFlags::empty()))?;
    // A process that inherits it with another user's rights can only read it.
    fchmod(&file, Mode::from_raw_mode(0o644))?;
    let _ = fchown(&file, owner, None);
    put(&file, text)?;
    open(kernel::link(&file), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

fn put(file: &OwnedFd, text: &[u8]) -> Result<(), Errno> {
    let mut done = 0;
    while done < text.len() {
        done += pwrite(file, &text[done..], done as u64)?;
    }
    Ok(())
}

/// An answer that a process has been given, opened so that we can rewrite it.
pub(super) struct Given {
    pub(super) asked: Asked,
    /// The user that it was composed for. Others may have inherited it.
    pub(super) owner: Uid,
    file: OwnedFd,
    len: u64,
    /// It was written within the current tick of the clock, so it need not be rewritten.
    pub(super) is_current: bool,
}

impl Given {
    /// The answer behind `link`, a descriptor in /proc/PID/fd. A file that is not one is never opened: anybody can
    /// mount or name a file so that the link's text looks like an answer's.
    pub(super) fn behind(link: &Path) -> Option<Self> {
        name_of(link)?;
        let found = open(link, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
        // Without asking whoever serves the file system.
        let as_known = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let stat = statx(&found, c"", as_known, StatxFlags::BASIC_STATS).ok()?;
        let is_in_memory = stat.stx_nlink == 0 && Some((stat.stx_dev_major, stat.stx_dev_minor)) == device();
        if !is_in_memory || FileType::from_raw_mode(stat.stx_mode.into()) != FileType::RegularFile {
            return None;
        }
        let asked = name_of(kernel::link(&found).as_ref())?;
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = open(kernel::link(&found), flags, Mode::empty()).ok()?;
        let written = stat.stx_mtime;
        let written_usec = u64::try_from(written.tv_sec).ok()? * 1_000_000 + u64::from(written.tv_nsec) / 1000;
        // The kernel stamps files with this clock.
        let is_current = clocks::now_usec(libc::CLOCK_REALTIME_COARSE) == written_usec;
        Some(Self { asked, owner: Uid::from_raw(stat.stx_uid), file, len: stat.stx_size, is_current })
    }

    /// Whether `text` is longer than what is there.
    pub(super) fn is_shorter_than(&self, text: &[u8]) -> bool {
        text.len() as u64 > self.len
    }

    /// Replaces what is there by `text`. A concurrent reader never finds an empty file.
    pub(super) fn put(&self, text: &[u8]) -> Result<(), Errno> {
        put(&self.file, text)?;
        let len = text.len() as u64;
        if len < self.len { ftruncate(self.file.as_fd(), len) } else { Ok(()) }
    }
}

/// The device that memory files are on, and no other file: anybody can imitate their names.
fn device() -> Option<(u32, u32)> {
    static DEVICE: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    let of_one = || {
        let device = fstat(memfd_create("cgproc", MemfdFlags::CLOEXEC).ok()?).ok()?.st_dev;
        Some((major(device), minor(device)))
    };
    *DEVICE.get_or_init(of_one)
}

/// The file that the memory file behind `link` is named after.
fn name_of(link: &Path) -> Option<Asked> {
    let target = readlink(link, Vec::new()).ok()?.into_bytes();
    Asked::at(target.strip_prefix(b"/memfd:")?.strip_suffix(b" (deleted)")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use calc::answer::Answer;
    use std::{fs, io::Read};

    #[test]
    fn what_is_given_can_be_written_again() {
        let asked = Asked::of(Answer::Meminfo).unwrap();
        let file = new(&asked, b"first text", None).unwrap();
        let given = Given::behind(kernel::link(&file).as_ref()).unwrap();
        assert_eq!((&given.asked, given.owner), (&asked, rustix::process::geteuid()));
        given.put(b"second").unwrap();
        let mut reading = fs::File::from(file);
        let mut text = String::new();
        reading.read_to_string(&mut text).unwrap();
        assert_eq!(text, "second");
        assert!(pwrite(&reading, b"x", 0).is_err(), "a process that is given it cannot write");
    }

    #[test]
    fn other_files_are_left_alone() {
        let own = fs::File::open("/proc/self/exe").unwrap();
        assert!(Given::behind(kernel::link(&own).as_ref()).is_none());
        let foreign = memfd_create("notes", MemfdFlags::CLOEXEC).unwrap();
        assert!(Given::behind(kernel::link(&foreign).as_ref()).is_none());
    }
}
