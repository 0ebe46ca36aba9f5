//! The kind of a program or library: the parts of an ELF file that the loader looks at first (elf(5)).

use rustix::io::Errno;
use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
};

/// A file that can be loaded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Elf {
    /// 64 or 32.
    pub(crate) bits: u32,
    /// `e_machine`.
    pub(crate) machine: u16,
    /// The loader that the program asks for; a static program has none. Not read if `bits` is 32.
    pub(crate) interpreter: Option<String>,
    /// Whether it has the Go linker's note. Go programs make system calls themselves, with or without a loader.
    pub(crate) is_go: bool,
}

impl Elf {
    /// Whether the program's system calls bypass preloaded libraries.
    pub(crate) fn goes_past_libc(&self) -> bool {
        self.bits == 64 && (!self.has_known_loader() || self.is_go)
    }

    /// Whether the program's loader, glibc's or musl's, preloads the library.
    pub(crate) fn has_known_loader(&self) -> bool {
        self.loader().is_some_and(|name| name.starts_with("ld-linux")) || self.uses_musl()
    }

    /// Whether its loader, and so its C library, is musl's.
    pub(crate) fn uses_musl(&self) -> bool {
        self.loader().is_some_and(|name| name.starts_with("ld-musl"))
    }

    fn loader(&self) -> Option<&str> {
        self.interpreter.as_deref()?.rsplit('/').next()
    }
}

/// Why a file cannot be loaded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Missing,
    Unreadable,
    /// Not an ELF file, or not a regular file.
    Foreign,
    /// Shorter than its own headers say.
    Truncated,
}

/// The machine that this program was built for.
pub(crate) const MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// Length of the file's header; program headers follow it.
pub(crate) const HEAD: u64 = 64;

pub(crate) fn read(file: &File) -> Result<Elf, Fault> {
    let len = file.metadata()?.len();
    let mut head = [0; HEAD as usize];
    let read = file.read_at(&mut head, 0)?;
    if !head.starts_with(b"\x7fELF") {
        return Err(Fault::Foreign);
    }
    if read < head.len() {
        return Err(Fault::Truncated);
    }
    let mut elf =
        Elf { bits: if head[4] == 2 { 64 } else { 32 }, machine: half(&head, 18), interpreter: None, is_go: false };
    if elf.bits == 64 {
        let segments = Segments { file, at: word(&head, 32), size: half(&head, 54), count: half(&head, 56) };
        segments.describe(len, &mut elf)?;
    }
    Ok(elf)
}

/// The name that a 64-bit library has for the loader (`DT_SONAME`), whatever its file is called.
pub(crate) fn soname(file: &File) -> Option<String> {
    const PT_LOAD: u32 = 1;
    const PT_DYNAMIC: u32 = 2;
    const DT_STRTAB: u64 = 5;
    const DT_SONAME: u64 = 14;
    const LONGEST: usize = 64;
    read(file).ok().filter(|elf| elf.bits == 64)?;
    let mut head = [0; HEAD as usize];
    file.read_exact_at(&mut head, 0).ok()?;
    let segments = Segments { file, at: word(&head, 32), size: half(&head, 54), count: half(&head, 56) };
    let headers: Vec<[u8; 56]> = (0..segments.count).map_while(|index| segments.header(index).ok()).collect();
    let of_kind = |kind| headers.iter().filter(move |header| kind_of(header) == kind);
    let dynamic = of_kind(PT_DYNAMIC).next()?;
    let entries = segments.bytes(word(dynamic, 8), word(dynamic, 32)).ok()?;
    let entry = |tag| entries.chunks_exact(16).find(|entry| word(entry, 0) == tag).map(|entry| word(entry, 8));
    let at = entry(DT_STRTAB)?.checked_add(entry(DT_SONAME)?)?;
    // The table's address is where it is loaded, not where it is in the file.
    let within = |load: &&[u8; 56]| at.checked_sub(word(*load, 16)).is_some_and(|into| into < word(*load, 32));
    let load = of_kind(PT_LOAD).find(within)?;
    let mut name = [0; LONGEST];
    let read = file.read_at(&mut name, word(load, 8).checked_add(at - word(load, 16))?).ok()?;
    let name = name[..read].split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(name).into_owned())
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Missing,
            _ => Self::Unreadable,
        }
    }
}

impl From<Errno> for Fault {
    fn from(error: Errno) -> Self {
        io::Error::from(error).into()
    }
}

/// The program headers.
struct Segments<'f> {
    file: &'f File,
    at: u64,
    size: u16,
    count: u16,
}

impl Segments<'_> {
    /// Fills in what the segments say about the program; all must lie within the `len` bytes of the file.
    fn describe(&self, len: u64, elf: &mut Elf) -> Result<(), Fault> {
        const PT_INTERP: u32 = 3;
        const PT_NOTE: u32 = 4;
        for index in 0..self.count {
            let header = self.header(index)?;
            let (offset, size) = (word(&header, 8), word(&header, 32));
            if offset.saturating_add(size) > len {
                return Err(Fault::Truncated);
            }
            match kind_of(&header) {
                PT_INTERP => {
                    let path = self.bytes(offset, size)?;
                    elf.interpreter = Some(String::from_utf8_lossy(&path).trim_end_matches('\0').to_owned());
                }
                PT_NOTE => elf.is_go |= is_gos(&self.bytes(offset, size)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn header(&self, index: u16) -> Result<[u8; 56], Fault> {
        let mut header = [0; 56];
        let at = self.at.saturating_add(u64::from(index) * u64::from(self.size));
        self.file.read_exact_at(&mut header, at).map_err(|_| Fault::Truncated)?;
        Ok(header)
    }

    /// A segment's bytes, at most as many as a path can have.
    fn bytes(&self, offset: u64, size: u64) -> Result<Vec<u8>, Fault> {
        const LONGEST_PATH: u64 = 4096;
        let mut bytes = vec![0; usize::try_from(size.min(LONGEST_PATH)).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, offset).map_err(|_| Fault::Truncated)?;
        Ok(bytes)
    }
}

/// What a program header describes.
fn kind_of(header: &[u8; 56]) -> u32 {
    u32::from_le_bytes([header[0], header[1], header[2], header[3]])
}

/// Whether one of these notes is the Go linker's. A note has the lengths of its name and text, its type, and its name.
pub(crate) fn is_gos(notes: &[u8]) -> bool {
    notes.windows(16).step_by(4).any(|note| note.starts_with(&[4, 0, 0, 0]) && note.ends_with(b"Go\0\0"))
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io::Write, path::Path};

    fn of(bytes: &[u8]) -> Result<Elf, Fault> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        read(&file)
    }

    #[test]
    fn a_program_names_its_loader() {
        let own = read(&File::open("/proc/self/exe").unwrap()).unwrap();
        assert_eq!((own.bits, own.machine), (64, MACHINE));
        assert!(own.interpreter.is_some_and(|path| Path::new(&path).exists()));
    }

    #[test]
    fn who_goes_past_libc() {
        let program = |loader: Option<&str>, is_go| {
            Elf { bits: 64, machine: MACHINE, interpreter: loader.map(str::to_owned), is_go }.goes_past_libc()
        };
        for known in ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-x86_64.so.1"] {
            assert!(!program(Some(known), false) && program(Some(known), true), "{known}");
        }
        assert!(program(None, false) && program(Some("/lib/klibc-abc.so"), false));
    }

    #[test]
    fn a_note_of_gos_is_known() {
        let note = |name: &[u8; 4]| [&[4, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0], &name[..], &[7; 8]].concat();
        assert!(is_gos(&note(b"Go\0\0")) && is_gos(&[note(b"GNU\0"), note(b"Go\0\0")].concat()));
        assert!(!is_gos(&note(b"GNU\0")) && !is_gos(b""));
    }

    #[test]
    fn a_library_has_a_name_of_its_own() {
        let libc = fs::read_to_string("/proc/self/maps").unwrap();
        let libc = libc.lines().filter_map(|line| line.split_once('/')).find(|(_, path)| path.contains("/libc.so"));
        let path = format!("/{}", libc.unwrap().1);
        assert_eq!(soname(&File::open(path).unwrap()).as_deref(), Some("libc.so.6"));
        assert_eq!(soname(&File::open("/proc/self/exe").unwrap()), None, "a program");
        assert_eq!(soname(&File::open("/etc/passwd").unwrap()), None);
    }

    #[test]
    fn what_cannot_be_loaded() {
        let own = fs::read("/proc/self/exe").unwrap();
        assert_eq!(of(&own[..4096]), Err(Fault::Truncated));
        assert_eq!(of(&own[..100]), Err(Fault::Truncated));
        assert_eq!(of(&own[..20]), Err(Fault::Truncated));
        assert_eq!(of(b"#!/bin/sh\n"), Err(Fault::Foreign));
        assert_eq!(of(b""), Err(Fault::Foreign));
        let mut other = own.clone();
        (other[4], other[18]) = (1, 3);
        assert_eq!(of(&other), Ok(Elf { bits: 32, machine: 3, interpreter: None, is_go: false }));
    }
}
