//! The file that the lines are written to. What another user has put in its place is refused, because its owner would
//! read or redirect them; and what it had before stays until there is a line.

use crate::host::trusted;
use anyhow::{Result, ensure};
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, fstat, ftruncate, lstat, openat},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

/// An open file, and whether the next line is the first.
pub(super) struct Output {
    file: File,
    is_untouched: bool,
}

impl Output {
    /// Opens the file at `path`, or makes it. It may be a device or a pipe, and a link if it is ours or root's.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOCTTY;
        let mode = Mode::from_raw_mode(0o666);
        let opened = match openat(CWD, path, flags | OFlags::NOFOLLOW, mode) {
            Err(Errno::LOOP) => {
                let owner = lstat(path)?.st_uid;
                ensure!(trusted::is_believed(owner), "it is a symbolic link of user {owner}");
                openat(CWD, path, flags, mode)?
            }
            opened => opened?,
        };
        let stat = fstat(&opened)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let is_kept = matches!(kind, FileType::RegularFile | FileType::Fifo);
        ensure!(!is_kept || trusted::is_believed(stat.st_uid), "it belongs to user {}", stat.st_uid);
        Ok(Self { file: File::from(opened), is_untouched: kind == FileType::RegularFile })
    }
}

impl Write for Output {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.is_untouched) {
            ftruncate(&self.file, 0)?;
        }
        self.file.write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs as unix};

    #[test]
    fn what_was_there_stays_until_the_first_line() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("trace");
        fs::write(&path, "of the last time").unwrap();
        let mut output = Output::open(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"of the last time");
        output.write_all(b"one\n").unwrap();
        output.write_all(b"two\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
        assert!(Output::open(Path::new("/dev/null")).is_ok());
    }

    #[test]
    fn what_others_have_put_there_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let home = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| home.path().join(name));
        fs::write(&file, "").unwrap();
        unix::symlink(&file, &link).unwrap();
        assert!(Output::open(&link).is_ok());
        unix::lchown(&link, Some(12), None).unwrap();
        assert!(Output::open(&link).is_err());
        assert!(Output::open(&file).is_ok());
        unix::lchown(&file, Some(12), None).unwrap();
        assert!(Output::open(&file).is_err());
    }
}
