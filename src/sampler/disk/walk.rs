//! The size of a tree on disk, as `du` counts it, found a few entries at a time.

use super::trouble::Trouble;
use crate::sampler::directory::{DIRECTORY, affordable, is_dots};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, Dir, FileType, Mode, Stat, fstat, openat, statat},
    io::Errno,
};
use std::{collections::HashSet, ffi::CStr};

/// Directories nested deeper than this are not entered: each one on the way down takes a descriptor.
const DEEPEST: usize = 64;

/// How many files with several links are remembered, so that each counts once.
const MOST_LINKED: usize = 100_000;

/// A walk in progress.
pub(super) struct Walk {
    device: u64,
    /// The directories from the top to the one being read.
    levels: Vec<Dir>,
    /// Inode numbers of the files with several links seen so far.
    linked: HashSet<u64>,
    bytes: u64,
}

impl Walk {
    /// A walk that starts at an open directory.
    pub(super) fn new(top: OwnedFd) -> Result<Self, Trouble> {
        let status = fstat(&top)?;
        let levels = vec![Dir::new(top)?];
        Ok(Self { device: status.st_dev, levels, linked: HashSet::new(), bytes: bytes(&status) })
    }

    /// Visits at most `entries` more entries; returns the total in bytes once the walk is complete.
    pub(super) fn advance(&mut self, entries: usize) -> Result<Option<u64>, Trouble> {
        for _ in 0..entries {
            match self.levels.last_mut().map(Dir::read) {
                None => return Ok(Some(self.bytes)),
                Some(None) => drop(self.levels.pop()),
                Some(Some(entry)) => self.add(entry?.file_name())?,
            }
        }
        Ok(None)
    }

    /// Adds the entry `name` of the directory being read.
    fn add(&mut self, name: &CStr) -> Result<(), Trouble> {
        let Some(level) = self.levels.last().filter(|_| !is_dots(name)) else { return Ok(()) };
        let Some(status) = unless_gone(statat(level.fd()?, name, STATUS))? else { return Ok(()) };
        if status.st_dev != self.device {
            return Ok(());
        }
        if FileType::from_raw_mode(status.st_mode).is_dir() {
            self.enter(name)?;
        }
        self.bytes = self.bytes.saturating_add(self.share(&status));
        Ok(())
    }

    fn enter(&mut self, name: &CStr) -> Result<(), Trouble> {
        let Some(level) = self.levels.last() else { return Ok(()) };
        let Some(open) = unless_gone(openat(level.fd()?, name, DIRECTORY, Mode::empty()))? else { return Ok(()) };
        if self.levels.len() == DEEPEST {
            return Err(Trouble::Deep(DEEPEST));
        }
        self.levels.push(Dir::new(affordable(open).ok_or(Errno::MFILE)?)?);
        Ok(())
    }

    /// What a file adds. One with several links adds all of it at the first; when no more can be remembered, a share at
    /// each.
    fn share(&mut self, status: &Stat) -> u64 {
        let bytes = bytes(status);
        let is_directory = FileType::from_raw_mode(status.st_mode).is_dir();
        if is_directory || links(status) < 2 || bytes == 0 {
            bytes
        } else if self.linked.contains(&status.st_ino) {
            0
        } else if self.linked.len() < MOST_LINKED {
            self.linked.insert(status.st_ino);
            bytes
        } else {
            bytes / links(status)
        }
    }
}

/// Symbolic links are not followed, and nothing is mounted on demand.
const STATUS: AtFlags = AtFlags::SYMLINK_NOFOLLOW.union(AtFlags::NO_AUTOMOUNT);

/// `None` for an entry that disappeared, or became something else, meanwhile.
fn unless_gone<T>(found: Result<T, Errno>) -> Result<Option<T>, Errno> {
    match found {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        found => found.map(Some),
    }
}

/// What a file uses on disk: `st_blocks` is always in units of 512 bytes (stat(3type)).
fn bytes(status: &Stat) -> u64 {
    u64::try_from(status.st_blocks).unwrap_or(0).saturating_mul(512)
}

#[allow(clippy::unnecessary_cast, reason = "narrower on other machines")]
fn links(status: &Stat) -> u64 {
    status.st_nlink as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;
    use std::{
        fs, io,
        os::unix::fs::symlink,
        path::{Path, PathBuf},
        process::Command,
    };
    use tempfile::TempDir;

    /// A directory that is removed with its test.
    struct Home(TempDir);

    impl Home {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self) -> &Path {
            self.0.path()
        }

        fn file(&self, name: &str, bytes: usize) -> PathBuf {
            let path = self.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, vec![b'x'; bytes]).unwrap();
            path
        }

        fn walk(&self) -> Walk {
            Walk::new(openat(CWD, self.path(), DIRECTORY, Mode::empty()).unwrap()).unwrap()
        }

        fn size(&self) -> Result<u64, Trouble> {
            let mut walk = self.walk();
            std::iter::repeat_with(|| walk.advance(7)).find_map(Result::transpose).unwrap()
        }
    }

    fn du(path: &Path) -> u64 {
        let output = Command::new("du").args(["-sx", "--block-size=1"]).arg(path).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    }

    #[test]
    fn a_tree_is_as_large_as_du_says() {
        let home = Home::new();
        assert_eq!(home.size(), Ok(du(home.path())));
        let file = home.file("a/b/c/file", 300_000);
        for at in 0..50 {
            home.file(&format!("many/{at}"), at * 1000);
        }
        fs::hard_link(&file, home.path().join("again")).unwrap();
        fs::hard_link(&file, home.path().join("a/once more")).unwrap();
        fs::File::create(home.path().join("holes")).and_then(|file| file.set_len(1 << 40)).unwrap();
        symlink("/usr", home.path().join("elsewhere")).unwrap();
        symlink(".", home.path().join("a/loop")).unwrap();
        assert_eq!(home.size(), Ok(du(home.path())));
        assert!(home.size().unwrap() > 300_000 + 50 * 49 / 2 * 1000);
    }

    #[test]
    fn no_more_entries_are_looked_at_than_was_said() {
        let home = Home::new();
        for at in 0..1000 {
            home.file(&format!("{}/{at}", at % 10), 1);
        }
        // Each entry; the two of each directory itself, and its end; and the end of the walk.
        let entries = 1000 + 10 + 11 * 3 + 1;
        for budget in [1, 10, 100] {
            let mut walk = home.walk();
            let unfinished = (0..).find(|_| walk.advance(budget).unwrap().is_some()).unwrap();
            assert_eq!(unfinished, (entries - 1) / budget, "{budget}");
        }
    }

    #[test]
    fn what_vanishes_meanwhile_is_no_trouble() {
        let home = Home::new();
        for at in 0..300 {
            home.file(&format!("{}/{at}", at % 3), 10_000);
        }
        let mut walk = home.walk();
        assert_eq!(walk.advance(50), Ok(None));
        for directory in ["0", "1", "2"] {
            fs::remove_dir_all(home.path().join(directory)).unwrap();
        }
        let found = std::iter::repeat_with(|| walk.advance(50)).find_map(Result::transpose).unwrap();
        assert!(found.unwrap() < 300 * 10_000);
    }

    #[test]
    fn too_deep_a_tree_has_no_size() {
        let home = Home::new();
        let path = |depth: usize| (0..depth).map(|_| "d").collect::<PathBuf>();
        fs::create_dir_all(home.path().join(path(DEEPEST - 1))).unwrap();
        assert_eq!(home.size(), Ok(du(home.path())));
        fs::create_dir(home.path().join(path(DEEPEST))).unwrap();
        assert_eq!(home.size(), Err(Trouble::Deep(DEEPEST)));
    }

    #[test]
    fn links_that_are_not_remembered_count_in_parts() {
        let home = Home::new();
        let file = home.file("a", 90_000);
        fs::hard_link(&file, home.path().join("b")).unwrap();
        fs::hard_link(&file, home.path().join("c")).unwrap();
        let mut walk = home.walk();
        // No file has such an inode number.
        walk.linked = (0..MOST_LINKED as u64).map(|at| u64::MAX - at).collect();
        let found = std::iter::repeat_with(|| walk.advance(1)).find_map(Result::transpose).unwrap();
        let difference = found.unwrap().abs_diff(du(home.path()));
        assert!(difference < 3, "{difference}");
    }

    #[test]
    fn rights_are_told_from_other_errors() {
        let refused = io::Error::from_raw_os_error(13);
        assert_eq!(Trouble::from(Errno::from_io_error(&refused).unwrap()), Trouble::Refused);
        assert_eq!(Trouble::from(Errno::IO), Trouble::Failed(Errno::IO));
    }
}
