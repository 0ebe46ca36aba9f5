//! How many threads the container has now, and how many it may have.

use crate::{
    cgroup::{
        Controller,
        least::{self, By, Least},
        pids,
        places::Places,
    },
    source::Files,
};

/// The number of threads in the scope and the cgroups below it; `None` without a pids controller.
pub fn threads(files: &impl Files, places: &Places, scratch: &mut [u8]) -> Option<u64> {
    let scope = places.hierarchy(Controller::Pids)?.chain_of_scope().next()?;
    pids::count(&scope.among(files), scratch)
}

/// The most threads that the chain allows (`pids.max`); `None` for no limit.
pub fn limit(files: &impl Files, places: &Places, scratch: &mut [u8]) -> Option<u64> {
    least(files, places, scratch).map(|least| least.value)
}

/// The same, with what set it.
pub fn least(files: &impl Files, places: &Places, scratch: &mut [u8]) -> Option<Least<u64>> {
    let mut least = None;
    for level in places.hierarchy(Controller::Pids)?.chain() {
        if let Some(limit) = pids::limit(&level.among(files), scratch) {
            least::lower(&mut least, limit, By::level(Controller::Pids, level.depth()));
        }
    }
    least
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
        for odd in ["many\n", "4194305\n", "18446744073709551615\n"] {
            assert_eq!(of(&tree.clone().with("/sys/fs/cgroup/a/pids.current", odd)), None, "{odd}");
        }
        assert_eq!(of(&tree.with("/sys/fs/cgroup/a/pids.current", "4194304\n")), Some(4 << 20));
    }

    #[test]
    fn version_1_has_them_in_another_hierarchy() {
        let tree = Tree::default().with("/proc/self/cgroup", "2:pids:/a\n");
        let tree = tree.with_directory("/sys/fs/cgroup/pids", 1, 3).with_directory("/sys/fs/cgroup/pids/a", 9, 2);
        assert_eq!(of(&tree), None);
        assert_eq!(of(&tree.with("/sys/fs/cgroup/pids/a/pids.current", "7\n")), Some(7));
    }

    #[test]
    fn the_least_limit_of_the_chain_counts() {
        let tree = Tree::default().with("/proc/self/cgroup", "0::/a/b\n").with_directory("/sys/fs/cgroup", 1, 3);
        let tree = tree.with_directory("/sys/fs/cgroup/a", 8, 3).with_directory("/sys/fs/cgroup/a/b", 9, 2);
        let limit = |files: &[(&str, &str)]| {
            let tree = files.iter().fold(tree.clone(), |tree, (path, text)| {
                tree.with(&std::format!("/sys/fs/cgroup{path}/pids.max"), text)
            });
            let places = Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap();
            super::limit(&tree, &places, &mut [0; 512])
        };
        assert_eq!(limit(&[("/a/b", "max\n"), ("/a", "max\n")]), None);
        assert_eq!(limit(&[("/a/b", "200\n"), ("/a", "max\n")]), Some(200));
        assert_eq!(limit(&[("/a/b", "200\n"), ("/a", "100\n")]), Some(100));
        assert_eq!(limit(&[("/a", "100\n")]), Some(100));
        assert_eq!(limit(&[("/a/b", "0\n"), ("/a", "100\n")]), Some(100));
        assert_eq!(limit(&[("/a/b", "0\n")]), None);
        assert_eq!(limit(&[("/a/b", "many\n"), ("/a", "100\n")]), Some(100));
        assert_eq!(limit(&[]), None);
    }
}
