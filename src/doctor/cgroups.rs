//! Where the cgroups are, and what limits they have.

use super::{Finding, container};
use crate::{
    host::namespace::Namespace,
    see::{
        explain::{Limit, limits as limits_in_force},
        view::View,
    },
    settings::Settings,
};
use procfs::process::MountInfo;
use std::{
    fs,
    path::{Component, Path, PathBuf},
};

const CHECK: &str = "cgroups";

/// The version 1 controllers that figures come from, as `/proc/PID/cgroup` names them.
const CONTROLLERS: [&str; 6] = ["memory", "cpu", "cpuacct", "cpuset", "blkio", "pids"];

/// Our own cgroup in one hierarchy.
struct Membership {
    /// Version 1's; empty for version 2.
    controllers: Vec<String>,
    path: String,
}

impl Membership {
    /// This process's memberships that figures come from, each a line such as `4:memory:/docker/4f1e`.
    fn all() -> Vec<Self> {
        let text = container::text(Path::new("/proc/self/cgroup"));
        text.lines().filter_map(Self::parse).collect()
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(3, ':').skip(1);
        let names: Vec<&str> = fields.next()?.split(',').filter(|name| !name.is_empty()).collect();
        let controllers = names.iter().filter(|name| CONTROLLERS.contains(name)).map(|name| (*name).to_owned());
        let controllers: Vec<String> = controllers.collect();
        (names.is_empty() || !controllers.is_empty()).then_some(Self { controllers, path: fields.next()?.to_owned() })
    }

    fn is_unified(&self) -> bool {
        self.controllers.is_empty()
    }

    fn name(&self) -> String {
        if self.is_unified() { "version 2".to_owned() } else { self.controllers.join(",") }
    }

    /// Whether a mount is of this hierarchy.
    fn is_of(&self, mount: &MountInfo) -> bool {
        match mount.fs_type.as_str() {
            "cgroup2" => self.is_unified(),
            "cgroup" => !self.is_unified() && self.controllers.iter().all(|it| mount.super_options.contains_key(it)),
            _ => false,
        }
    }

    /// Its directory, as far as a mount shows it.
    fn shown(&self, mounts: &[MountInfo]) -> Option<PathBuf> {
        mounts.iter().rev().filter(|mount| self.is_of(mount)).find_map(|mount| self.directory(mount))
    }

    /// Its directory below a mount that shows it.
    fn directory(&self, mount: &MountInfo) -> Option<PathBuf> {
        let below = Path::new(&self.path).strip_prefix(&mount.root).ok()?;
        // "/../x" is outside the namespace, and `..` of the mounted directory leads to another file system.
        let is_inside = !below.components().any(|it| it == Component::ParentDir);
        let directory: PathBuf = mount.mount_point.components().chain(below.components()).collect();
        (is_inside && directory.join("cgroup.procs").exists()).then_some(directory)
    }
}

/// The version, the layout, and what is not visible.
pub(super) fn check(mounts: &[MountInfo]) -> Vec<Finding> {
    let memberships = Membership::all();
    let has_v1 = memberships.iter().any(|it| !it.is_unified());
    let unified = memberships.iter().find(|it| it.is_unified());
    let layout = match (has_v1, unified) {
        (true, Some(unified)) if unified.shown(mounts).is_some() => "hybrid: version 1, and version 2 beside it",
        (true, _) => "version 1",
        (false, Some(_)) => "version 2",
        (false, None) => {
            let found = Finding::problem(CHECK, "cgroups-none", "/proc/self/cgroup names no cgroup");
            return vec![found.cure("mount /proc, and use a kernel with cgroups")];
        }
    };
    let namespace = if Namespace::Cgroup.is_another() { ", in a cgroup namespace" } else { "" };
    let first = Finding::ok(CHECK, "cgroups", format!("{layout}{namespace}"));
    // If version 1 is there, version 2 need not be visible.
    let needed = memberships.iter().filter(|it| !(has_v1 && it.is_unified()) || it.shown(mounts).is_some());
    let places = needed.flat_map(|it| [Some(place(it, mounts)), not_enabled(it, mounts, has_v1)]);
    [first].into_iter().chain(places.flatten()).collect()
}

/// Where the cgroup is in one hierarchy, or why that is unknown.
fn place(membership: &Membership, mounts: &[MountInfo]) -> Finding {
    let name = membership.name();
    let Some(mount) = mounts.iter().find(|mount| membership.is_of(mount)) else {
        let found = format!("{name}: the hierarchy is not mounted, so its figures are the machine's");
        return Finding::problem(CHECK, "cgroups-not-mounted", found)
            .on("/sys/fs/cgroup")
            .cure("mount the cgroup file system there; read-only is enough");
    };
    if let Some(directory) = membership.shown(mounts) {
        return Finding::ok(CHECK, "cgroups-place", format!("{name}: this process's cgroup is visible"))
            .on(directory.display());
    }
    let outside = if membership.path.starts_with("/..") { "of the cgroup namespace" } else { "of what is mounted" };
    let found = format!(
        "{name}: this process's cgroup {} is outside {outside}, so its figures are the machine's",
        membership.path
    );
    Finding::problem(CHECK, "cgroups-outside", found)
        .on(mount.mount_point.display())
        .cure("start the program inside the container, or set CGPROC_CGROUP to its cgroup")
}

/// Version 2's controllers that are not enabled for our own cgroup, unless version 1 has most of them.
fn not_enabled(membership: &Membership, mounts: &[MountInfo], has_v1: bool) -> Option<Finding> {
    const NEEDED: [&str; 4] = ["memory", "cpu", "io", "pids"];
    let directory = membership.shown(mounts).filter(|_| membership.is_unified() && !has_v1)?;
    let enabled = fs::read_to_string(directory.join("cgroup.controllers")).ok()?;
    let missing = NEEDED.into_iter().filter(|name| !enabled.split_whitespace().any(|it| it == *name));
    let missing = missing.collect::<Vec<_>>().join(", ");
    let found =
        format!("version 2: not enabled here: {missing}. These figures come from a cgroup above, or are the machine's");
    (!missing.is_empty()).then(|| {
        Finding::note(CHECK, "cgroups-not-enabled", found)
            .on(directory.display())
            .cure("write +memory +cpu +io +pids to cgroup.subtree_control of the cgroups above")
    })
}

/// The limits in force.
pub(super) fn limits(settings: Option<&Settings>, view: Option<&View>) -> Vec<Finding> {
    let (Some(settings), Some(_)) = (settings, view) else { return Vec::new() };
    let found = limits_in_force(settings);
    let of = |Limit { name, value, imposer }| Finding::ok("limits", "limit", format!("{name} is {value}")).on(imposer);
    if found.is_empty() {
        let found = "no visible cgroup limits memory, CPUs or processes: those figures are the machine's";
        return vec![
            Finding::note("limits", "limits-none", found)
                .cure("set limits on the container, or declare them: CGPROC_MEMORY, CGPROC_CPUS"),
        ];
    }
    found.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_that_figures_come_from() {
        let names = |line| Membership::parse(line).map(|it| (it.name(), it.path));
        assert_eq!(names("4:memory:/docker/4f"), Some(("memory".to_owned(), "/docker/4f".to_owned())));
        assert_eq!(names("2:cpu,cpuacct:/a:b"), Some(("cpu,cpuacct".to_owned(), "/a:b".to_owned())));
        assert_eq!(names("0::/"), Some(("version 2".to_owned(), "/".to_owned())));
        assert_eq!(names("9:name=systemd:/x"), None);
        assert_eq!(names("5:devices:/x"), None);
        assert_eq!(names("garbage"), None);
    }
}
