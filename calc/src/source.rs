//! What the caller lends: files to read.

use core::ffi::CStr;

/// Room for a path, a small cgroup file or a line of it. All callers lend the same, so none answers what another
/// cannot.
pub type Scratch = [u8; 512];

/// Room for a piece of the kernel's own text, in whole lines, while another text is composed from it.
pub type Window = [u8; 768];

/// A file could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// An open file, read from its start to its end.
pub trait Source {
    /// Reads the next bytes into `into`; `Some(0)` at the end, `None` if the file cannot be read.
    fn read(&mut self, into: &mut [u8]) -> Option<usize>;

    /// Goes back to the start: reading then shows the file as it is at that time.
    fn rewind(&mut self);

    /// Whether a read that does not fill its buffer has reached the end.
    ///
    /// True for cgroup files and for /proc files that the kernel composes in one piece (`seq_file`'s `single_open`):
    /// it saves the final empty read. False for `/proc/cpuinfo` and `mountinfo`, which are iterated.
    fn short_read_is_end(&self) -> bool {
        true
    }
}

/// What is needed of a directory to tell cgroups apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Inode number. In a cgroup hierarchy it is the cgroup's id; the real root's is 1 (kernfs).
    pub inode: u64,
    /// Hard links: 2 + the number of subdirectories.
    pub links: u64,
}

/// A tree of small kernel files.
pub trait Files {
    /// An open file of this tree.
    type File: Source;

    /// Opens the file at the absolute `path`.
    fn open(&self, path: &CStr) -> Option<Self::File>;

    /// Looks at the directory at the absolute `path`; `None` if there is none.
    fn directory(&self, path: &CStr) -> Option<Directory>;

    /// The magic number of the file system that holds `path` (`statfs(2)`).
    fn file_system(&self, path: &CStr) -> Option<u64>;
}

/// Whether a read of `read` bytes into `room` has reached the end: after one that stops within a line, another tells. Behind the
/// last line of a list of CPUs, some kernels have a NUL (`cpumap_print_list_to_buf`).
#[inline(never)]
pub(crate) fn is_end(room: &[u8], read: usize, short_read_is_end: bool) -> bool {
    let ends_a_line = || matches!(room.get(read.wrapping_sub(1)), Some(b'\n' | 0));
    read == 0 || short_read_is_end && read < room.len() && ends_a_line()
}

/// All of `file`; `None` if it cannot be read or does not fit.
pub(crate) fn read_whole<'b>(file: &mut impl Source, into: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut len = 0_usize;
    loop {
        let room = into.get_mut(len..)?;
        if room.is_empty() {
            return None;
        }
        let read = file.read(room)?;
        let ended = is_end(room, read, file.short_read_is_end());
        len = len.checked_add(read)?;
        if ended {
            return into.get(..len);
        }
    }
}
