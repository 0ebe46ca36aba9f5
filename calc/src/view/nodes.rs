//! How the container's memory is divided among the machine's NUMA nodes.

use crate::{
    cgroup::places::Places,
    source::{Files, Source},
};

/// The part of a sum that falls to one node: the parts of all nodes add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// What the nodes before have of `whole`.
    pub before: u64,
    /// What the node has of it.
    pub part: u64,
    /// All nodes that the container may take memory from.
    pub whole: u64,
}

/// The share of the node whose kernel's own meminfo is `host`.
pub fn share(files: &impl Files, places: &Places, host: &mut impl Source, scratch: &mut [u8]) -> Option<Share> {
    let _ = (files, places, host, scratch);
    None
}
