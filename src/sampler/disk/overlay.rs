//! The overlay that a process has as its root, and its writable layer.

use super::trouble::Trouble;
use crate::{host::mounts::Mount, sampler::directory::DIRECTORY};
use calc::cgroup::unescape;
use rustix::{
    fd::OwnedFd,
    fs::{
        AtFlags, CWD, Mode, OFlags, ResolveFlags, Statx, StatxAttributes, StatxFlags, StatxTimestamp, makedev, openat,
        openat2, statx,
    },
    io::Errno,
};
use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// An overlay.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Overlay {
    /// The device number of its file system.
    pub(super) device: u64,
    /// The path of its upper layer, as seen by whoever mounted it.
    pub(super) upper: PathBuf,
}

impl Overlay {
    /// The overlay at the root of a process, if there is one. The file system itself, which may be anybody's, is not
    /// asked.
    pub(super) fn at_root_of(process: u32) -> io::Result<Option<Self>> {
        Ok(line_at_root_of(process)?.as_deref().and_then(Mount::parse).and_then(|mount| Self::of_mount(&mount)))
    }

    /// `96 91 0:41 / / rw,relatime shared:3 - overlay overlay rw,lowerdir=…,upperdir=…,workdir=…`
    fn of_mount(mount: &Mount<'_>) -> Option<Self> {
        let upper = mount.options().find_map(|option| option.strip_prefix(b"upperdir="))?;
        let is_overlay = mount.file_system == b"overlay" && mount.is_whole();
        is_overlay.then(|| Self { device: mount.device, upper: path(upper) })
    }

    /// Opens the upper layer.
    pub(super) fn open(&self, process: u32) -> Result<OwnedFd, Trouble> {
        let root = match openat(CWD, format!("/proc/{process}/root"), LOOK, Mode::empty()) {
            Err(Errno::NOENT | Errno::SRCH) => return Err(Trouble::Ended),
            root => root?,
        };
        // A mount below the root may be moved over it, and a process may keep only a part of it as its root. So the
        // line in the table must be of the same mount that the root is the top of.
        let line = line_at_root_of(process).map_err(|_| Trouble::Ended)?.unwrap_or_default();
        let mount = Mount::parse(&line).ok_or(Trouble::Elsewhere)?;
        if Self::of_mount(&mount).as_ref() != Some(self) || mount_of(&root)? != Some(mount.number) {
            return Err(Trouble::Elsewhere);
        }
        self.open_for(&root)
    }

    /// The path comes from a mount option that somebody wrote, perhaps in another mount namespace. What we find there
    /// is accepted only if it has the same marks as the root of a process.
    fn open_for(&self, root: &OwnedFd) -> Result<OwnedFd, Trouble> {
        let upper = look(&self.upper)?;
        // Somebody may write between the two looks.
        for _ in 0..3 {
            let shown = status(root)?;
            if makedev(shown.stx_dev_major, shown.stx_dev_minor) != self.device {
                break;
            }
            if marks(&shown) == marks(&status(&upper)?) {
                return Ok(openat(&upper, ".", DIRECTORY, Mode::empty())?);
            }
        }
        Err(Trouble::Elsewhere)
    }
}

/// The line for its root in a process's mount table.
fn line_at_root_of(process: u32) -> io::Result<Option<Vec<u8>>> {
    // A container's root is among the first lines; thousands of mounts are not searched for one that is not.
    const MOST: u64 = 64 << 10;
    let table = BufReader::new(File::open(format!("/proc/{process}/mountinfo"))?.take(MOST));
    table
        .split(b'\n')
        .find(|line| line.as_ref().map_or(true, |line| Mount::parse(line).is_some_and(|mount| mount.is_at_root())))
        .transpose()
}

/// The number of the mount that a directory is the top of; `None` if it is not, or if the kernel (before 5.8) does not
/// say.
fn mount_of(root: &OwnedFd) -> Result<Option<u64>, Errno> {
    let status = statx(root, c"", AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC, StatxFlags::MNT_ID)?;
    let is_told = status.stx_mask & StatxFlags::MNT_ID.bits() != 0;
    let is_top = status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    Ok((is_told && is_top).then_some(status.stx_mnt_id))
}

/// Examines a directory without asking its file system.
const LOOK: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Finds a directory, using only what the kernel has in memory, so that no file system on the way is asked: an overlay
/// keeps its upper layer and all directories above it in memory. Does not go through /proc/PID/root either, where a
/// hanging file system may be mounted.
fn look(path: &Path) -> Result<OwnedFd, Trouble> {
    // What is in memory may change during a look.
    const TRIES: u32 = 20;
    const CACHED: ResolveFlags = ResolveFlags::NO_MAGICLINKS.union(ResolveFlags::CACHED);
    let cached = || openat2(CWD, path, LOOK, Mode::empty(), CACHED);
    let found = (0..TRIES)
        .map(|_| cached())
        .find(|found| *found.as_ref().map_or_else(|it| it, |_| &Errno::NOENT) != Errno::AGAIN);
    found.unwrap_or(Err(Errno::NOENT)).map_err(|error| match error {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Trouble::Elsewhere,
        Errno::INVAL | Errno::NOSYS => Trouble::OldKernel,
        error => error.into(),
    })
}

/// The status that the file system already has: a hanging one need not answer.
fn status(open: &OwnedFd) -> Result<Statx, Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    statx(open, c"", flags, StatxFlags::BASIC_STATS | StatxFlags::BTIME)
}

/// What an overlay's directory shows of its upper layer (`ovl_getattr` in fs/overlayfs/inode.c). No other directory has
/// the same by chance: the times of creation and last change cannot be set.
fn marks(status: &Statx) -> impl PartialEq + use<> {
    let moment = |time: &StatxTimestamp| (time.tv_sec, time.tv_nsec);
    let moments = [&status.stx_btime, &status.stx_ctime, &status.stx_mtime].map(moment);
    (moments, status.stx_mode, status.stx_size, status.stx_blocks)
}

/// The path in an option. It is escaped twice: as in mount tables, `\040`, and below that as in overlay options, `\:`.
fn path(escaped: &[u8]) -> PathBuf {
    let mut is_escape = false;
    let plain = unescape(escaped).filter(|byte| {
        is_escape = *byte == b'\\' && !is_escape;
        !is_escape
    });
    OsString::from_vec(plain.collect()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(line: &str) -> Option<(u64, String)> {
        let found = Overlay::of_mount(&Mount::parse(line.as_bytes())?)?;
        Some((found.device, found.upper.display().to_string()))
    }

    #[test]
    fn the_upper_layer_is_an_option() {
        let line =
            "96 91 0:41 / / rw,relatime - overlay overlay rw,lowerdir=/l:/k,upperdir=/docker/u/diff,workdir=/w,uuid=on";
        assert_eq!(overlay(line), Some((makedev(0, 41), "/docker/u/diff".to_owned())));
        let tagged = line.replace("relatime", "relatime shared:7 master:1");
        assert_eq!(overlay(&tagged), overlay(line));
    }

    #[test]
    fn escapes_are_undone() {
        let line = r"96 91 0:41 / / rw - overlay overlay rw,upperdir=/a\134:b\134\054c\040d\134\134e/u,workdir=/w";
        assert_eq!(overlay(line).unwrap().1, r"/a:b,c d\e/u");
    }

    #[test]
    fn what_is_no_overlay_that_is_written_to() {
        for line in [
            "96 91 8:1 / / rw - ext4 /dev/vda rw,upperdir=/u",
            "96 91 0:41 / / ro - overlay overlay ro,lowerdir=/l:/k",
            "96 91 0:41 /home / rw - overlay overlay rw,upperdir=/u",
            "96 91 041 / / rw - overlay overlay rw,upperdir=/u",
            "96 91 0:41 / / rw",
            "",
        ] {
            assert_eq!(overlay(line), None, "{line}");
        }
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_not_taken() {
        let me = std::process::id();
        let own = Overlay { device: rustix::fs::stat("/").unwrap().st_dev, upper: "/".into() };
        let root = look(Path::new("/")).unwrap();
        assert!(own.open_for(&root).is_ok(), "the same directory");
        assert_eq!(own.open(me).unwrap_err(), Trouble::Elsewhere, "no overlay");
        let through = PathBuf::from(format!("/proc/{me}/root"));
        for other in [
            Overlay { upper: std::env::temp_dir(), ..own.clone() },
            Overlay { upper: "/nowhere/at/all".into(), ..own.clone() },
            Overlay { upper: through, ..own.clone() },
            Overlay { device: own.device + 1, ..own.clone() },
        ] {
            assert_eq!(other.open_for(&root).unwrap_err(), Trouble::Elsewhere, "{other:?}");
        }
        assert_eq!(own.open(u32::MAX).unwrap_err(), Trouble::Ended);
        assert!(Overlay::at_root_of(u32::MAX).is_err());
    }

    #[test]
    fn a_root_is_the_top_of_a_mount() {
        let line = line_at_root_of(std::process::id()).unwrap().unwrap();
        let own = Mount::parse(&line).map(|mount| mount.number);
        assert!(own.is_some());
        assert_eq!(mount_of(&look(Path::new("/")).unwrap()).unwrap(), own);
        let below = openat(CWD, "/proc/self/task", LOOK, Mode::empty()).unwrap();
        assert_eq!(mount_of(&below).unwrap(), None, "a directory below one");
        assert_ne!(mount_of(&look(Path::new("/proc")).unwrap()).unwrap(), own);
    }
}
