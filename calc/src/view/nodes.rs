//! How the container's memory is divided among the machine's NUMA nodes.

use crate::{
    answer::NODES,
    capacity,
    cgroup::{
        cpuset::{self, Kind},
        places::Places,
    },
    cpus::CpuSet,
    lines::Lines,
    path, scan,
    source::{Files, Source},
};
use core::num::NonZero;

/// A node's part of a sum. The parts of all nodes add up to the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The part of `whole` that belongs to the nodes before.
    pub before: u64,
    /// The part of `whole` that belongs to the node.
    pub part: u64,
    /// The memory of all nodes that the container may use.
    pub whole: u64,
}

impl Share {
    /// The whole of a sum.
    pub(crate) const ALL: Self = Self { before: 0, part: 1, whole: 1 };

    /// The node's part of `sum`: what it and the nodes before have together, minus what those have.
    pub fn of(&self, sum: u64) -> u64 {
        self.up_to(self.before.saturating_add(self.part), sum).saturating_sub(self.up_to(self.before, sum))
    }

    /// The part of `sum` that belongs to the first `nodes` of the whole.
    fn up_to(&self, nodes: u64, sum: u64) -> u64 {
        match NonZero::new(self.whole) {
            _ if nodes == 0 => 0,
            Some(whole) if nodes < whole.get() => capacity::scale(sum, nodes, whole),
            _ => sum,
        }
    }

    /// The same share with `sum` as the whole. Whatever it divides fits into the node's part of `sum`.
    pub(crate) fn scaled(&self, sum: u64) -> Self {
        Self { before: self.up_to(self.before, sum), part: self.of(sum), whole: sum }
    }

    /// The share of the rest, once `taken` of the whole is divided.
    pub(crate) fn without(&self, taken: u64) -> Self {
        Self {
            before: self.before.saturating_sub(self.up_to(self.before, taken)),
            part: self.part.saturating_sub(self.of(taken)),
            whole: self.whole.saturating_sub(taken),
        }
    }
}

/// The share of the node whose own meminfo is `host`, by the memory of the nodes that the container may use. A node
/// that it may not use has no share. `host` is left at its start.
pub fn share(files: &impl Files, places: &Places, host: &mut impl Source, scratch: &mut [u8]) -> Option<Share> {
    let own = Node::read(host, scratch)?;
    host.rewind();
    let mut nodes = CpuSet::EMPTY;
    cpuset::allowed(Kind::Mems, files, places, &mut nodes, scratch)?;
    let mut share = Share { before: 0, part: 0, whole: 0 };
    for number in nodes.iter() {
        let kib = if number == own.number { own.kib } else { memory_of(files, number, scratch)? };
        share.whole = share.whole.checked_add(kib)?;
        if number < own.number {
            share.before = share.whole;
        } else if number == own.number {
            share.part = kib;
        }
    }
    (share.whole > 0).then_some(share)
}

/// A node's memory in KiB, according to the kernel.
#[inline(never)]
fn memory_of(files: &impl Files, number: u64, scratch: &mut [u8]) -> Option<u64> {
    let path = path::below_member(scratch, NODES, b"node", number, b"/meminfo")?;
    let node = Node::read(&mut files.open(path)?, scratch)?;
    (node.number == number).then_some(node.kib)
}

/// The first line of a node's meminfo.
struct Node {
    number: u64,
    kib: u64,
}

impl Node {
    /// `Node 0 MemTotal:       24684084 kB`
    #[inline(never)]
    fn read(file: &mut impl Source, scratch: &mut [u8]) -> Option<Self> {
        let mut lines = Lines::new(file, scratch);
        let (number, rest) = scan::number(lines.next().ok()??.whole()?.strip_prefix(b"Node ")?)?;
        match scan::number(scan::after_blanks(rest.strip_prefix(b" MemTotal:")?))? {
            (kib, b" kB\n") => Some(Self { number, kib }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cgroup::places::Whose,
        fixture::{Bytes, Tree},
    };
    use proptest::prelude::*;
    use std::{format, string::String, vec::Vec};

    fn meminfo(node: usize, kib: u64) -> String {
        format!("Node {node} MemTotal:       {kib:8} kB\nNode {node} MemFree:        {kib:8} kB\n")
    }

    /// A machine with a v2 process at `/a/b`; the nodes have this much memory.
    fn machine(nodes: &[u64]) -> Tree {
        let tree = Tree::default()
            .with("/proc/self/cgroup", "0::/a/b\n")
            .with_directory("/sys/fs/cgroup", 1, 3)
            .with_directory("/sys/fs/cgroup/a/b", 9, 2)
            .with("/sys/devices/system/node/online", format!("0-{}\n", nodes.len() - 1));
        nodes.iter().enumerate().fold(tree, |tree, (node, kib)| {
            tree.with(&format!("/sys/devices/system/node/node{node}/meminfo"), meminfo(node, *kib))
        })
    }

    /// A node's share: before, part and whole.
    fn of(tree: &Tree, host: &str) -> Option<(u64, u64, u64)> {
        let places = Places::locate(tree, Whose::Caller, &mut [0; 512]).unwrap();
        let mut host = Bytes::new(host);
        let share = share(tree, &places, &mut host, &mut [0; 512])?;
        assert!(Node::read(&mut host, &mut [0; 512]).is_some(), "the node's text is read again from its start");
        Some((share.before, share.part, share.whole))
    }

    #[test]
    fn one_node_has_all() {
        let tree = machine(&[500]);
        assert_eq!(of(&tree, &meminfo(0, 500)), Some((0, 500, 500)));
        assert_eq!(
            of(&tree.with("/sys/fs/cgroup/a/b/cpuset.mems.effective", "0\n"), &meminfo(0, 500)),
            Some((0, 500, 500))
        );
    }

    #[test]
    fn nodes_share_by_their_memory() {
        let tree = machine(&[100, 0, 300]);
        assert_eq!(of(&tree, &meminfo(0, 100)), Some((0, 100, 400)));
        assert_eq!(of(&tree, &meminfo(1, 0)), Some((100, 0, 400)));
        assert_eq!(of(&tree, &meminfo(2, 300)), Some((100, 300, 400)));
    }

    #[test]
    fn a_node_outside_the_cpuset_has_no_part() {
        let tree = machine(&[100, 200, 300]).with("/sys/fs/cgroup/a/b/cpuset.mems.effective", "0,2\n");
        assert_eq!(of(&tree, &meminfo(1, 200)), Some((100, 0, 400)));
        assert_eq!(of(&tree, &meminfo(2, 300)), Some((100, 300, 400)));
        let tree = machine(&[100, 200]).with("/sys/fs/cgroup/a/cpuset.mems", "1\n");
        assert_eq!(of(&tree.with("/sys/fs/cgroup/a/b/cpuset.mems", "\n"), &meminfo(1, 200)), Some((0, 200, 200)));
    }

    #[test]
    fn v1_has_its_own_files() {
        let tree = machine(&[100, 200])
            .with("/proc/self/cgroup", "2:cpuset:/a\n")
            .with_directory("/sys/fs/cgroup/cpuset", 1, 3)
            .with_directory("/sys/fs/cgroup/cpuset/a", 9, 2)
            .with("/sys/fs/cgroup/cpuset/a/cpuset.mems", "0-1\n");
        assert_eq!(of(&tree, &meminfo(1, 200)), Some((100, 200, 300)));
        let tree = tree.with("/sys/fs/cgroup/cpuset/a/cpuset.effective_mems", "1\n");
        assert_eq!(of(&tree, &meminfo(1, 200)), Some((0, 200, 200)));
    }

    #[test]
    fn v1_may_be_mounted_without_the_prefix() {
        let tree = machine(&[100, 200])
            .with("/proc/self/cgroup", "2:cpuset:/a\n")
            .with_directory("/sys/fs/cgroup/cpuset", 1, 3)
            .with_directory("/sys/fs/cgroup/cpuset/a", 9, 2)
            .with("/sys/fs/cgroup/cpuset/a/mems", "0-1\n");
        assert_eq!(of(&tree, &meminfo(1, 200)), Some((100, 200, 300)));
        assert_eq!(
            of(&tree.with("/sys/fs/cgroup/cpuset/a/effective_mems", "1\n"), &meminfo(1, 200)),
            Some((0, 200, 200))
        );
    }

    #[test]
    fn doubt() {
        let tree = machine(&[100, 200]);
        for text in
            ["", "MemTotal: 100 kB\n", "Node 0 MemTotal: 100\n", "Node x MemTotal: 100 kB\n", "Node 0 MemFree: 1 kB\n"]
        {
            assert_eq!(of(&tree, text), None, "{text:?}");
        }
        assert_eq!(of(&machine(&[0]), &meminfo(0, 0)), None);
        let with = |path: &str, text| of(&tree.clone().with(path, text), &meminfo(0, 100));
        assert_eq!(with("/sys/devices/system/node/online", "0-2\n"), None);
        assert_eq!(with("/sys/devices/system/node/node1/meminfo", "Node 7 MemTotal: 200 kB\n"), None);
        assert_eq!(
            with("/sys/fs/cgroup/a/b/cpuset.mems.effective", "all\n"),
            Some((0, 100, 300)),
            "all that are online"
        );
    }

    proptest! {
        #[test]
        fn what_fits_into_the_whole_fits_into_each_part(
            nodes in prop::collection::vec(0_u64..1 << 40, 1..9), sum in 0_u64..1 << 50, taken in 0.0..=1.0, then in 0.0..=1.0,
        ) {
            let fraction = |of: u64, fraction: f64| ((of as f64 * fraction) as u64).min(of);
            let taken = fraction(sum, taken);
            let then = fraction(sum - taken, then);
            let mut before = 0;
            let mut sums = [0; 3];
            for part in &nodes {
                let share = Share { before, part: *part, whole: nodes.iter().sum() }.scaled(sum);
                let rest = share.without(taken);
                prop_assert!(share.of(taken) + rest.of(then) <= share.part);
                prop_assert_eq!(share.of(taken) + rest.part, share.part);
                before += part;
                sums = [sums[0] + share.part, sums[1] + share.of(taken), sums[2] + rest.of(then)];
            }
            prop_assert!(before == 0 || sums == [sum, taken, then]);
        }

        #[test]
        fn parts_add_up(nodes in prop::collection::vec(0_u64..1 << 50, 1..9), sum: u64, garbage: (u64, u64, u64)) {
            let tree = machine(&nodes);
            let parts: Option<Vec<_>> = nodes.iter().enumerate().map(|(node, kib)| {
                let (before, part, whole) = of(&tree, &meminfo(node, *kib))?;
                Some(Share { before, part, whole }.of(sum))
            }).collect();
            prop_assert_eq!(parts.map(|parts| parts.iter().sum::<u64>()), (nodes.iter().sum::<u64>() > 0).then_some(sum));
            let (before, part, whole) = garbage;
            let _ = Share { before, part, whole }.scaled(sum).without(sum);
            let _ = Share { before, part, whole }.of(sum);
        }
    }
}
