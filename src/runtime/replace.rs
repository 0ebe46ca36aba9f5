//! A small file that is read and replaced.

use crate::host::kernel;
use anyhow::{Context, Result, ensure};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fchmod, fchown, fstat, openat, renameat, statat, unlinkat},
    process::{Gid, Uid, getpid},
};
use std::{
    ffi::OsString,
    fs::File,
    io::{Read, Write},
    path::Path,
};

/// Far more than any configuration: nobody else's memory is worth more than the view.
const LARGEST: u64 = 4 << 20;

/// A file as it was found.
pub(super) struct Found {
    directory: OwnedFd,
    name: OsString,
    stat: Stat,
    pub(super) text: String,
}

/// Reads a regular file. A link is refused: it may lead to a file of several containers.
pub(super) fn read(path: &Path) -> Result<Found> {
    find(path).with_context(|| path.display().to_string())
}

fn find(path: &Path) -> Result<Found> {
    let name = path.file_name().context("not the path of a file")?.to_owned();
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = openat(CWD, parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let file = openat(&directory, &name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let stat = fstat(&file)?;
    ensure!(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile, "not a regular file");
    let mut bytes = Vec::new();
    File::from(kernel::reopened(&file)?).take(LARGEST + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= LARGEST, "more than {} MiB", LARGEST >> 20);
    Ok(Found { directory, name, stat, text: String::from_utf8(bytes)? })
}

impl Found {
    /// Puts another text in its place, all at once or not at all, for the same owner and with the same mode.
    pub(super) fn replace(&self, text: &str) -> Result<()> {
        self.put(text).with_context(|| format!("{} cannot be replaced", self.name.display()))
    }

    fn put(&self, text: &str) -> Result<()> {
        let mut new = self.name.clone();
        new.push(format!(".cgproc-{}", getpid().as_raw_nonzero()));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.directory, &new, flags, Mode::RUSR | Mode::WUSR)?;
        let done = self.fill(file, text).and_then(|()| {
            let now = statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW)?;
            let is_the_same = (now.st_dev, now.st_ino) == (self.stat.st_dev, self.stat.st_ino);
            ensure!(is_the_same, "it is another file by now");
            Ok(renameat(&self.directory, &new, &self.directory, &self.name)?)
        });
        if done.is_err() {
            let _ = unlinkat(&self.directory, &new, AtFlags::empty());
        }
        done
    }

    fn fill(&self, file: OwnedFd, text: &str) -> Result<()> {
        let mut file = File::from(file);
        file.write_all(text.as_bytes())?;
        let made = fstat(&file)?;
        if (made.st_uid, made.st_gid) != (self.stat.st_uid, self.stat.st_gid) {
            fchown(&file, Some(Uid::from_raw(self.stat.st_uid)), Some(Gid::from_raw(self.stat.st_gid)))?;
        }
        Ok(fchmod(&file, Mode::from_raw_mode(self.stat.st_mode & 0o7777))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::mkfifoat;
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt, symlink},
    };

    #[test]
    fn a_file_is_replaced_with_its_mode() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config.json");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        fs::hard_link(&path, home.path().join("shared")).unwrap();
        let found = read(&path).unwrap();
        assert_eq!(found.text, "old");
        found.replace("new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_to_string(home.path().join("shared")).unwrap(), "old");
        // It is another file now.
        assert!(found.replace("newer").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2, "nothing is left");
    }

    #[test]
    fn other_things_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::write(at("plain"), b"\xff").unwrap();
        symlink("plain", at("link")).unwrap();
        mkfifoat(CWD, at("fifo"), Mode::from_raw_mode(0o600)).unwrap();
        File::create(at("sparse")).unwrap().set_len(1 << 40).unwrap();
        for name in ["plain", "link", "fifo", "sparse", "none", "..", "plain/x"] {
            assert!(read(&at(name)).is_err(), "{name}");
        }
        assert!(read(Path::new("/dev/zero")).is_err());
    }
}
