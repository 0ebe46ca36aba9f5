//! The file that holds an answer: a memfd named after its path, so that any process that gets it knows what it is.
//!
//! Anybody can choose a name. So a file is ours only if its owner is root or our own user, and nobody else can write
//! to it.

use crate::{environment, fds, link, options, path, sys, sys::Fd};
use calc::{answer::Answer, text::Sink};
use core::{
    ffi::{CStr, c_int, c_uint},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// Never executable, as some systems require (`vm.memfd_noexec`). Kernels before 6.3 do not know it.
const MFD_NOEXEC_SEAL: c_uint = 8;
const EINVAL: c_int = -libc::EINVAL;

/// The owner rewrites an answer; a process that inherits its descriptor with another user's rights can only read.
const MODE: c_uint = 0o644;

static NO_NOEXEC_SEAL: AtomicBool = AtomicBool::new(false);

/// The [`kind`] that this kernel gives our files; 0 before the first.
static KIND: AtomicU64 = AtomicU64::new(0);

/// An answer being written. The file is created with its first byte, so an answer that fails costs nothing.
pub(crate) struct MemoryFile {
    answer: Answer,
    /// The kernel's own file, after which a new one is named.
    host: c_int,
    fd: Option<Fd>,
    len: u64,
    limit: u64,
}

impl MemoryFile {
    /// No file yet, but one that will replace `host`. `None` if the program may not write files at all.
    pub(crate) fn new(answer: Answer, host: c_int) -> Option<Self> {
        Some(Self { answer, host, fd: None, len: 0, limit: sys::file_size_limit()? })
    }

    /// The file of an earlier answer, opened for writing, to be rewritten from its start.
    pub(crate) fn again(answer: Answer, fd: Fd) -> Option<Self> {
        Some(Self { fd: Some(fd), ..Self::new(answer, -1)? })
    }

    /// Starts over: what follows overwrites what was written so far, whose length is returned.
    pub(crate) fn begin_anew(&mut self) -> u64 {
        core::mem::take(&mut self.len)
    }

    /// Puts the file over the program's descriptor `over`, reopened for reading with the program's `flags`.
    pub(crate) fn publish(mut self, over: c_int, flags: c_int) -> Option<()> {
        // An answer may be empty, like `/proc/diskstats` on a machine without disks.
        let fd = match self.fd.take() {
            Some(fd) => fd,
            None => with_path(self.answer, self.host, created)?,
        };
        if KIND.load(Relaxed) == 0 {
            kind_of_new(&fd)?;
        }
        let mut buffer = [0; 32];
        let link = link::of(fd.number(), &mut buffer)?;
        let reading = sys::open(link, libc::O_RDONLY | flags & libc::O_NONBLOCK)?;
        sys::dup3(&reading, over, flags & libc::O_CLOEXEC)?;
        fds::note(over);
        Some(())
    }

    /// Finishes a rewritten file: cuts off what is left of the earlier, longer text.
    pub(crate) fn finish_again(self, earlier_len: u64) -> Option<()> {
        if self.len < earlier_len { sys::ftruncate(self.fd.as_ref()?, self.len) } else { Some(()) }
    }
}

impl Sink for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len.checked_add(bytes.len() as u64)?;
        if end > self.limit {
            options::note([b"RLIMIT_FSIZE is below the size of an answer", b": passed through", b""]);
            return None;
        }
        if self.fd.is_none() {
            self.fd = Some(with_path(self.answer, self.host, created)?);
        }
        let written = sys::pwrite(self.fd.as_ref()?, bytes, self.len)?;
        self.len = end;
        (written == bytes.len()).then_some(())
    }
}

fn created(name: &CStr) -> Option<Fd> {
    let fd = empty(name)?;
    sys::fchmod(&fd, MODE)?;
    Some(fd)
}

fn empty(name: &CStr) -> Option<Fd> {
    if !NO_NOEXEC_SEAL.load(Relaxed) {
        match sys::memfd_create(name, MFD_NOEXEC_SEAL) {
            Err(EINVAL) => NO_NOEXEC_SEAL.store(true, Relaxed),
            other => return other.ok(),
        }
    }
    sys::memfd_create(name, 0).ok()
}

/// A file's device and seals: the same for all files of ours, and for no file on a file system that anybody mounts.
fn kind(fd: c_int, stat: &libc::stat) -> Option<u64> {
    Some(stat.st_dev & 0xffff_ffff | u64::from(sys::seals(fd)?) << 32)
}

/// The [`kind`] of our files.
fn own_kind() -> Option<u64> {
    match KIND.load(Relaxed) {
        0 => kind_of_new(&created(c"cgproc")?),
        known => Some(known),
    }
}

/// The [`kind`] of one of our files, which is that of all.
#[inline(never)]
fn kind_of_new(fd: &Fd) -> Option<u64> {
    let own = kind(fd.number(), &sys::fstat(fd.number())?)?;
    KIND.store(own, Relaxed);
    Some(own)
}

/// Room for a memory file's name, `/memfd:<path> (deleted)`, with the longest path that is answered.
const ROOM: usize = path::ROOM + 20;
const BEFORE_NAME: &[u8] = b"/memfd:";
const AFTER_NAME: &[u8] = b" (deleted)";

/// Lends the path of the kernel's own file behind `answer`; `fd` is that file or carries the answer.
pub(crate) fn with_path<T>(answer: Answer, fd: c_int, use_it: impl FnOnce(&CStr) -> Option<T>) -> Option<T> {
    match answer.path() {
        Some(path) => use_it(path),
        None => with_real_path(fd, use_it),
    }
}

/// Lends the path of a file of a family, which identifies the file.
#[cold]
#[inline(never)]
fn with_real_path<T>(fd: c_int, use_it: impl FnOnce(&CStr) -> Option<T>) -> Option<T> {
    let mut target = [0; ROOM];
    use_it(real_path(fd, &mut target)?)
}

/// Reads that path into a buffer: the part that all uses share.
#[inline(never)]
fn real_path(fd: c_int, target: &mut [u8; ROOM]) -> Option<&CStr> {
    let len = sys::readlink(link::of(fd, &mut [0; 32])?, target)?.len();
    let (from, to) = match name(target.get(..len)?) {
        Some(name) => (BEFORE_NAME.len(), BEFORE_NAME.len().checked_add(name.len())?),
        None => (0, len),
    };
    *target.get_mut(to)? = 0;
    CStr::from_bytes_until_nul(target.get(from..)?).ok()
}

/// A memory file's name, from the target of its link.
fn name(target: &[u8]) -> Option<&[u8]> {
    target.strip_prefix(BEFORE_NAME)?.strip_suffix(AFTER_NAME)
}

/// Opens the kernel's own file that `answer` replaces at `fd`.
#[inline(never)]
pub(crate) fn kernels_own(answer: Answer, fd: c_int) -> Option<Fd> {
    with_path(answer, fd, |path| sys::open(path, libc::O_RDONLY | libc::O_NOCTTY | libc::O_NONBLOCK))
}

/// An answer given before.
pub(crate) struct Given {
    pub(crate) answer: Answer,
    /// A descriptor of our own, to rewrite it. `None` if the program has given up the rights with which it made the
    /// file.
    pub(crate) writing: Option<Fd>,
    pub(crate) len: u64,
    /// Whether it was composed within the current tick of the clock, and need not be recomposed.
    pub(crate) is_current: bool,
}

/// The answer that the program's descriptor `fd` carries.
///
/// The number may be reused meanwhile, but we write only to the file that we checked.
#[inline(never)]
pub(crate) fn given(fd: c_int) -> Option<Given> {
    // The number is checked first, because opening and closing a stranger's file affects its locks.
    if !is_for_reading(fd) {
        return None;
    }
    let found = sys::fstat(fd)?;
    let answer = named(fd, &found)?;
    // The kernel stamps files by this clock.
    let now = sys::clock(libc::CLOCK_REALTIME_COARSE)?;
    let is_current = (now.tv_sec, now.tv_nsec) == (found.st_mtime, found.st_mtime_nsec);
    let writing = if is_current { None } else { for_writing(fd, &found)? };
    Some(Given { answer, writing, len: found.st_size as u64, is_current })
}

/// A descriptor of our own to write to the file `found` behind `fd`. `None` inside if we have no right to write to it,
/// outside if the number has become another file's.
#[inline(never)]
fn for_writing(fd: c_int, found: &libc::stat) -> Option<Option<Fd>> {
    let mut buffer = [0; 32];
    let writing = sys::open(link::of(fd, &mut buffer)?, libc::O_RDWR | libc::O_NONBLOCK | libc::O_NOCTTY);
    if let Some(opened) = &writing {
        // The same file has the same name, owner and seals.
        let now = sys::fstat(opened.number())?;
        if (now.st_dev, now.st_ino) != (found.st_dev, found.st_ino) {
            return None;
        }
    }
    Some(writing)
}

/// The answer that the descriptor `fd` carries, perhaps from another process.
///
/// `stat` is what the kernel says about it.
pub(crate) fn carried_by(fd: c_int, stat: &libc::stat) -> Option<Answer> {
    // A program with more rights than its caller gets the truth, because it may be about to trust it.
    named(fd, stat).filter(|_| is_for_reading(fd) && !environment::is_secure())
}

/// Like [`carried_by`], for a descriptor of which nothing is known yet.
pub(crate) fn carried(fd: c_int) -> Option<Answer> {
    if options::off() {
        return None;
    }
    carried_by(fd, &sys::fstat(fd)?)
}

/// The answer after which the memory file behind `fd` is named, if the file is ours.
#[inline(never)]
fn named(fd: c_int, stat: &libc::stat) -> Option<Answer> {
    if !is_kept_from_others(stat) || options::off() || !is_owned(stat.st_uid) {
        return None;
    }
    let answer = answer_named(fd)?;
    (kind(fd, stat)? == own_kind()?).then_some(answer)
}

/// Whether it is a file without a name, which only its owner can write to.
fn is_kept_from_others(stat: &libc::stat) -> bool {
    const MODE_BITS: u32 = libc::S_IFMT | libc::S_IWGRP | libc::S_IWOTH;
    stat.st_nlink == 0 && stat.st_mode & MODE_BITS == libc::S_IFREG
}

/// Whether the owner is root or the user whose rights we have. If the program has more rights than its caller, that
/// user may be the caller. Then what we say about a file does not depend on this ([`carried_by`]), and writing to the
/// caller's own file gives the caller nothing.
fn is_owned(owner: libc::uid_t) -> bool {
    owner == 0 || owner == sys::geteuid()
}

#[inline(never)]
fn answer_named(fd: c_int) -> Option<Answer> {
    let (mut buffer, mut target) = ([0; 32], [0; ROOM]);
    Answer::from_path(name(sys::readlink(link::of(fd, &mut buffer)?, &mut target)?)?)
}

/// Programs get our files for reading only. A program can write to a memory file that it made itself, whatever its
/// name.
fn is_for_reading(fd: c_int) -> bool {
    sys::status_flags(fd).is_some_and(|flags| flags & libc::O_ACCMODE == libc::O_RDONLY)
}
