//! Finds the overlay that a cgroup's processes have as their root.

use super::{overlay::Overlay, rootfs::RootFs};
use crate::sampler::tree::{Hierarchy, Node, ROUND};
use std::{collections::HashMap, mem::take, sync::Arc};

/// Cgroups that may be containers, by the numbers of their hierarchies and their own.
#[derive(Default)]
pub(super) struct Candidates(HashMap<(usize, u64), Candidate>);

#[derive(Default)]
struct Candidate {
    own: RootFs,
    /// The root of its own processes and of those below it.
    all: RootFs,
    looks: usize,
}

impl Candidates {
    /// Looks at the young cgroups of these hierarchies, since a container gets its root after its cgroup, and at those
    /// whose turn it is; forgets removed ones. Returns the overlays, each with a process. An overlay may be returned
    /// several times.
    pub(super) fn look<'h>(
        &mut self,
        hierarchies: impl Iterator<Item = &'h mut Hierarchy>,
        round: usize,
        own_device: u64,
    ) -> Vec<(Arc<Overlay>, u32)> {
        let mut before = take(&mut self.0);
        let mut overlays = Vec::new();
        for hierarchy in hierarchies {
            let order = hierarchy.order();
            for &index in &order {
                let Some(node) = hierarchy.node(index).filter(|node| node.is_published()) else { continue };
                let candidate = before.remove(&key(hierarchy, node)).unwrap_or_default();
                let is_due = candidate.looks < ROUND || Node::has_turn(index, round);
                let processes = is_due.then(|| hierarchy.first_processes(node));
                let candidate = candidate.looked_at(processes.as_deref(), own_device);
                overlays.extend(candidate.own.overlay().map(|(overlay, process)| (Arc::clone(overlay), process)));
                self.0.insert(key(hierarchy, node), candidate);
            }
            for &index in order.iter().rev() {
                self.sum(hierarchy, index);
            }
        }
        overlays
    }

    /// The overlay that all processes of a cgroup have, including those below it.
    pub(super) fn overlay(&self, hierarchy: &Hierarchy, node: &Node) -> Option<&Overlay> {
        self.0.get(&key(hierarchy, node))?.all.overlay().map(|(overlay, _)| &**overlay)
    }

    /// Adds what was seen of a cgroup to the one above it.
    fn sum(&mut self, hierarchy: &Hierarchy, index: usize) {
        let Some(node) = hierarchy.node(index) else { return };
        let below = self.0.get(&key(hierarchy, node)).map(|candidate| candidate.all.clone());
        let parent = node.parent().and_then(|parent| self.0.get_mut(&key(hierarchy, hierarchy.node(parent)?)));
        if let (Some(below), Some(parent)) = (below, parent) {
            parent.all = take(&mut parent.all).and(below);
        }
    }
}

impl Candidate {
    /// Updates it from the cgroup's processes, if these were looked at.
    fn looked_at(self, processes: Option<&[u32]>, own_device: u64) -> Self {
        let own = processes.map_or(self.own, |processes| RootFs::of(processes, own_device));
        Self { all: own.clone(), own, looks: self.looks + usize::from(processes.is_some()) }
    }
}

fn key(hierarchy: &Hierarchy, node: &Node) -> (usize, u64) {
    (hierarchy.number(), node.id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::roots::Root;
    use calc::board::Kind;
    use std::fs;

    #[test]
    fn those_that_are_gone_are_forgotten() {
        let top = std::env::temp_dir().join(format!("cgproc-candidates-{}", std::process::id()));
        fs::create_dir_all(top.join("a/b")).unwrap();
        for directory in ["", "a", "a/b"] {
            fs::write(top.join(directory).join("cgroup.procs"), std::process::id().to_string() + "\n").unwrap();
        }
        let mut hierarchy = Hierarchy::open(Root::new(top.clone(), vec![Kind::Unified]), 0, 3).unwrap();
        hierarchy.explore(&mut None);
        let mut candidates = Candidates::default();
        let mut looks = |hierarchy: &mut Hierarchy, round| {
            candidates.look([hierarchy].into_iter(), round, rustix::fs::stat("/").unwrap().st_dev);
            let mut looks: Vec<usize> = candidates.0.values().map(|candidate| candidate.looks).collect();
            looks.sort_unstable();
            looks
        };
        assert_eq!(looks(&mut hierarchy, 0), [1, 1, 1]);
        fs::remove_dir_all(top.join("a/b")).unwrap();
        hierarchy.refresh(1, true, &mut None);
        assert_eq!(looks(&mut hierarchy, 1), [2, 2]);
        hierarchy.clear(&mut None);
        assert_eq!(looks(&mut hierarchy, 2), [0; 0]);
        fs::remove_dir_all(top).unwrap();
    }
}
