//! The process that made a call: its memory, and what /proc says about it. If anything here fails, the call passes.

use super::{hand::Hand, waits::Whose};
use crate::host::{
    foreign,
    kernel::{self, Kernel},
    object, preload_file, trusted,
};
use calc::source::{Files, Source};
use libc::{iovec, pid_t};
use rustix::{fd::OwnedFd, fs::readlink, process::Uid};
use std::{
    ffi::{CStr, CString, OsStr},
    fs::{self, File},
    io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::FileExt,
    },
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// A thread that waits for us.
#[derive(Clone, Copy)]
pub(super) struct Target<'h> {
    pub(super) thread: pid_t,
    /// Is told whenever something is looked at for which the process may make us wait.
    hand: Option<&'h Hand>,
}

/// Longer than any path that is answered.
const ROOM: usize = 192;

/// A path that a program has passed to a call.
pub(super) struct PassedPath {
    bytes: [u8; ROOM],
}

impl PassedPath {
    pub(super) fn text(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

impl<'h> Target<'h> {
    pub(super) fn new(thread: pid_t, hand: Option<&'h Hand>) -> Self {
        Self { thread, hand }
    }

    /// Calls `look`, which looks at something that the process can withhold from us: its memory, or what it has
    /// mounted. (Even opening what /proc has of its memory may wait.)
    pub(super) fn touching<T>(&self, look: impl FnOnce() -> Option<T>) -> Option<T> {
        match self.hand {
            Some(hand) => hand.touching(look),
            None => look(),
        }
    }

    /// The string at `address`; `None` if it is longer than any that concerns us.
    pub(super) fn path(&self, address: u64) -> Option<PassedPath> {
        let mut path = PassedPath { bytes: [0; ROOM] };
        let mut read = 0;
        while read < ROOM {
            let from = address.checked_add(read as u64)?;
            // Never reads past the end of a page: the next may be missing, and the string may end before it.
            let len = (ROOM - read).min(SMALLEST_PAGE - (from as usize % SMALLEST_PAGE));
            let piece = &mut path.bytes[read..read + len];
            self.read(from, piece)?;
            if piece.contains(&0) {
                return Some(path);
            }
            read += len;
        }
        None
    }

    /// Fills `into` with what the process has at `address`.
    pub(super) fn read(&self, address: u64, into: &mut [u8]) -> Option<()> {
        let local = iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
        let remote = iovec { iov_base: address as *mut libc::c_void, iov_len: into.len() };
        self.touching(|| {
            // SAFETY: one local buffer, whose length is given; the other address is in the other process, and the
            // kernel checks it.
            let read = unsafe { libc::process_vm_readv(self.thread, &raw const local, 1, &raw const remote, 1, 0) };
            match usize::try_from(read) {
                Ok(read) => (read == into.len()).then_some(()),
                Err(_) if is_no_call() => File::open(self.file("mem")).ok()?.read_exact_at(into, address).ok(),
                Err(_) => None,
            }
        })
    }

    /// Writes `bytes` to `address`, if the process may write there itself: /proc/PID/mem would write anywhere.
    pub(super) fn write(&self, address: u64, bytes: &[u8]) -> Option<()> {
        let local = iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let remote = iovec { iov_base: address as *mut libc::c_void, iov_len: bytes.len() };
        self.touching(|| {
            // SAFETY: one local buffer, whose length is given, and which is only read; the kernel checks the other
            // address.
            let written = unsafe { libc::process_vm_writev(self.thread, &raw const local, 1, &raw const remote, 1, 0) };
            match usize::try_from(written) {
                Ok(written) => (written == bytes.len()).then_some(()),
                Err(_) if is_no_call() && self.may_write(address, bytes.len()) => {
                    let memory = File::options().write(true).open(self.file("mem")).ok()?;
                    memory.write_all_at(bytes, address).ok()
                }
                Err(_) => None,
            }
        })
    }

    /// Whether all of these bytes are in one mapping that the process may write: the check that the kernel makes in the
    /// call for writing, if it has that call.
    fn may_write(&self, address: u64, len: usize) -> bool {
        let maps = self.text("maps").unwrap_or_default();
        let last = address.saturating_add(len as u64 - 1);
        maps.split(|byte| *byte == b'\n').any(|line| {
            let may = line.split(|byte| *byte == b' ').nth(1).is_some_and(|it| it.starts_with(b"rw"));
            may && Mapping::parse(line).is_some_and(|it| it.holds(address) && it.holds(last))
        })
    }

    /// The directory that a path is relative to: the process's own, or that of its descriptor `directory`. It is the
    /// kernel's own text; no file system is asked.
    pub(super) fn directory(&self, directory: i32) -> Option<Vec<u8>> {
        let link = if directory == libc::AT_FDCWD { "cwd".to_owned() } else { format!("fd/{directory}") };
        self.below_root(self.link(&link)?)
    }

    /// What a link in its directory of /proc leads to: the kernel's own text.
    pub(super) fn link(&self, name: &str) -> Option<Vec<u8>> {
        Some(readlink(self.file(name), Vec::new()).ok()?.into_bytes())
    }

    /// Finds what the process would get by `path`, from its root; nothing is opened for use yet. A symbolic link at the
    /// end is followed if `follows` says so.
    pub(super) fn find(&self, path: &Path, follows: bool) -> Option<OwnedFd> {
        self.touching(|| foreign::find(&self.file("root"), path, follows).ok())
    }

    /// The path of `file`, below the process's root.
    pub(super) fn path_of(&self, file: &OwnedFd) -> Option<Vec<u8>> {
        self.below_root(readlink(kernel::link(file), Vec::new()).ok()?.into_bytes())
    }

    fn below_root(&self, path: Vec<u8>) -> Option<Vec<u8>> {
        let root = readlink(self.file("root"), Vec::new()).ok()?.into_bytes();
        if root == b"/" {
            return Some(path);
        }
        let below = path.strip_prefix(&root[..])?;
        matches!(below.first(), None | Some(b'/')).then(|| below.to_vec())
    }

    /// Whether something else answers the call: it came from the preloaded library, or from the libc behind it, which
    /// needs the kernel's own files; or from this very command, which needs them too.
    pub(super) fn is_answered_elsewhere(&self, instruction: u64) -> bool {
        self.is_this_command() || self.is_answered_inside(instruction)
    }

    /// Compares the kernel's own texts: looking at the file itself might wait for whoever serves it.
    pub(super) fn is_this_command(&self) -> bool {
        static OWN: OnceLock<Option<CString>> = OnceLock::new();
        let own = OWN.get_or_init(|| readlink("/proc/self/exe", Vec::new()).ok());
        own.is_some() && readlink(self.file("exe"), Vec::new()).ok() == *own
    }

    fn is_answered_inside(&self, instruction: u64) -> bool {
        let look = || Some(is_answered_by_a_mapping(&mut Kernel.open(&self.c_file("maps"))?, instruction));
        self.touching(look) == Some(true)
    }

    /// The kernel's name for the program.
    pub(super) fn comm(&self) -> Vec<u8> {
        let mut comm = self.text("comm").unwrap_or_default();
        comm.truncate(comm.trim_ascii_end().len());
        comm
    }

    /// The beginning of the environment that the program was started with.
    pub(super) fn environment(&self) -> Vec<u8> {
        let mut environment = vec![0; MOST_ENVIRONMENT];
        let mut len = 0;
        self.touching(|| {
            let mut file = Kernel.open(&self.c_file("environ"))?;
            while let Some(read) = file.read(&mut environment[len..]).filter(|read| *read > 0) {
                len += read;
            }
            Some(())
        });
        // A variable that is cut off would mean something else.
        let is_cut = len == MOST_ENVIRONMENT;
        environment.truncate(if is_cut { environment.iter().rposition(|byte| *byte == 0).unwrap_or(0) } else { len });
        environment
    }

    /// The thread, by our numbers, that `pid` means in a call of this one: the caller itself, or the first thread of
    /// its process. Others are not ours to answer.
    pub(super) fn thread_of(&self, pid: pid_t) -> Option<pid_t> {
        if pid == 0 {
            return Some(self.thread);
        }
        let status = self.text("status")?;
        let numbers = |key: &str| {
            let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(key.as_bytes()))?;
            let numbers = str::from_utf8(line).ok()?.split_whitespace();
            Some(numbers.filter_map(|number| number.parse().ok()).collect::<Vec<pid_t>>())
        };
        // The numbers in each pid namespace, from ours to its own.
        let (thread, process) = (numbers("NSpid:")?, numbers("NStgid:")?);
        [thread, process].iter().find(|it| it.last() == Some(&pid)).and_then(|it| it.first().copied())
    }

    /// The user whose rights it has; `None` if our user namespace does not map that user: all such users look the same.
    pub(super) fn effective_user(&self) -> Option<Uid> {
        let status = self.text("status")?;
        let users = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
        let user = str::from_utf8(users).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()?;
        (!trusted::is_nobody_here(user)).then(|| Uid::from_raw(user))
    }

    /// The same for a process that may be gone.
    pub(super) fn whose(&self) -> Whose {
        match (self.effective_user(), fs::exists(self.file("status"))) {
            (Some(user), _) => Whose::User(user),
            (None, Ok(true)) => Whose::Unmapped,
            _ => Whose::Gone,
        }
    }

    /// Reads a short kernel file about it, in as few reads as possible.
    pub(super) fn text(&self, name: &str) -> Option<Vec<u8>> {
        kernel::whole(&mut Kernel.open(&self.c_file(name))?)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.thread).into()
    }

    pub(super) fn c_file(&self, name: &str) -> CString {
        CString::new(self.file(name).into_os_string().into_vec()).unwrap_or_default()
    }
}

/// Whether the call that just failed does not exist in this kernel, or is forbidden by a sandbox around us.
fn is_no_call() -> bool {
    matches!(io::Error::last_os_error().raw_os_error(), Some(libc::ENOSYS | libc::EPERM))
}

/// The most that is read of an environment: a program can make its own as large as it likes at no cost (PR_SET_MM,
/// prctl(2)).
const MOST_ENVIRONMENT: usize = 128 << 10;

/// The most that is read of a list of mappings, which a program can make as long as the kernel allows.
const MOST_MAPS: usize = 512 << 10;

/// Whether /proc/PID/maps says that the instruction is in libc or the library, and that the library is loaded. Reads no
/// more than necessary; if the list is too long, assumes that it is so, and the kernel answers.
fn is_answered_by_a_mapping(maps: &mut impl Source, instruction: u64) -> bool {
    let (mut is_libcs, mut has_library) = (false, false);
    let mut text = [0; 8192];
    let mut len = 0;
    let mut left = MOST_MAPS;
    loop {
        let Some(read) = maps.read(&mut text[len..]).filter(|read| *read > 0) else { return false };
        (len, left) = (len + read, left.saturating_sub(read));
        let end = text[..len].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for mapping in text[..end].split(|byte| *byte == b'\n').filter_map(Mapping::parse) {
            if mapping.holds(instruction) {
                is_libcs = mapping.is_of_libc();
                if !is_libcs {
                    return false;
                }
            }
            has_library |= mapping.is_ours();
            if is_libcs && has_library {
                return true;
            }
        }
        if left == 0 || end == 0 {
            return true;
        }
        text.copy_within(end..len, 0);
        len -= end;
    }
}

/// The smallest page size of any machine.
const SMALLEST_PAGE: usize = 4096;

/// A line of /proc/PID/maps.
pub(super) struct Mapping<'m> {
    from: u64,
    to: u64,
    name: &'m [u8],
    /// The last column.
    path: &'m [u8],
}

impl<'m> Mapping<'m> {
    pub(super) fn parse(line: &'m [u8]) -> Option<Self> {
        let range = str::from_utf8(line.split(|byte| *byte == b' ').next()?).ok()?;
        let (from, to) = range.split_once('-')?;
        let name = line.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |slash| &line[slash + 1..]);
        let path = line.splitn(6, |byte| *byte == b' ').nth(5).unwrap_or_default().trim_ascii();
        Some(Self { from: u64::from_str_radix(from, 16).ok()?, to: u64::from_str_radix(to, 16).ok()?, name, path })
    }

    pub(super) fn holds(&self, address: u64) -> bool {
        (self.from..self.to).contains(&address)
    }

    /// The path of its file, or the kernel's name for it; empty if it has neither.
    pub(super) fn path(&self) -> &'m [u8] {
        self.path
    }

    /// Whether it is of the library, or of the witness before it.
    pub(super) fn is_ours(&self) -> bool {
        preload_file::is_ours(OsStr::from_bytes(self.name).as_ref()) || self.is_witness()
    }

    pub(super) fn is_witness(&self) -> bool {
        object::is_witness(OsStr::from_bytes(self.name).as_ref())
    }

    pub(super) fn is_of_libc(&self) -> bool {
        self.is_ours() || is_a_libc(self.name)
    }
}

/// Whether an object's path is that of a C library, its loader, or a library of ours.
pub(crate) fn is_of_libc(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    Mapping { from: 0, to: 0, name, path }.is_of_libc()
}

fn is_a_libc(name: &[u8]) -> bool {
    const LIBCS: [&str; 6] = ["libc.so", "libc-", "libc.musl-", "libpthread", "ld-linux", "ld-"];
    LIBCS.iter().any(|libc| name.starts_with(libc.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsRawFd;

    fn own() -> Target<'static> {
        Target::new(i32::try_from(std::process::id()).unwrap(), None)
    }

    #[test]
    fn strings_of_a_process() {
        let text = c"/proc/meminfo";
        let path = own().path(text.as_ptr() as u64).unwrap();
        assert_eq!(path.text(), text);
        let long = [b'x'; ROOM];
        assert!(own().path(long.as_ptr() as u64).is_none());
        assert!(own().path(8).is_none());
    }

    #[test]
    fn a_string_at_the_end_of_what_is_mapped() {
        // SAFETY: a new mapping, whose second half is unmapped again.
        let page = unsafe {
            let two = libc::mmap(std::ptr::null_mut(), 2 * 65536, 3, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
            assert_eq!(libc::munmap(two.byte_add(65536), 65536), 0);
            std::slice::from_raw_parts_mut(two.cast::<u8>(), 65536)
        };
        page[65536 - 6..].copy_from_slice(b"/proc\0");
        let end = page.as_ptr() as u64 + 65536;
        assert_eq!(own().path(end - 6).unwrap().text(), c"/proc");
        page[65535] = b'x';
        assert!(own().path(end - 6).is_none());
    }

    #[test]
    fn files_as_the_process_sees_them() {
        let real = |path: &str, follows| own().path_of(&own().find(path.as_ref(), follows)?);
        assert_eq!(real("/proc//sys/../meminfo", true).unwrap(), b"/proc/meminfo");
        assert!(real("/no/such/file", true).is_none());
        assert_eq!(real("/proc/self", false).unwrap(), b"/proc/self");
        assert!(real("/proc/self/root/proc/meminfo", true).is_none(), "magic links are the supervisor's own");
        let dir = File::open("/proc").unwrap();
        assert_eq!(own().directory(dir.as_raw_fd()).unwrap(), b"/proc");
        assert!(own().directory(999).is_none());
    }

    #[test]
    fn whom_a_number_means() {
        let process = own().thread;
        assert_eq!(own().thread_of(0), Some(process));
        assert_eq!(own().thread_of(process), Some(process));
        assert_eq!(own().thread_of(1), None);
    }

    #[test]
    fn who_makes_a_call() {
        let parse = |line: &'static str| Mapping::parse(line.as_bytes()).unwrap();
        let libc = parse("7f00-7fff r-xp 00000000 fe:00 12 /usr/lib/x86_64-linux-gnu/libc.so.6");
        assert!(libc.holds(0x7f00) && !libc.holds(0x7fff) && libc.is_of_libc() && !libc.is_ours());
        let program = parse("400000-401000 r-xp 00000000 fe:00 12 /usr/local/bin/exporter");
        assert!(!program.is_of_libc());
        assert!(parse("1-2 r-xp 00000000 fe:00 12 /usr/lib/libcgproc.so").is_ours());
        assert!(!parse("1-2 rw-p 00000000 00:00 0 [heap]").is_of_libc());
        assert!(Mapping::parse(b"").is_none());
    }

    /// A list of mappings, of which at most this many bytes may be read.
    struct Maps(Box<dyn Iterator<Item = u8>>, usize);

    impl Source for Maps {
        fn read(&mut self, into: &mut [u8]) -> Option<usize> {
            let bytes: Vec<u8> = self.0.by_ref().take(into.len()).collect();
            into[..bytes.len()].copy_from_slice(&bytes);
            self.1 = self.1.checked_sub(bytes.len()).expect("read for nothing");
            Some(bytes.len())
        }

        fn rewind(&mut self) {}
    }

    const PROGRAM: &str = "400000-401000 r-xp 00000000 fe:00 12 /usr/local/bin/exporter\n";
    const LIBRARY: &str = "7e00-7e10 r-xp 00000000 fe:00 12 /usr/lib/libcgproc.so\n";
    const LIBC: &str = "7f00-7fff r-xp 00000000 fe:00 12 /usr/lib/x86_64-linux-gnu/libc.so.6\n";

    #[test]
    fn mappings_are_read_as_far_as_it_takes() {
        let endless =
            || (0_u64..).flat_map(|at| format!("{0:x}-{0:x} rw-p 00000000 00:00 0\n", 1 << 40 | at).into_bytes());
        let of = |first: &str, most| Maps(Box::new(first.to_owned().into_bytes().into_iter().chain(endless())), most);
        assert!(!is_answered_by_a_mapping(&mut of(PROGRAM, 8192), 0x40_0500), "its first mapping says so");
        assert!(is_answered_by_a_mapping(&mut of(&[LIBRARY, LIBC].concat(), 8192), 0x7f10));
        assert!(is_answered_by_a_mapping(&mut of(LIBC, MOST_MAPS + 8192), 0x7f10), "the kernel answers");
        let ended = |text: &str| Maps(Box::new(text.to_owned().into_bytes().into_iter()), text.len());
        assert!(!is_answered_by_a_mapping(&mut ended(LIBC), 0x7f10), "there is no library");
        assert!(!is_answered_by_a_mapping(&mut ended(""), 0x7f10));
        assert!(is_answered_by_a_mapping(&mut ended(&[LIBC, LIBRARY].concat()), 0x7f10));
    }

    #[test]
    fn memory_is_written_where_the_process_may() {
        let page = |protection| {
            // SAFETY: a new mapping, which stays.
            let page = unsafe {
                libc::mmap(std::ptr::null_mut(), 4096, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
            };
            assert_ne!(page, libc::MAP_FAILED);
            page as u64
        };
        let writable = page(libc::PROT_READ | libc::PROT_WRITE);
        assert_eq!(own().write(writable, b"text"), Some(()));
        let mut there = [0; 4];
        assert_eq!(own().read(writable, &mut there), Some(()));
        assert_eq!(&there, b"text");
        assert_eq!(own().write(page(libc::PROT_READ), b"text"), None);
        assert_eq!(own().write(page(libc::PROT_NONE), b"text"), None);
        assert_eq!(own().read(page(libc::PROT_NONE), &mut there), None);
    }
}
