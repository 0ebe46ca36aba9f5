//! Where the library and the board are, on a host and in its containers.

use rustix::fs::{StatVfsMountFlags, stat, statvfs};
use std::path::{Path, PathBuf};

/// The library and all that belongs to it, in every container.
pub(crate) const DIRECTORY: &str = "/usr/lib/cgproc";

/// The sampler's board, in every container.
pub(crate) const BOARD: &str = "/run/cgproc";

/// What `LD_PRELOAD` names. Musl's loader takes `$PLATFORM` for a directory of that name.
pub(crate) const LIBRARY: &str = "/usr/lib/cgproc/libcgproc.so";

/// The same where glibc's loader alone will read it: 32-bit programs find the empty object.
pub(crate) const LIBRARY_OF_GLIBC: &str = "/usr/lib/cgproc/$PLATFORM/libcgproc.so";

/// A file that says to glibc's loader what [`PRELOAD`] should. Its text never changes, because a mount shows the file
/// that was there when the container started.
pub(crate) const PRELOAD_FILE: &str = "/usr/lib/cgproc/ld.so.preload";

/// Where glibc's loader looks for that file.
pub(crate) const PRELOAD: &str = crate::host::preload_file::PATH;

/// Where they are on the host. The package has them where containers see them; a node agent may not write to /usr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) directory: PathBuf,
    pub(crate) board: PathBuf,
}

/// Something of the host that a container sees, read-only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) source: PathBuf,
    pub(crate) destination: &'static str,
    /// As OCI runtimes take them.
    pub(crate) options: &'static [&'static str],
    is_directory: bool,
}

impl Default for Host {
    fn default() -> Self {
        Self { directory: DIRECTORY.into(), board: BOARD.into() }
    }
}

impl Host {
    /// The library's directory.
    pub(crate) fn library_mount(&self) -> Mount {
        let options = &["rbind", "ro", "nosuid", "nodev"];
        Mount { source: self.directory.clone(), destination: DIRECTORY, options, is_directory: true }
    }

    /// The board's directory.
    pub(crate) fn board_mount(&self) -> Mount {
        let options = &["rbind", "ro", "nosuid", "nodev", "noexec"];
        Mount { source: self.board.clone(), destination: BOARD, options, is_directory: true }
    }

    /// The file for glibc's loader, which names the library by its path in the container.
    pub(crate) fn preload_mount(&self) -> Mount {
        let options = &["bind", "ro", "nosuid", "nodev", "noexec"];
        let source = self.directory.join(name_of(PRELOAD_FILE));
        Mount { source, destination: PRELOAD, options, is_directory: false }
    }

    /// The mounts that every container needs, the library's first, as far as their sources exist: a source that is
    /// missing would keep the container from starting. Without a library that can be loaded there is nothing to mount:
    /// loaders would complain at each start of a program.
    pub(crate) fn mounts(&self) -> Vec<Mount> {
        let can_load =
            |directory: &Path| statvfs(directory).is_ok_and(|it| !it.f_flag.contains(StatVfsMountFlags::NOEXEC));
        if !self.directory.join(name_of(LIBRARY)).is_file() || !can_load(&self.directory) {
            return Vec::new();
        }
        [self.library_mount(), self.board_mount()].into_iter().filter(Mount::is_there).collect()
    }
}

impl Mount {
    /// Whether its source exists and is of the right kind.
    pub(crate) fn is_there(&self) -> bool {
        if self.is_directory { self.source.is_dir() } else { self.source.is_file() }
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.is_directory
    }

    /// Whether every user can reach and read its source: a user namespace has other users.
    pub(crate) fn is_open_to_all(&self) -> bool {
        let mode_of = |path: &Path| stat(path).map_or(0, |stat| stat.st_mode);
        let can_read = mode_of(&self.source) & 0o004 != 0;
        let directories = self.source.ancestors().skip(usize::from(!self.is_directory));
        can_read && directories.into_iter().all(|directory| mode_of(directory) & 0o001 != 0)
    }
}

fn name_of(path: &'static str) -> &'static Path {
    Path::new(path).strip_prefix(DIRECTORY).expect("it is in the directory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_what_exists_is_mounted() {
        let home = tempfile::tempdir().unwrap();
        let host = Host { directory: home.path().join("lib"), board: home.path().join("board") };
        let destinations = || host.mounts().iter().map(|mount| mount.destination).collect::<Vec<_>>();
        fs::create_dir(&host.board).unwrap();
        assert!(destinations().is_empty());
        fs::create_dir(&host.directory).unwrap();
        assert!(destinations().is_empty(), "a directory without the library");
        fs::write(host.directory.join("libcgproc.so"), "").unwrap();
        assert_eq!(destinations(), [DIRECTORY, BOARD]);
        assert!(!host.preload_mount().is_there());
        fs::write(host.directory.join("ld.so.preload"), "").unwrap();
        assert!(host.preload_mount().is_there());
        fs::remove_dir(&host.board).unwrap();
        fs::write(&host.board, "").unwrap();
        assert_eq!(destinations(), [DIRECTORY]);
    }

    #[test]
    fn a_host_has_them_where_containers_see_them() {
        let host = Host::default();
        for mount in [host.library_mount(), host.board_mount()] {
            assert_eq!(mount.source, Path::new(mount.destination));
        }
        assert_eq!(host.preload_mount().source, Path::new(PRELOAD_FILE));
    }
}
