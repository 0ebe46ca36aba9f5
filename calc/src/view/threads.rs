//! How many threads the container has at this moment.

use crate::{
    cgroup::{Controller, Version, places::Places},
    source::Files,
};

/// Where distributions mount version 1's hierarchy of the controller.
const PIDS: &[u8] = b"/sys/fs/cgroup/pids";

/// The threads of the scope and of the cgroups below it, by the pids controller: `None` where that is not there. On version
/// 1 it is looked for in the cgroup of the same path as the one whose CPU time is counted.
pub fn threads(files: &impl Files, places: &Places, scratch: &mut [u8]) -> Option<u64> {
    let place = places.hierarchy(Controller::Cpuacct)?;
    let scope = place.chain_of_scope().next()?;
    let counted = match place.version {
        Version::V1 => scope.at_mount(PIDS),
        Version::V2 => scope,
    };
    counted.number(files, b"pids.current", scratch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cgroup::places::Whose, fixture::Tree};

    fn of(tree: &Tree) -> Option<u64> {
        let places = Places::locate(tree, Whose::Caller, &mut [0; 512]).unwrap();
        threads(tree, &places, &mut [0; 512])
    }

    #[test]
    fn version_2_has_them_beside_the_rest() {
        let tree = Tree::default().with("/proc/self/cgroup", "0::/a\n").with_directory("/sys/fs/cgroup", 1, 3);
        let tree = tree.with_directory("/sys/fs/cgroup/a", 9, 2);
        assert_eq!(of(&tree), None);
        assert_eq!(of(&tree.clone().with("/sys/fs/cgroup/a/pids.current", "12\n")), Some(12));
        assert_eq!(of(&tree.with("/sys/fs/cgroup/a/pids.current", "many\n")), None);
    }

    #[test]
    fn version_1_has_them_in_another_hierarchy() {
        let tree = Tree::default().with("/proc/self/cgroup", "2:cpuacct:/a\n");
        let tree = tree.with_directory("/sys/fs/cgroup/cpuacct", 1, 3).with_directory("/sys/fs/cgroup/cpuacct/a", 9, 2);
        assert_eq!(of(&tree), None);
        assert_eq!(of(&tree.with("/sys/fs/cgroup/pids/a/pids.current", "7\n")), Some(7));
    }
}
