//! Files that other processes name. Only regular files are opened, below the process's root: opening anything else may
//! block for ever or trigger a device.

use super::{elf::Fault, kernel};
use rustix::{
    fd::OwnedFd,
    fs::{FileType, Mode, OFlags, ResolveFlags, fstat, open as open_path, openat2},
    io::{Errno, Result},
};
use std::{fs::File, io::Read, path::Path};

/// Opens the regular file at `path` below `root`.
pub(crate) fn open(root: &Path, path: &Path) -> std::result::Result<File, Fault> {
    let found = find(root, path, true)?;
    if FileType::from_raw_mode(fstat(&found)?.st_mode) != FileType::RegularFile {
        return Err(Fault::Foreign);
    }
    Ok(kernel::reopened(&found)?.into())
}

/// The beginning of the regular file at `path` below `root`; empty if there is none.
pub(crate) fn text(root: &Path, path: &Path) -> Vec<u8> {
    const MOST: u64 = 64 << 10;
    let mut text = Vec::new();
    let _ = open(root, path).map(|file| file.take(MOST).read_to_end(&mut text));
    text
}

/// Finds whatever is at `path` without opening it. Symbolic links lead where they lead for a process with this root; a
/// link at the end is followed only if `follows` says so.
pub(crate) fn find(root: &Path, path: &Path, follows: bool) -> Result<OwnedFd> {
    const NOTHING: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
    let flags = if follows { NOTHING } else { NOTHING | OFlags::NOFOLLOW };
    let top = open_path(root, NOTHING | OFlags::DIRECTORY, Mode::empty())?;
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    match openat2(&top, path, flags, Mode::empty(), inside) {
        // A kernel before 5.6, or a system call filter.
        Err(Errno::NOSYS | Errno::PERM) => {
            open_path(root.join(path.strip_prefix("/").unwrap_or(path)), flags, Mode::empty())
        }
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, mkfifoat};
    use std::{
        fs,
        os::unix::fs::{FileTypeExt, symlink},
    };

    #[test]
    fn plain_files_of_another_root_alone() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("opt")).unwrap();
        fs::write(root.join("opt/own"), "text").unwrap();
        for (target, link) in [("/opt/own", "inside"), ("/dev/zero", "zero"), ("/proc/self/exe", "magic")] {
            symlink(target, root.join(link)).unwrap();
        }
        mkfifoat(CWD, root.join("fifo"), Mode::from_raw_mode(0o600)).unwrap();
        assert!(fs::metadata(root.join("fifo")).unwrap().file_type().is_fifo());
        let found = |path: &str| open(root, Path::new(path)).map(|_| text(root, Path::new(path)));
        for path in ["/opt/own", "opt/own", "/inside", "/../opt/own"] {
            assert_eq!(found(path).unwrap(), b"text", "{path}");
        }
        for (path, fault) in [("/fifo", Fault::Foreign), ("/opt", Fault::Foreign), ("/zero", Fault::Missing)] {
            assert_eq!(found(path).unwrap_err(), fault, "{path}");
        }
        assert!(found("/magic").is_err());
        for path in ["/no/such/file", "/dev/null/x"] {
            assert!(open(Path::new("/"), Path::new(path)).is_err_and(|fault| fault == Fault::Missing), "{path}");
        }
        assert!(open(Path::new("/"), Path::new("/dev/zero")).is_err_and(|fault| fault == Fault::Foreign));
    }
}
