//! Where the cgroup hierarchies begin.

use crate::host::{
    hierarchy::CONTROLLERS,
    mounts::{self, Mount},
};
use anyhow::{Context, Result};
use calc::board::Kind;
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// The form of a hierarchy's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    V1,
    V2,
    /// Files in version 2's form, kept up to date by `cgproc run`.
    Declared,
}

/// The top of a hierarchy, or of the part of it that is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    /// The directory.
    pub(crate) path: PathBuf,
    pub(crate) form: Form,
    /// The kinds that its cgroups are published as: version 1's controllers that we know, or the one kind of another
    /// form.
    pub(crate) kinds: Vec<Kind>,
    /// The file system's device number, if the root was found in a mount table. The path may lead elsewhere if
    /// something was mounted above it since.
    pub(crate) device: Option<u64>,
    /// Whether nothing is said about cgroups that are left out or not published.
    pub(crate) is_quiet: bool,
}

impl Root {
    /// A root at `path`, whose controllers are known.
    pub(crate) fn new(path: PathBuf, kinds: Vec<Kind>) -> Self {
        let form = match kinds.first() {
            Some(Kind::Unified) => Form::V2,
            Some(Kind::Declared) => Form::Declared,
            _ => Form::V1,
        };
        Self { path, form, kinds, device: None, is_quiet: false }
    }

    /// The kind of slot that has load and capacity, if this hierarchy provides them.
    pub(crate) fn load_kind(&self) -> Option<Kind> {
        self.kinds.iter().copied().find(|kind| matches!(kind, Kind::Unified | Kind::Cpuacct | Kind::Declared))
    }

    /// The root that a mount shows, if it is a hierarchy with something for us, as seen from the root directory `from`.
    fn of_mount(mount: &Mount<'_>, from: &Path) -> Option<Self> {
        Self::of_any(mount, from).filter(|root| !root.kinds.is_empty())
    }

    /// The root that a mount shows, if it is a hierarchy, even one with other controllers.
    pub(crate) fn of_any(mount: &Mount<'_>, from: &Path) -> Option<Self> {
        let kinds: Vec<Kind> = match mount.file_system {
            b"cgroup2" => vec![Kind::Unified],
            b"cgroup" => CONTROLLERS.iter().filter(|(name, _)| mount.has(name)).map(|it| it.1).collect(),
            _ => return None,
        };
        let path = from.join(mount.point().strip_prefix("/").ok()?);
        Some(Self { device: Some(mount.device), ..Self::new(path, kinds) })
    }
}

/// The hierarchies that are mounted here.
pub(crate) fn mounted() -> Result<Vec<Root>> {
    const TABLE: &str = "/proc/self/mountinfo";
    Ok(of_mounts(&table(TABLE).context(TABLE)?, Path::new("/")))
}

/// A mount table, up to the length that is read.
pub(crate) fn table(path: &str) -> io::Result<Vec<u8>> {
    /// Enough for some 100,000 mounts, the most that there may be.
    const MOST: u64 = 32 << 20;
    let mut table = Vec::new();
    File::open(path)?.take(MOST).read_to_end(&mut table)?;
    Ok(table)
}

/// The hierarchies in a mount table, as seen from the root directory `from`. Lines in another form are skipped.
pub(super) fn of_mounts(table: &[u8], from: &Path) -> Vec<Root> {
    mounts::in_sight(table).iter().filter_map(|mount| Root::of_mount(mount, from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};

    fn roots(mounts: &str) -> Vec<(String, Vec<Kind>)> {
        let found = of_mounts(mounts.as_bytes(), Path::new("/from"));
        found.into_iter().map(|root| (root.path.display().to_string(), root.kinds)).collect()
    }

    #[test]
    fn hierarchies_that_tell_something() {
        let found = roots(
            "\
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /a /sys/fs/cgroup/memory ro shared:9 - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
42 31 0:39 / /tmp rw - tmpfs tmpfs rw,cpu",
        );
        let expected = [
            ("/from/sys/fs/cgroup/cpu,cpuacct", vec![Kind::Cpu, Kind::Cpuacct]),
            ("/from/sys/fs/cgroup/memory", vec![Kind::Memory]),
            ("/from/sys/fs/cgroup/unified", vec![Kind::Unified]),
        ];
        assert_eq!(found, expected.map(|(path, kinds)| (path.to_owned(), kinds)));
    }

    #[test]
    fn bytes_are_bytes() {
        let table = b"43 31 0:40 / /h/\xff\xfe rw - fuse x rw\n44 31 0:41 / odd\n\
            41 31 0:38 / /a\\040\xff rw - cgroup2 cgroup2 rw\n";
        let found: Vec<_> = of_mounts(table, Path::new("/from")).into_iter().map(|root| root.path).collect();
        assert_eq!(found, [PathBuf::from(OsString::from_vec(b"/from/a \xff".to_vec()))]);
    }

    #[test]
    fn what_a_later_mount_hides_is_not_looked_for() {
        let mounts = "\
9 1 0:32 / /sys/fs/cgroup ro - cgroup2 cgroup rw
10 1 0:3 / /sys/fs/cgroup ro - tmpfs tmpfs rw";
        assert_eq!(roots(mounts), []);
    }

    #[test]
    fn forms_follow_the_kinds() {
        let form = |kind| Root::new("/x".into(), vec![kind]).form;
        assert_eq!([Kind::Unified, Kind::Cpuset, Kind::Declared].map(form), [Form::V2, Form::V1, Form::Declared]);
        assert_eq!(Root::new("/x".into(), vec![Kind::Cpu, Kind::Cpuacct]).load_kind(), Some(Kind::Cpuacct));
        assert_eq!(Root::new("/x".into(), vec![Kind::Memory]).load_kind(), None);
    }
}
