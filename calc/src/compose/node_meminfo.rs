//! `/sys/devices/system/node/nodeN/meminfo`

use super::{MemoryFigures, meminfo};
use crate::{
    source::Source,
    text::{Sink, Text},
    view::nodes::Share,
};

/// `/sys/devices/system/node/nodeN/meminfo`: the kernel's lines, with the node's share of the container's figures, by
/// the rules of `/proc/meminfo`.
pub fn node_meminfo<S: Sink>(
    figures: &MemoryFigures,
    share: &Share,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    meminfo::lines(figures, share, host, out, scratch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Bytes, composed};
    use proptest::prelude::*;
    use std::{
        collections::BTreeMap,
        format,
        string::{String, ToString},
        vec::Vec,
    };

    /// The keys of a node's meminfo in Linux 6.18.
    const KEYS: [&str; 33] = [
        "MemTotal",
        "MemFree",
        "MemUsed",
        "SwapCached",
        "Active",
        "Inactive",
        "Active(anon)",
        "Inactive(anon)",
        "Active(file)",
        "Inactive(file)",
        "Unevictable",
        "Mlocked",
        "Dirty",
        "Writeback",
        "FilePages",
        "Mapped",
        "AnonPages",
        "Shmem",
        "KernelStack",
        "PageTables",
        "SecPageTables",
        "NFS_Unstable",
        "Bounce",
        "WritebackTmp",
        "KReclaimable",
        "Slab",
        "SReclaimable",
        "SUnreclaim",
        "AnonHugePages",
        "ShmemHugePages",
        "ShmemPmdMapped",
        "FileHugePages",
        "FilePmdMapped",
    ];

    /// The file in the kernel's form.
    fn host(node: u64, kib: u64) -> String {
        let lines = KEYS.map(|key| format!("Node {node} {:<16}{kib:8} kB\n", format!("{key}:")));
        lines.concat() + &format!("Node {node} HugePages_Total: {:5}\n", 7)
    }

    fn text(figures: &MemoryFigures, share: &Share, host: &str) -> Option<String> {
        composed(|out| node_meminfo(figures, share, &mut Bytes::in_steps(host, 300), out, &mut [0; 512]))
    }

    fn numbers(text: &str) -> BTreeMap<String, u64> {
        let kib = |line: &str| line.strip_suffix(" kB")?.rsplit(' ').next()?.parse().ok();
        text.lines().filter_map(|line| Some((line.split([' ', ':']).nth(2)?.to_string(), kib(line)?))).collect()
    }

    const MIB: u64 = 1 << 20;

    #[test]
    fn only_the_numbers_change() {
        let figures = MemoryFigures::of(512 * MIB, 100 * MIB, &[0; 26]);
        let host = "Node 1 MemTotal:       24684084 kB\nNode 1 MemFree:         4684084 kB\nNode 1 MemUsed:        20000000 kB\n\
                    Node 1 ShadowCallStack:    1234 kB\nNode 1 HugePages_Total:     3\n";
        let of = |share| text(&figures, &share, host).unwrap();
        assert_eq!(
            of(Share { before: 1, part: 1, whole: 4 }),
            "Node 1 MemTotal:         131072 kB\nNode 1 MemFree:           25600 kB\nNode 1 MemUsed:          105472 kB\n\
             Node 1 ShadowCallStack:    1234 kB\nNode 1 HugePages_Total:     3\n"
        );
        assert_eq!(
            of(Share { before: 1, part: 0, whole: 4 }),
            "Node 1 MemTotal:              0 kB\nNode 1 MemFree:               0 kB\nNode 1 MemUsed:               0 kB\n\
             Node 1 ShadowCallStack:       0 kB\nNode 1 HugePages_Total:     3\n"
        );
    }

    #[test]
    fn text_of_another_form_is_doubt() {
        let figures = MemoryFigures::of(512 * MIB, 100 * MIB, &[0; 26]);
        assert_eq!(text(&figures, &Share::ALL, ""), None);
        assert_eq!(text(&figures, &Share::ALL, "Node 0\n"), None);
    }

    proptest! {
        #[test]
        fn nodes_add_up_to_the_machine(
            total in 1_u64..1 << 50, free in 0.0..1.0, counters in any::<[u64; 26]>(), nodes in prop::collection::vec(0_u64..1 << 40, 1..9), kib in 0_u64..1 << 40,
        ) {
            let whole = nodes.iter().sum::<u64>();
            prop_assume!(whole > 0);
            let figures = MemoryFigures::of(total, (total as f64 * free) as u64, &counters);
            let mut before = 0;
            let mut shown = Vec::new();
            for (node, part) in nodes.iter().enumerate() {
                let share = Share { before, part: *part, whole };
                before += part;
                shown.push(numbers(&text(&figures, &share, &host(node as u64, kib)).unwrap()));
            }
            for node in &shown {
                prop_assert_eq!(node.len(), KEYS.len());
                prop_assert!(node["MemFree"] + node["FilePages"] + node["SReclaimable"] <= node["MemTotal"]);
                prop_assert!(node.values().all(|kib| *kib <= node["MemTotal"]));
                prop_assert_eq!(node["MemUsed"], node["MemTotal"] - node["MemFree"]);
            }
            let machine: String = KEYS.iter().map(|key| format!("{key}: {:>10} kB\n", kib * nodes.len() as u64)).collect();
            let machine = composed(|out| meminfo::meminfo(&figures, &mut Bytes::new(machine), out, &mut [0; 512])).unwrap();
            let machine = machine.lines().map(|line| format!("Node 0 {line}\n")).collect::<String>();
            for (key, sum) in numbers(&machine).into_iter().filter(|(key, _)| key != "Mlocked") {
                prop_assert_eq!(shown.iter().map(|node| node[&key]).sum::<u64>(), sum, "{}", key);
            }
        }

        #[test]
        fn any_host_text_is_judged(host in prop::collection::vec(any::<u8>(), 0..600), share: (u64, u64, u64)) {
            let figures = MemoryFigures::of(512 * MIB, 100 * MIB, &[1 << 30; 26]);
            let share = Share { before: share.0, part: share.1, whole: share.2 };
            let _ = composed(|out| node_meminfo(&figures, &share, &mut Bytes::new(&host), out, &mut [0; 64]));
        }
    }
}
