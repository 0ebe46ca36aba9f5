//! The dynamic programs of a root, by their loader.

use super::sysroot::Sysroot;
use crate::host::{
    elf::{self, Elf},
    foreign,
};
use rustix::fs::{Dir, FileType, fstat};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Where programs are looked for.
const DIRECTORIES: [&str; 8] =
    ["/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin", "/usr/local/sbin", "/app", "/"];

/// Programs that most others depend on; these are tried first.
const FIRST: [&str; 10] = ["sh", "ls", "cat", "env", "bash", "busybox", "python3", "perl", "node", "java"];

/// Why nothing is tried in a root without such programs.
pub(super) const NONE: &str = "it has no dynamic program in the usual directories: name one with --program";

/// The programs to try.
#[derive(Default)]
pub(super) struct Programs {
    /// Those that the library is for, in the order in which they are tried.
    pub(super) by_loader: BTreeMap<String, Vec<PathBuf>>,
    /// How many of them were named by the user.
    pub(super) named: usize,
    /// One for another processor, and which processor.
    pub(super) foreign: Option<(PathBuf, u16)>,
    /// A 32-bit one.
    pub(super) narrow: Option<PathBuf>,
    seen: BTreeSet<(u64, u64)>,
}

impl Programs {
    /// The programs in `named`, the usual ones, and all others in the usual directories.
    pub(super) fn of(root: &Sysroot, named: &[PathBuf]) -> anyhow::Result<Self> {
        let mut programs = Self { named: named.len(), ..Self::default() };
        for path in named {
            let is_taken = programs.add(root, path);
            anyhow::ensure!(is_taken, "{}: not a dynamic 64-bit program for this processor", root.name(path));
        }
        for path in FIRST.iter().flat_map(|name| DIRECTORIES.map(|directory| Path::new(directory).join(name))) {
            programs.add(root, &path);
        }
        for directory in DIRECTORIES.map(Path::new) {
            for name in plain_files(root, directory) {
                programs.add(root, &directory.join(name));
            }
        }
        // The 32-bit loader, wherever 32-bit programs are.
        programs.add(root, Path::new("/lib/ld-linux.so.2"));
        Ok(programs)
    }

    /// Whether there is a loader that reads `/etc/ld.so.preload`.
    pub(super) fn has_glibc(&self) -> bool {
        self.by_loader.keys().any(|loader| !is_musl(loader))
    }

    /// Whether there is a loader that does not.
    pub(super) fn has_musl(&self) -> bool {
        self.by_loader.keys().any(|loader| is_musl(loader))
    }

    /// Fails if there is nothing to try.
    pub(super) fn some(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.by_loader.is_empty(), "the library cannot be tried there ({NONE})");
        Ok(())
    }

    /// Examines a file; returns whether it is a program that the library is for.
    fn add(&mut self, root: &Sysroot, path: &Path) -> bool {
        let Ok(file) = foreign::open(root.path(), path) else { return false };
        let Ok(stat) = fstat(&file) else { return false };
        // A program that gains rights when started ignores LD_PRELOAD.
        if stat.st_mode & 0o111 == 0 || stat.st_mode & 0o6000 != 0 || !self.seen.insert((stat.st_dev, stat.st_ino)) {
            return false;
        }
        match elf::read(&file) {
            Ok(Elf { bits: 64, machine: elf::MACHINE, interpreter: Some(loader), .. }) => {
                self.by_loader.entry(loader).or_default().push(path.to_owned());
                return true;
            }
            Ok(Elf { bits: 32, .. }) => self.narrow = self.narrow.take().or_else(|| Some(path.to_owned())),
            Ok(Elf { machine, .. }) if machine != elf::MACHINE => {
                self.foreign = self.foreign.take().or_else(|| Some((path.to_owned(), machine)));
            }
            _ => {}
        }
        false
    }
}

/// Whether this is musl's loader, which does not read `/etc/ld.so.preload`.
pub(super) fn is_musl(loader: &str) -> bool {
    loader.rsplit('/').next().is_some_and(|name| name.starts_with("ld-musl-"))
}

fn plain_files(root: &Sysroot, directory: &Path) -> Vec<PathBuf> {
    let Ok(opened) = root.directory(directory) else { return Vec::new() };
    let Ok(entries) = Dir::read_from(opened.fd()) else { return Vec::new() };
    let mut names: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| matches!(entry.file_type(), FileType::RegularFile | FileType::Unknown))
        .map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).into())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaders() {
        assert!(is_musl("/lib/ld-musl-x86_64.so.1"));
        assert!(!is_musl("/lib64/ld-linux-x86-64.so.2"));
    }

    #[test]
    fn of_this_machine() {
        let root = Sysroot::open(Path::new("/")).unwrap();
        let programs = Programs::of(&root, &[]).unwrap();
        let shell = programs.by_loader.values().map(|programs| &programs[0]).find(|first| first.ends_with("sh"));
        assert!(shell.is_some(), "{:?}", programs.by_loader.keys());
        assert!(Programs::of(&root, &["/etc/passwd".into()]).is_err());
    }
}
