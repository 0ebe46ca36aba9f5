//! Which of the visible processes belong to this container.

use crate::host::namespace::Namespace;
use std::{fs, path::Path};

/// What distinguishes the processes of this container from other visible ones.
pub(super) struct Container {
    /// In a pid namespace other than the machine's, all visible processes belong to it.
    has_namespace: bool,
    /// `/proc/PID/cgroup`
    cgroups: String,
}

impl Container {
    /// This process's own.
    pub(super) fn own() -> Self {
        Self { has_namespace: Namespace::Pid.is_another(), cgroups: text(Path::new("/proc/self/cgroup")) }
    }

    /// Whether a process with these cgroups is in the same cgroup or below it, in each hierarchy.
    pub(super) fn has(&self, cgroups: &str) -> bool {
        // From the root of a cgroup namespace, cgroups outside it have paths as well.
        let is_outside = |rest: &str| rest.trim_start_matches('/').split('/').next() == Some("..");
        let is_below = |line: &str| {
            let rest = cgroups.lines().find_map(|other| other.strip_prefix(line));
            let is_whole = |rest: &str| rest.is_empty() || rest.starts_with('/') || line.ends_with('/');
            rest.is_some_and(|rest| is_whole(rest) && !is_outside(rest))
        };
        self.has_namespace || self.cgroups.lines().all(is_below)
    }
}

/// A kernel file that contains names chosen by anyone, in any bytes.
pub(super) fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_the_same_cgroup_and_below() {
        let has = |own: &str, other| Container { has_namespace: false, cgroups: own.to_owned() }.has(other);
        assert!(has("4:memory:/a\n2:cpu:/\n", "4:memory:/a/b\n2:cpu:/x\n"));
        assert!(has("0::/\n", "0::/a\n") && has("0::/a\n", "0::/a\n"));
        assert!(!has("0::/a\n", "0::/ab\n") && !has("0::/a\n", "0::/\n") && !has("0::/a\n", ""));
        assert!(!has("0::/\n", "0::/..\n") && !has("0::/\n", "0::/../x\n") && has("0::/\n", "0::/..x\n"));
        assert!(Container { has_namespace: true, cgroups: "0::/a\n".to_owned() }.has("0::/\n"));
    }
}
