//! The running kernel's files.
//!
//! Others name some of the paths (`CGPROC_CGROUP`), and we may have more rights than they do. So a file is opened
//! directly only below /proc and /sys, where only root could have put something else; anything else is examined first.
//! No read blocks, and none is unbounded.

use calc::source::{Directory, Files, Source};
use rustix::{
    fd::OwnedFd,
    fs::{
        CWD, FileType, Mode, OFlags, ResolveFlags, SeekFrom, fstat, fstatfs, open, openat2, readlink, seek, stat,
        statfs,
    },
    io::{self, Errno},
    path::Arg,
};
use std::{
    ffi::{CStr, CString},
    os::fd::AsRawFd,
};

/// The running kernel's files, read past libc, so an object preloaded into this very process does not answer.
#[derive(Clone, Copy)]
pub(crate) struct Kernel;

/// An open file, and how much may still be read of it.
pub(crate) struct Reading {
    file: OwnedFd,
    left: usize,
}

/// An open file that knows its file system.
pub(crate) trait Placed {
    /// The magic number of its file system (`statfs(2)`): that of the open file, whatever is at its path by now.
    fn file_system(&self) -> Option<u64>;
}

/// How much is read of one of the kernel's files, however often from its start: the library's bound (shim/src/kernel.rs).
const KERNELS_MOST: usize = 64 << 20;

/// The same for a file that somebody named: of a declared view, or of settings.
const PLAIN_MOST: usize = 4 << 20;

/// With these flags, opening does not block, acquire a terminal, leak to children or follow a link.
const FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Files for Kernel {
    type File = Reading;

    fn open(&self, path: &CStr) -> Option<Reading> {
        if !is_below_the_kernels(path) {
            return looked_at(path, true);
        }
        // Magic links such as /proc/PID/root lead out again.
        match openat2(CWD, path, FLAGS, Mode::empty(), ResolveFlags::NO_MAGICLINKS) {
            Ok(file) => Some(Reading::new(file, KERNELS_MOST)),
            // A kernel before 5.6, a system call filter, or the name of a namespace.
            Err(Errno::NOSYS | Errno::PERM | Errno::LOOP) => looked_at(path, false),
            Err(_) => None,
        }
    }

    fn directory(&self, path: &CStr) -> Option<Directory> {
        let stat = stat(path).ok()?;
        (FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
            .then_some(Directory { inode: stat.st_ino, links: stat.st_nlink as u64 })
    }

    fn file_system(&self, path: &CStr) -> Option<u64> {
        u64::try_from(statfs(path).ok()?.f_type).ok()
    }
}

/// Whether `path` stays within /proc or /sys; `..` could lead out again.
fn is_below_the_kernels(path: &CStr) -> bool {
    let path = path.to_bytes();
    let is_inside = [&b"/proc/"[..], b"/sys/"].iter().any(|top| path.starts_with(top));
    is_inside && path.split(|byte| *byte == b'/').all(|part| part != b"..")
}

/// Opens the file at `path` once it is known to be the kernel's, or a regular file if `may_be_plain`.
fn looked_at(path: &CStr, may_be_plain: bool) -> Option<Reading> {
    let itself = if may_be_plain { OFlags::NOFOLLOW } else { OFlags::empty() };
    let found = open(path, OFlags::PATH | OFlags::CLOEXEC | itself, Mode::empty()).ok()?;
    let most = if is_the_kernels(fstatfs(&found).ok()?.f_type) {
        KERNELS_MOST
    } else if may_be_plain && FileType::from_raw_mode(fstat(&found).ok()?.st_mode) == FileType::RegularFile {
        PLAIN_MOST
    } else {
        return None;
    };
    Some(Reading::new(reopened(&found).ok()?, most))
}

/// The time that a thread has run or been runnable, from its /proc/PID/schedstat; `None` if the kernel does not count
/// it.
pub(crate) fn ran_nsec(schedstat: &CStr) -> Option<u64> {
    let text = whole(&mut Kernel.open(schedstat)?)?;
    let mut times = str::from_utf8(&text).ok()?.split_ascii_whitespace().map(str::parse);
    match (times.next()?, times.next()?) {
        (Ok::<u64, _>(ran), Ok::<u64, _>(runnable)) => ran.checked_add(runnable),
        _ => None,
    }
}

/// Whether this is the magic number of a file system whose files are the kernel's own.
fn is_the_kernels(magic: rustix::fs::FsWord) -> bool {
    const NSFS: rustix::fs::FsWord = 0x6e73_6673;
    const SYSFS: rustix::fs::FsWord = 0x6265_6572;
    [libc::PROC_SUPER_MAGIC, libc::CGROUP_SUPER_MAGIC, libc::CGROUP2_SUPER_MAGIC, SYSFS, NSFS].contains(&magic)
}

impl Reading {
    /// A regular file that was opened elsewhere.
    pub(crate) fn plain(file: OwnedFd) -> Self {
        Self::new(file, PLAIN_MOST)
    }

    fn new(file: OwnedFd, most: usize) -> Self {
        Self { file, left: most }
    }
}

impl Placed for Reading {
    fn file_system(&self) -> Option<u64> {
        u64::try_from(fstatfs(&self.file).ok()?.f_type).ok()
    }
}

impl Source for Reading {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        let room = into.len().min(self.left);
        // We know no file that is longer.
        let into = into.get_mut(..room).filter(|into| !into.is_empty())?;
        let read = io::retry_on_intr(|| io::read(&self.file, &mut *into)).ok()?;
        self.left -= read;
        Some(read)
    }

    fn rewind(&mut self) {
        // A kernel file that can be read can be read again.
        let _ = seek(&self.file, SeekFrom::Start(0));
    }
}

/// The path of `path` without symbolic links.
pub(crate) fn real_path(path: impl Arg) -> Option<Vec<u8>> {
    let file = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    readlink(link(&file), Vec::new()).ok().map(CString::into_bytes)
}

/// The link through which a file that we have open can be examined and reopened.
pub(crate) fn link(file: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Opens for reading a file that was found (`O_PATH`) and examined. Waits for nobody, and takes no terminal.
pub(crate) fn reopened(found: &impl AsRawFd) -> io::Result<OwnedFd> {
    // Its link is to be followed.
    open(link(found), FLAGS.difference(OFlags::NOFOLLOW), Mode::empty())
}

/// Reads the whole file.
pub(crate) fn whole(file: &mut impl Source) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16384];
    loop {
        match file.read(&mut chunk)? {
            0 => return Some(bytes),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::mkfifoat;
    use std::{
        ffi::OsString,
        fs,
        os::unix::{ffi::OsStringExt, fs::symlink},
        path::PathBuf,
    };

    fn opened(path: impl Into<PathBuf>) -> Option<Reading> {
        let path = CString::new(OsString::from(path.into()).into_vec()).unwrap();
        Kernel.open(&path)
    }

    #[test]
    fn what_may_wait_or_act_or_lead_elsewhere_is_not_opened() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        fs::write(home.join("plain"), "12\n").unwrap();
        mkfifoat(CWD, home.join("fifo"), Mode::from_raw_mode(0o600)).unwrap();
        symlink(home.join("plain"), home.join("link")).unwrap();
        fs::File::create(home.join("sparse")).unwrap().set_len(3 << 30).unwrap();
        let text = opened(home.join("plain")).and_then(|mut file| whole(&mut file));
        let refused = ["fifo", "link", "missing"].map(|name| opened(home.join(name)).is_none());
        let long = opened(home.join("sparse")).map(|mut file| whole(&mut file));
        // Out of /proc again, into the same file system.
        let through = opened(format!("/proc/self/root{}", home.join("plain").display()));
        fs::write(home.join("long"), vec![b'x'; PLAIN_MOST + 1]).unwrap();
        let up = ["/sys/..", "/proc/../proc/.."].map(|top| {
            let by_steps_up = opened(format!("{top}{}", home.join("long").display()));
            by_steps_up.map(|mut file| whole(&mut file).map(|text| text.len()))
        });
        assert_eq!(text.as_deref(), Some(&b"12\n"[..]));
        assert_eq!(refused, [true; 3]);
        assert_eq!(long, Some(None), "a file without an end has no text");
        assert!(through.is_none());
        assert_eq!(up, [Some(None); 2], "read as far as what is not the kernel's");
        assert!(opened("/dev/zero").is_none());
    }

    #[test]
    fn a_file_that_somebody_named_is_not_reread_for_ever() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("io.stat");
        fs::write(&path, vec![b'x'; PLAIN_MOST / 4]).unwrap();
        let mut file = opened(path).unwrap();
        let times = std::iter::from_fn(|| {
            file.rewind();
            whole(&mut file)
        });
        assert_eq!(times.take(9).count(), 3, "the fourth reading would end where the bound is");
    }

    #[test]
    fn the_kernels_files_are() {
        for path in ["/proc/version", "/proc/self/cgroup", "/proc/self/ns/user", "/sys/devices/system/cpu/online"] {
            assert!(opened(path).is_some(), "{path}");
        }
        let mut version = opened("/proc/version").unwrap();
        assert_eq!(version.file_system(), u64::try_from(libc::PROC_SUPER_MAGIC).ok());
        let first = whole(&mut version).unwrap();
        version.rewind();
        assert_eq!(whole(&mut version).unwrap(), first);
    }
}
