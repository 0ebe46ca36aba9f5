//! The mounted cgroup hierarchies, and our place in each.

use super::mounts::{self, Mount};
use anyhow::{Context, Result};
use calc::board::Kind;
use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt,
    path::{Component, Path, PathBuf},
};

/// The version 1 controllers that we know, by name; the names are also their mount options.
pub(crate) const CONTROLLERS: [(&str, Kind); 4] =
    [("memory", Kind::Memory), ("cpu", Kind::Cpu), ("cpuacct", Kind::Cpuacct), ("cpuset", Kind::Cpuset)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// A mounted hierarchy in which our own cgroup is visible.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MountedHierarchy {
    pub(crate) version: Version,
    /// Version 1's controllers; version 2 lists them in each directory.
    controllers: Vec<String>,
    pub(crate) mount: PathBuf,
    /// The path of the cgroup at the mount, as memberships have it: `/`, unless only a part of the hierarchy is mounted.
    root: PathBuf,
    own: PathBuf,
}

impl MountedHierarchy {
    /// Whether this is the version 1 hierarchy of `controller`.
    pub(crate) fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|it| it == controller)
    }

    /// The kinds that its cgroups have on the board.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        match self.version {
            Version::V2 => vec![Kind::Unified],
            Version::V1 => CONTROLLERS.iter().filter(|(name, _)| self.has(name)).map(|(_, kind)| *kind).collect(),
        }
    }

    /// The directory of our own cgroup.
    pub(crate) fn own(&self) -> &Path {
        &self.own
    }

    /// The directories from our own cgroup up to the mount.
    pub(crate) fn chain(&self) -> Vec<PathBuf> {
        self.own.ancestors().take_while(|path| path.starts_with(&self.mount)).map(Path::to_owned).collect()
    }
}

pub(crate) fn all() -> Result<Vec<MountedHierarchy>> {
    let read = |path: &'static str| fs::read(path).context(path);
    Ok(hierarchies(&read("/proc/self/cgroup")?, &read("/proc/self/mountinfo")?))
}

/// The path of the cgroup with this directory, below the mount of its hierarchy.
pub(crate) fn below_mount(directory: &Path) -> Option<PathBuf> {
    let hierarchies = all().ok()?;
    let below = hierarchies.iter().find_map(|hierarchy| directory.strip_prefix(&hierarchy.mount).ok())?;
    (below != Path::new("")).then(|| Path::new("/").join(below))
}

/// The path of the cgroup at the top of what is visible, as memberships have it.
pub(crate) fn top() -> Option<PathBuf> {
    let is_known = |it: &MountedHierarchy| !it.kinds().is_empty();
    all().ok()?.into_iter().find(is_known).map(|hierarchy| hierarchy.root)
}

/// Whether a directory stands for the machine's root cgroups, which nothing limits: the root of the file system by its
/// path below the mounts, or where a hierarchy is mounted. In a container, both stand for the container's own.
pub(crate) fn is_machines(directory: &Path) -> bool {
    // Only a root has the one, and only other cgroups have the other.
    let is_top = |it: &MountedHierarchy| match it.version {
        Version::V1 => it.mount.join("release_agent").exists(),
        Version::V2 => !it.mount.join("cgroup.type").exists(),
    };
    let meant = |it: &&MountedHierarchy| directory == Path::new("/") || directory == it.mount;
    let all = all().unwrap_or_default();
    let mut meant = all.iter().filter(meant).peekable();
    meant.peek().is_some() && meant.all(is_top)
}

/// The hierarchies in a `/proc/PID/cgroup` and a `/proc/PID/mountinfo`.
fn hierarchies(memberships: &[u8], mounts: &[u8]) -> Vec<MountedHierarchy> {
    let mounts = mounts::in_sight(mounts);
    memberships.split(|&b| b == b'\n').filter_map(|line| hierarchy(line, &mounts)).collect()
}

/// The hierarchy of one line, `4:memory:/docker/4f1e` or `0::/`.
fn hierarchy(line: &[u8], mounts: &[Mount<'_>]) -> Option<MountedHierarchy> {
    let mut fields = line.splitn(3, |&b| b == b':').skip(1);
    let controllers = String::from_utf8(fields.next()?.to_vec()).ok()?;
    let path = PathBuf::from(OsString::from_vec(fields.next()?.to_vec()));
    let version = if controllers.is_empty() { Version::V2 } else { Version::V1 };
    let controllers: Vec<String> = controllers.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    let shows = |mount: &&Mount<'_>| match version {
        Version::V2 => mount.file_system == b"cgroup2",
        Version::V1 => mount.file_system == b"cgroup" && controllers.iter().all(|it| mount.has(it)),
    };
    mounts.iter().filter(shows).find_map(|mount| {
        let (root, point) = (mount.root(), mount.point());
        let below = path.strip_prefix(&root).ok()?;
        // "/../x" is outside our cgroup namespace, under a name that we cannot see.
        let inside = !below.components().chain(root.components()).any(|it| it == Component::ParentDir);
        let own: PathBuf = point.components().chain(below.components()).collect();
        inside.then(|| MountedHierarchy { version, controllers: controllers.clone(), mount: point, root, own })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(memberships: &str, mounts: &str) -> Vec<(Version, String)> {
        let all = hierarchies(memberships.as_bytes(), mounts.as_bytes());
        all.iter().map(|it| (it.version, it.own.display().to_string())).collect()
    }

    #[test]
    fn version_1_with_controllers_apart_and_together() {
        let mounts = "\
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:2 - cgroup cgroup rw,cpu,cpuacct
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";
        let found = own("9:name=systemd:/x\n4:memory:/a/b\n2:cpu,cpuacct:/\n0::/u\n", mounts);
        let expected = [
            (Version::V1, "/sys/fs/cgroup/systemd/x"),
            (Version::V1, "/sys/fs/cgroup/memory/a/b"),
            (Version::V1, "/sys/fs/cgroup/cpu,cpuacct"),
            (Version::V2, "/sys/fs/cgroup/unified/u"),
        ];
        assert_eq!(found, expected.map(|(version, path)| (version, path.to_owned())));
    }

    #[test]
    fn a_container_whose_mount_begins_at_its_own_cgroup() {
        let mounts = "9 1 0:32 /docker/4f\\0401 /sys/fs/cgroup/me\\134m ro - cgroup cgroup rw,memory\n";
        assert_eq!(own("4:memory:/docker/4f 1/sub\n", mounts), [(Version::V1, "/sys/fs/cgroup/me\\m/sub".to_owned())]);
    }

    #[test]
    fn out_of_sight() {
        let outside = "9 1 0:32 /docker/other /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        assert_eq!(own("4:memory:/docker/own\n", outside), []);
        let above = "9 1 0:32 /.. /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        assert_eq!(own("4:memory:/\n", above), []);
        let unified = "9 1 0:32 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(own("0::/../beside\n", unified), []);
    }

    #[test]
    fn the_last_mount_on_a_point_counts() {
        let mounts = "\
8 1 0:32 /.. /sys/fs/cgroup ro - cgroup2 cgroup rw
9 1 0:32 / /sys/fs/cgroup ro - cgroup2 cgroup rw
";
        assert_eq!(own("0::/a\n", mounts), [(Version::V2, "/sys/fs/cgroup/a".to_owned())]);
        let hidden =
            "9 1 0:32 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n10 1 0:3 / /sys/fs/cgroup ro - tmpfs tmpfs rw\n";
        assert_eq!(own("0::/a\n", hidden), []);
    }

    #[test]
    fn the_chain_ends_at_the_mount() {
        let mounts = "9 1 0:32 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        let all = hierarchies(b"0::/a/b\n", mounts.as_bytes());
        let chain: Vec<_> = all[0].chain().iter().map(|it| it.display().to_string()).collect();
        assert_eq!(chain, ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"]);
    }
}
