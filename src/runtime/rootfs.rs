//! The root of a container that is about to be made. Its files are strangers': nothing in it is opened before it was
//! looked at, and no link leads out of it.

use crate::host::{kernel, preload_file};
use anyhow::{Context, Result, bail, ensure};
use rustix::{
    fd::OwnedFd,
    fs::{Access, AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, accessat, fstat, openat, openat2, readlinkat},
    io::Errno,
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Component, Path, PathBuf},
};

/// The root, before anything is mounted in it.
pub(super) struct Rootfs {
    top: OwnedFd,
    /// Its own path, without links.
    path: PathBuf,
}

/// A path in the root, as the runtime will find it.
pub(super) struct Place {
    /// Without links.
    pub(super) real: PathBuf,
    /// What exists of it.
    found: OwnedFd,
    /// Whether all of it exists.
    pub(super) is_whole: bool,
}

/// Who will make directories and files that a mount needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    /// This user, by whom the runtime was called.
    Us,
    /// The root of a user namespace, which is this user outside.
    Mapped(u32),
    /// Somebody of whom nothing is known.
    Unknown,
}

/// Whose loader the root's programs have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Loaders {
    pub(super) glibc: bool,
    pub(super) musl: bool,
}

/// What the root has at [`preload_file::PATH`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PreloadFile {
    /// Nothing, or a file that names nothing.
    Free,
    /// A file that names the library already.
    Ours,
    /// Something else.
    Taken,
}

#[cfg(target_arch = "x86_64")]
const LOADERS: [&str; 2] = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"];
#[cfg(target_arch = "aarch64")]
const LOADERS: [&str; 2] = ["/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-aarch64.so.1"];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the names of this architecture's loaders");

const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

impl Rootfs {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let top =
            openat(CWD, path, LOOK | OFlags::DIRECTORY, Mode::empty()).with_context(|| path.display().to_string())?;
        let path = own_path(&top)?;
        Ok(Self { top, path })
    }

    fn find(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        openat2(&self.top, path, LOOK | flags, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
    }

    /// The root's loaders, as far as no mount hides them.
    pub(super) fn loaders(&self, is_hidden: impl Fn(&Path) -> bool) -> Result<Loaders> {
        let mut there = [false; 2];
        for (loader, there) in LOADERS.iter().zip(&mut there) {
            match self.find(Path::new(loader), OFlags::empty()) {
                Ok(file) => {
                    ensure!(!is_hidden(&self.name(&file)?), "a mount hides {loader}");
                    *there = type_of(&file)? == FileType::RegularFile;
                }
                Err(Errno::NOENT | Errno::NOTDIR) => {
                    ensure!(!is_hidden(&self.place(Path::new(loader))?.real), "a mount may bring {loader}");
                }
                Err(error) => return Err(error).context(*loader),
            }
        }
        let [glibc, musl] = there;
        Ok(Loaders { glibc, musl })
    }

    /// What it has as `/etc/ld.so.preload`.
    pub(super) fn preload_file(&self) -> Result<PreloadFile> {
        const LONGEST: u64 = 64 << 10;
        let file = match self.find(Path::new(preload_file::PATH), OFlags::NOFOLLOW) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(PreloadFile::Free),
            Err(_) => return Ok(PreloadFile::Taken),
        };
        if type_of(&file)? != FileType::RegularFile {
            return Ok(PreloadFile::Taken);
        }
        let mut text = Vec::new();
        File::from(kernel::reopened(&file)?).take(LONGEST).read_to_end(&mut text)?;
        let entries = preload_file::entries(&text);
        Ok(if entries.iter().any(|entry| preload_file::is_ours(entry)) {
            PreloadFile::Ours
        } else if entries.is_empty() && (text.len() as u64) < LONGEST {
            PreloadFile::Free
        } else {
            PreloadFile::Taken
        })
    }

    /// Where a path leads; what does not exist is where the runtime would make it.
    pub(super) fn place(&self, path: &Path) -> Result<Place> {
        /// As many links that lead nowhere as a path may have.
        const MOST_LINKS: usize = 16;
        let mut path = plain(Path::new("/"), path)?;
        for _ in 0..MOST_LINKS {
            let (found, rest) = self.deepest(&path)?;
            let real = self.name(&found)?;
            let Some(missing) = rest.components().next() else {
                return Ok(Place { real, found, is_whole: true });
            };
            let after: PathBuf = rest.components().skip(1).collect();
            match readlinkat(&found, missing.as_os_str(), Vec::new()) {
                Ok(target) => {
                    let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                    path = plain(&real, &target)?.join(after);
                }
                Err(Errno::NOENT | Errno::NOTDIR) => {
                    return Ok(Place { real: real.join(rest), found, is_whole: false });
                }
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
            }
        }
        bail!("{}: too many links", path.display())
    }

    /// The longest part of a path that exists, and the rest.
    fn deepest(&self, path: &Path) -> Result<(OwnedFd, PathBuf)> {
        for part in path.ancestors() {
            match self.find(part, OFlags::empty()) {
                Ok(found) => return Ok((found, path.strip_prefix(part)?.to_owned())),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
            }
        }
        bail!("{}: the root is gone", path.display())
    }

    /// The path of an open file, seen from the root.
    fn name(&self, file: &OwnedFd) -> Result<PathBuf> {
        let path = own_path(file)?;
        let inside = path.strip_prefix(&self.path).with_context(|| format!("{}: not in the root", path.display()))?;
        Ok(Path::new("/").join(inside))
    }
}

impl Place {
    /// Whether a mount of a directory, or of a file, can be put there: onto what exists, or onto what will be made.
    pub(super) fn takes(&self, kind: FileType, maker: Maker) -> bool {
        let Ok(stat) = fstat(&self.found) else { return false };
        let found = FileType::from_raw_mode(stat.st_mode);
        if self.is_whole {
            return found == kind;
        }
        let mode = stat.st_mode & 0o7777;
        let may_make = match maker {
            Maker::Us => true,
            Maker::Unknown => false,
            Maker::Mapped(user) => stat.st_uid == user && mode & 0o300 == 0o300 || mode & 0o003 == 0o003,
        };
        let is_writable = accessat(&self.found, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok();
        found == FileType::Directory && may_make && is_writable
    }
}

/// `path` from the real directory `from`, without `.` and `..`: up from a real directory is the one above it, but up from
/// a name that may be a link is not known.
fn plain(from: &Path, path: &Path) -> Result<PathBuf> {
    let mut whole = if path.is_absolute() { PathBuf::from("/") } else { from.to_owned() };
    let mut is_real = true;
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                whole.push(name);
                is_real = false;
            }
            Component::ParentDir if is_real => {
                whole.pop();
            }
            Component::ParentDir => bail!("{}: up from what may be a link", path.display()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Ok(whole)
}

fn own_path(file: &OwnedFd) -> Result<PathBuf> {
    let path = rustix::fs::readlink(kernel::link(file), Vec::new())?;
    Ok(OsStr::from_bytes(path.as_bytes()).into())
}

fn type_of(file: &OwnedFd) -> Result<FileType> {
    Ok(FileType::from_raw_mode(fstat(file)?.st_mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::mkfifoat;
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt, symlink},
    };

    fn made() -> (tempfile::TempDir, Rootfs) {
        let home = tempfile::tempdir().unwrap();
        for directory in ["etc", "usr/lib", "var"] {
            fs::create_dir_all(home.path().join(directory)).unwrap();
        }
        symlink("usr/lib", home.path().join("lib")).unwrap();
        symlink("../run", home.path().join("var/run")).unwrap();
        symlink("/", home.path().join("usr/top")).unwrap();
        let root = Rootfs::open(home.path()).unwrap();
        (home, root)
    }

    #[test]
    fn paths_are_where_the_runtime_finds_them() {
        let (_home, root) = made();
        for (path, real, is_whole) in [
            ("/usr/lib", "/usr/lib", true),
            ("/lib", "/usr/lib", true),
            ("lib/cgproc", "/usr/lib/cgproc", false),
            ("/var/run/cgproc", "/run/cgproc", false),
            ("/usr/top/usr/top/etc/x/y", "/etc/x/y", false),
            ("/", "/", true),
            ("/../etc", "/etc", true),
        ] {
            let place = root.place(Path::new(path)).unwrap();
            assert_eq!((place.real.as_path(), place.is_whole), (Path::new(real), is_whole), "{path}");
        }
        for path in ["/etc/../lib", "/etc/x/../y"] {
            assert!(root.place(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn links_in_circles_end() {
        let (home, root) = made();
        symlink("two", home.path().join("one")).unwrap();
        symlink("one", home.path().join("two")).unwrap();
        symlink("again/x", home.path().join("again")).unwrap();
        for path in ["/one", "/one/x", "/again"] {
            assert!(root.place(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn loaders_are_files_of_the_root_itself() {
        let (home, root) = made();
        let loaders = |hidden: &str| root.loaders(|path| path.starts_with(hidden));
        assert_eq!(loaders("/none").unwrap(), Loaders::default());
        let [glibc, musl] = LOADERS.map(|loader| loader.trim_start_matches('/'));
        fs::create_dir_all(home.path().join(glibc).parent().unwrap()).unwrap();
        // As on a host, to where it would lead from there.
        symlink("/usr/lib/the-loader.so", home.path().join(glibc)).unwrap();
        assert_eq!(loaders("/none").unwrap(), Loaders::default());
        assert!(loaders("/usr").is_err(), "a mount there may bring it");
        fs::write(home.path().join("usr/lib/the-loader.so"), "").unwrap();
        assert_eq!(loaders("/none").unwrap(), Loaders { glibc: true, musl: false });
        assert!(loaders("/usr").is_err());
        fs::write(home.path().join(musl), "").unwrap();
        assert_eq!(loaders("/none").unwrap(), Loaders { glibc: true, musl: true });
    }

    #[test]
    fn a_preload_file_that_is_there() {
        let (home, root) = made();
        let path = home.path().join("etc/ld.so.preload");
        assert_eq!(root.preload_file().unwrap(), PreloadFile::Free);
        for (text, expected) in [
            ("", PreloadFile::Free),
            ("# none\n \n", PreloadFile::Free),
            ("/usr/lib/libx.so\n", PreloadFile::Taken),
            ("/usr/lib/libx.so\n/usr/lib/libcgproc.so\n", PreloadFile::Ours),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(root.preload_file().unwrap(), expected, "{text:?}");
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(root.preload_file().unwrap(), PreloadFile::Taken);
        fs::remove_dir(&path).unwrap();
        mkfifoat(CWD, &path, Mode::from_raw_mode(0o600)).unwrap();
        assert_eq!(root.preload_file().unwrap(), PreloadFile::Taken);
        fs::remove_file(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        assert_eq!(root.preload_file().unwrap(), PreloadFile::Taken);
        fs::remove_file(&path).unwrap();
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(root.preload_file().unwrap(), PreloadFile::Taken);
    }

    #[test]
    fn what_a_mount_needs_must_be_there_or_can_be_made() {
        let (home, root) = made();
        fs::write(home.path().join("etc/file"), "").unwrap();
        let takes = |path: &str, kind, maker| root.place(Path::new(path)).unwrap().takes(kind, maker);
        let own = rustix::process::geteuid().as_raw();
        for (path, kind, expected) in [
            ("/usr/lib", FileType::Directory, true),
            ("/usr/lib", FileType::RegularFile, false),
            ("/etc/file", FileType::RegularFile, true),
            ("/usr/lib/new/newer", FileType::Directory, true),
            ("/etc/new", FileType::RegularFile, true),
        ] {
            assert_eq!(takes(path, kind, Maker::Us), expected, "{path}");
            assert_eq!(takes(path, kind, Maker::Mapped(own)), expected, "{path}");
        }
        assert!(takes("/etc/file", FileType::RegularFile, Maker::Mapped(own + 1)), "it is there");
        assert!(!takes("/etc/new", FileType::RegularFile, Maker::Mapped(own + 1)));
        fs::set_permissions(home.path().join("etc"), Permissions::from_mode(0o757)).unwrap();
        assert!(takes("/etc/new", FileType::RegularFile, Maker::Mapped(own + 1)));
    }
}
