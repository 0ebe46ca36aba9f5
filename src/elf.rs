//! What kind of program or library a file is: as much of an ELF file as the loader looks at first (elf(5)).

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
    /// The loader that a program asks for: none is asked for by a static one. Not looked at where `bits` are 32.
    pub(crate) interpreter: Option<String>,
}

/// Why a file cannot be loaded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Missing,
    Unreadable,
    /// Not an ELF file, or no plain file at all.
    Foreign,
    /// Shorter than it says itself.
    Truncated,
}

/// What this very program was built for.
pub(crate) const MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// Looks at a file.
pub(crate) fn read(file: &File) -> Result<Elf, Fault> {
    let len = file.metadata()?.len();
    let mut head = [0; 64];
    let read = file.read_at(&mut head, 0)?;
    if !head.starts_with(b"\x7fELF") {
        return Err(Fault::Foreign);
    }
    if read < head.len() {
        return Err(Fault::Truncated);
    }
    let mut elf = Elf { bits: if head[4] == 2 { 64 } else { 32 }, machine: half(&head, 18), interpreter: None };
    if elf.bits == 64 {
        let segments = Segments { file, at: word(&head, 32), size: half(&head, 54), count: half(&head, 56) };
        elf.interpreter = segments.interpreter(len)?;
    }
    Ok(elf)
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
    /// What the PT_INTERP segment says; all segments must lie within the `len` bytes of the file.
    fn interpreter(&self, len: u64) -> Result<Option<String>, Fault> {
        const PT_INTERP: u32 = 3;
        const LONGEST_PATH: u64 = 4096;
        let mut found = None;
        for index in 0..u64::from(self.count) {
            let mut header = [0; 56];
            let at = self.at.saturating_add(index * u64::from(self.size));
            self.file.read_exact_at(&mut header, at).map_err(|_| Fault::Truncated)?;
            let kind = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
            let (offset, size) = (word(&header, 8), word(&header, 32));
            if offset.saturating_add(size) > len {
                return Err(Fault::Truncated);
            }
            if kind == PT_INTERP && size <= LONGEST_PATH {
                let mut path = vec![0; usize::try_from(size).unwrap_or(0)];
                self.file.read_exact_at(&mut path, offset).map_err(|_| Fault::Truncated)?;
                found = Some(String::from_utf8_lossy(&path).trim_end_matches('\0').to_owned());
            }
        }
        Ok(found)
    }
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    fn of(test: &str, bytes: &[u8]) -> Result<Elf, Fault> {
        let path = std::env::temp_dir().join(format!("cgproc-elf-{test}-{}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        let elf = read(&File::open(&path).unwrap());
        fs::remove_file(&path).unwrap();
        elf
    }

    #[test]
    fn a_program_names_its_loader() {
        let own = read(&File::open("/proc/self/exe").unwrap()).unwrap();
        assert_eq!((own.bits, own.machine), (64, MACHINE));
        assert!(own.interpreter.is_some_and(|path| Path::new(&path).exists()));
    }

    #[test]
    fn what_cannot_be_loaded() {
        let own = fs::read("/proc/self/exe").unwrap();
        assert_eq!(of("part", &own[..4096]), Err(Fault::Truncated));
        assert_eq!(of("head", &own[..100]), Err(Fault::Truncated));
        assert_eq!(of("less", &own[..20]), Err(Fault::Truncated));
        assert_eq!(of("text", b"#!/bin/sh\n"), Err(Fault::Foreign));
        assert_eq!(of("none", b""), Err(Fault::Foreign));
        let mut other = own.clone();
        (other[4], other[18]) = (1, 3);
        assert_eq!(of("i386", &other), Ok(Elf { bits: 32, machine: 3, interpreter: None }));
    }
}
