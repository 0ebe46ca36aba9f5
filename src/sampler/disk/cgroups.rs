//! Which overlay the processes of a cgroup have for their root.

use super::{overlay::Overlay, seen::Root};
use crate::sampler::tree::{Hierarchy, Node, ROUND};
use std::sync::Arc;

/// Looks at the cgroups of a hierarchy that are young, since a container gets its root after its cgroup, and at those
/// whose turn has come. Returns the overlays, each with a process, some perhaps several times.
pub(super) fn look(hierarchy: &mut Hierarchy, round: usize, own_device: u64) -> Vec<(Arc<Overlay>, u32)> {
    let order = hierarchy.order();
    for &index in &order {
        look_at(hierarchy, index, round, own_device);
    }
    for &index in order.iter().rev() {
        sum(hierarchy, index);
    }
    let nodes = order.iter().filter_map(|index| hierarchy.node(*index));
    nodes.filter_map(|node| node.seen.own.overlay()).map(|(overlay, process)| (Arc::clone(overlay), process)).collect()
}

fn look_at(hierarchy: &mut Hierarchy, index: usize, round: usize, own_device: u64) {
    let Some(node) = hierarchy.node(index).filter(|node| node.is_published()) else { return };
    let is_due = node.seen.looks < ROUND || Node::has_turn(index, round);
    let own = is_due.then(|| Root::of(&hierarchy.first_processes(node), own_device));
    if let Some(Node { seen, .. }) = hierarchy.node_mut(index) {
        seen.looks += usize::from(is_due);
        if let Some(own) = own {
            seen.own = own;
        }
        seen.all = seen.own.clone();
    }
}

/// Adds what was seen of a cgroup to the one above it.
fn sum(hierarchy: &mut Hierarchy, index: usize) {
    let Some(node) = hierarchy.node(index) else { return };
    let (below, parent) = (node.seen.all.clone(), node.parent());
    if let Some(Node { seen, .. }) = parent.and_then(|parent| hierarchy.node_mut(parent)) {
        seen.all = std::mem::take(&mut seen.all).and(below);
    }
}
