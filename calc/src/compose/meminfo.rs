//! `/proc/meminfo`

mod kept;

use crate::{
    board::Above,
    cgroup::{
        memory::{Counter, Counters},
        places::Places,
    },
    host::Host,
    lines::Lines,
    scan::{self, Table},
    source::{Files, Source},
    text::{Sink, Text},
    view::{
        memory::{self, Memory},
        nodes::Share,
    },
};

pub use kept::Kept;

/// What a line of `/proc/meminfo` or of a node's shows in a container. Not a function, which would be a pointer: see
/// [`scan::Name`].
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// The host's number: a constant of the machine.
    Host,
    /// 0: no cgroup has any.
    Zero,
    Total,
    Free,
    Used,
    Available,
    Cached,
    ReclaimableSlab,
    Slab,
    /// The host's number if swap is not accounted.
    SwapTotal,
    /// Like [`Rule::SwapTotal`].
    SwapFree,
    /// A counter of the cgroup.
    Counter(Counter),
    /// The sum of two.
    Sum(Counter, Counter),
    /// The host's number, but at most a counter of the cgroup.
    AtMost(Counter),
    /// The host's number, but at most memory and swap together.
    AtMostAll,
}

use Rule::{Host as OfHost, Sum, Zero};

/// The lines in the kernel's order (`fs/proc/meminfo.c`), after those that only nodes have (`node_read_meminfo`,
/// `drivers/base/node.c`). Lines not listed show the host's number, but at most the container's total.
const RULE_ROWS: [(&str, Rule); 55] = [
    ("MemUsed", Rule::Used),
    ("FilePages", Rule::Cached),
    ("MemTotal", Rule::Total),
    ("MemFree", Rule::Free),
    ("MemAvailable", Rule::Available),
    ("Buffers", Zero),
    ("Cached", Rule::Cached),
    ("SwapCached", Rule::Counter(Counter::Swapcached)),
    ("Active", Sum(Counter::ActiveAnon, Counter::ActiveFile)),
    ("Inactive", Sum(Counter::InactiveAnon, Counter::InactiveFile)),
    ("Active(anon)", Rule::Counter(Counter::ActiveAnon)),
    ("Inactive(anon)", Rule::Counter(Counter::InactiveAnon)),
    ("Active(file)", Rule::Counter(Counter::ActiveFile)),
    ("Inactive(file)", Rule::Counter(Counter::InactiveFile)),
    ("Unevictable", Rule::Counter(Counter::Unevictable)),
    ("Mlocked", Rule::AtMost(Counter::Unevictable)),
    ("SwapTotal", Rule::SwapTotal),
    ("SwapFree", Rule::SwapFree),
    ("Zswap", Rule::Counter(Counter::Zswap)),
    ("Zswapped", Rule::Counter(Counter::Zswapped)),
    ("Dirty", Rule::Counter(Counter::FileDirty)),
    ("Writeback", Rule::Counter(Counter::FileWriteback)),
    ("AnonPages", Rule::Counter(Counter::Anon)),
    ("Mapped", Rule::Counter(Counter::FileMapped)),
    ("Shmem", Rule::Counter(Counter::Shmem)),
    ("KReclaimable", Rule::ReclaimableSlab),
    ("Slab", Rule::Slab),
    ("SReclaimable", Rule::ReclaimableSlab),
    ("SUnreclaim", Rule::Counter(Counter::SlabUnreclaimable)),
    ("KernelStack", Rule::Counter(Counter::KernelStack)),
    ("PageTables", Rule::Counter(Counter::Pagetables)),
    ("SecPageTables", Rule::Counter(Counter::SecPagetables)),
    ("NFS_Unstable", Zero),
    ("Bounce", Zero),
    ("WritebackTmp", Zero),
    ("CommitLimit", Rule::AtMostAll),
    ("Committed_AS", Rule::AtMostAll),
    ("VmallocTotal", OfHost),
    ("VmallocUsed", Rule::Counter(Counter::Vmalloc)),
    ("VmallocChunk", OfHost),
    ("Percpu", Rule::Counter(Counter::Percpu)),
    ("HardwareCorrupted", OfHost),
    ("AnonHugePages", Rule::Counter(Counter::AnonThp)),
    ("ShmemHugePages", Rule::Counter(Counter::ShmemThp)),
    ("ShmemPmdMapped", Zero),
    ("FileHugePages", Rule::Counter(Counter::FileThp)),
    ("FilePmdMapped", Zero),
    ("Hugepagesize", OfHost),
    ("DirectMap4k", OfHost),
    ("DirectMap64k", OfHost),
    ("DirectMap1M", OfHost),
    ("DirectMap2M", OfHost),
    ("DirectMap4M", OfHost),
    ("DirectMap1G", OfHost),
    ("DirectMap2G", OfHost),
];

static RULES: Table<Rule, { RULE_ROWS.len() }, { scan::name_bytes(&RULE_ROWS) }> = Table::new(&RULE_ROWS);

/// The figures for the lines of `/proc/meminfo`, read from the scope's memory files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    memory: Memory,
    counters: Counters,
    /// The container's swap; the host's if the view has none.
    swap_bytes: u64,
}

impl Figures {
    /// Reads the figures in place, because they are large. `None` if memory is not limited, or if in doubt.
    pub fn read(
        &mut self,
        files: &impl Files,
        places: &Places,
        above: &Above,
        machine: &Host,
        scratch: &mut [u8],
    ) -> Option<()> {
        self.memory = memory::read(files, places, above, machine, &mut self.counters, scratch)?;
        self.swap_bytes = self.memory.swap.map_or(machine.swap_bytes, |swap| swap.total_bytes);
        Some(())
    }

    /// Figures for a container of this size, with counters in order.
    #[cfg(test)]
    pub(super) fn of(total_bytes: u64, free_bytes: u64, counters: &[u64; 26]) -> Self {
        let memory = Memory { total_bytes, free_bytes, available_bytes: free_bytes, ..Memory::default() };
        Self { memory, counters: Counters::of(counters), swap_bytes: 0 }
    }

    /// A counter, but at most the container's total.
    fn counter(&self, counter: Counter) -> u64 {
        self.counters.get(counter).min(self.memory.total_bytes)
    }

    /// The memory in use: the most that its parts may add up to.
    fn used(&self) -> u64 {
        self.memory.total_bytes.saturating_sub(self.memory.free_bytes)
    }

    /// Page cache, bounded because tools subtract free, buffers and cached from the total: their sum must not exceed
    /// it.
    fn cached(&self) -> u64 {
        self.counters.get(Counter::File).min(self.used())
    }

    /// Reclaimable slab, bounded likewise.
    fn reclaimable_slab(&self) -> u64 {
        self.counters.get(Counter::SlabReclaimable).min(self.used().saturating_sub(self.cached()))
    }

    fn slab(&self) -> u64 {
        self.reclaimable_slab()
            .saturating_add(self.counters.get(Counter::SlabUnreclaimable))
            .min(self.memory.total_bytes)
    }

    fn memory_and_swap(&self) -> u64 {
        self.memory.total_bytes.saturating_add(self.swap_bytes)
    }

    /// The KiB of `share` in a line for which the host shows `host_kib`.
    pub(super) fn show(&self, rule: Option<&Rule>, host_kib: u64, share: &Share) -> u64 {
        let total = share.scaled(kib(self.memory.total_bytes));
        let part = |bytes: u64| total.of(kib(bytes));
        let Some(rule) = rule else { return host_kib.min(total.part) };
        match rule {
            OfHost => host_kib,
            Zero => 0,
            Rule::Total => total.part,
            Rule::Free => part(self.memory.free_bytes),
            Rule::Used => self.used_of(&total).part,
            Rule::Available => part(self.memory.available_bytes),
            Rule::Cached => self.used_of(&total).of(kib(self.cached())),
            Rule::ReclaimableSlab => self.used_of(&total).without(kib(self.cached())).of(kib(self.reclaimable_slab())),
            Rule::Slab => part(self.slab()),
            Rule::SwapTotal => self.memory.swap.map_or(host_kib, |swap| part(swap.total_bytes)),
            Rule::SwapFree => self.memory.swap.map_or(host_kib, |swap| part(swap.free_bytes)),
            Rule::Counter(counter) => part(self.counter(*counter)),
            Sum(one, other) => {
                let sum = self.counter(*one).saturating_add(self.counter(*other));
                part(sum.min(self.memory.total_bytes))
            }
            Rule::AtMost(counter) => part(self.counter(*counter)).min(host_kib),
            Rule::AtMostAll => part(self.memory_and_swap()).min(host_kib),
        }
    }

    /// The part of `total` that is in use. Free memory, page cache and reclaimable slab are divided one after the
    /// other, so they fit into it whatever the rounding.
    fn used_of(&self, total: &Share) -> Share {
        total.without(kib(self.memory.free_bytes))
    }
}

fn kib(bytes: u64) -> u64 {
    bytes / 1024
}

/// `/proc/meminfo`: the host's lines with the figures in place of its numbers.
pub fn meminfo<S: Sink>(
    figures: &Figures,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    lines(figures, &Share::ALL, host, out, scratch)
}

/// The host's lines, for the machine or a node, with `share` of the figures in place of its numbers.
pub(super) fn lines<S: Sink>(
    figures: &Figures,
    share: &Share,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let mut lines = Lines::new(host, scratch);
    let mut is_ours = false;
    while let Some(line) = lines.next().ok()? {
        let Some(amount) = line.whole().and_then(Amount::parse) else {
            // A count of pages, or a form of later kernels.
            out.bytes(line.bytes)?;
            continue;
        };
        let rule = RULES.find(amount.key).map(|(_, rule)| rule);
        is_ours |= rule.is_some();
        amount.with(figures.show(rule, amount.kib, share), out)?;
    }
    // The first line is MemTotal; a text without it is not a meminfo.
    is_ours.then_some(())
}

/// A line with an amount of memory: `MemTotal:       24684084 kB`, or a node's: `Node 0 MemTotal:       24684084 kB`.
struct Amount<'l> {
    /// The part before the number and its blanks.
    before: &'l [u8],
    key: &'l [u8],
    /// The columns taken by the number and the blanks before it.
    width: usize,
    kib: u64,
}

impl<'l> Amount<'l> {
    fn parse(line: &'l [u8]) -> Option<Self> {
        let (before, value) = scan::split_at_byte(line, b':')?;
        let number = value.strip_suffix(b" kB\n")?;
        let key = scan::split_at_last(before, b' ').map_or(before, |(_, key)| key);
        Some(Self { before, key, width: number.len(), kib: scan::whole_number(scan::after_blanks(number))? })
    }

    /// Writes the line with another number in its place.
    fn with<S: Sink>(&self, kib: u64, out: &mut Text<'_, S>) -> Option<()> {
        out.bytes(self.before)?;
        out.bytes(b": ")?;
        out.padded(kib, self.width.saturating_sub(1))?;
        out.bytes(b" kB\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture::{Bytes, composed},
        view::memory::Swap,
    };
    use proptest::prelude::*;
    use std::{
        collections::BTreeMap,
        string::{String, ToString},
    };

    const MIB: u64 = 1 << 20;

    fn text(figures: &Figures, host: &str) -> Option<String> {
        composed(|out| meminfo(figures, &mut Bytes::in_steps(host, 300), out, &mut [0; 512]))
    }

    fn figures() -> Figures {
        let memory =
            Memory { total_bytes: 512 * MIB, free_bytes: 100 * MIB, available_bytes: 200 * MIB, ..Memory::default() };
        Figures { memory, ..Figures::default() }
    }

    #[test]
    fn only_the_number_changes() {
        let host = "MemTotal:       24684096 kB\nMemFree:        24249432 kB\nHugePages_Total:       0\nDirectMap1G:    25165824 kB\n";
        let ours = "MemTotal:         524288 kB\nMemFree:          102400 kB\nHugePages_Total:       0\nDirectMap1G:    25165824 kB\n";
        assert_eq!(text(&figures(), host).unwrap(), ours);
    }

    #[test]
    fn a_number_too_wide_for_its_column_keeps_a_blank_before_it() {
        assert_eq!(text(&figures(), "MemTotal: 1 kB\n").unwrap(), "MemTotal: 524288 kB\n");
    }

    #[test]
    fn a_line_that_is_not_listed_is_bounded_by_the_container() {
        let host = "MemTotal: 9000000 kB\nNewThing: 9000000 kB\nSmallThing:     7 kB\n";
        assert_eq!(
            text(&figures(), host).unwrap(),
            "MemTotal:  524288 kB\nNewThing:  524288 kB\nSmallThing:     7 kB\n"
        );
    }

    #[test]
    fn text_of_another_form_is_doubt() {
        assert_eq!(text(&figures(), ""), None);
        assert_eq!(text(&figures(), "Hello\n"), None);
    }

    #[test]
    fn the_rules_are_for_lines_that_differ() {
        let keys: BTreeMap<_, _> = RULE_ROWS.iter().map(|(key, _)| (*key, ())).collect();
        assert_eq!(keys.len(), RULE_ROWS.len());
    }

    /// The numbers of a composed text.
    fn parse(text: &str) -> BTreeMap<&str, u64> {
        text.lines()
            .filter_map(|line| {
                let (key, value) = line.split_once(':')?;
                Some((key, value.trim().strip_suffix(" kB")?.parse().unwrap()))
            })
            .collect()
    }

    proptest! {
        #[test]
        fn the_lines_agree_whatever_the_counters_say(
            total in 1_u64..1 << 50, shares in (0.0..1.0, 0.0..1.0), counters in any::<[u64; 26]>(),
            host in 0_u64..1 << 60, swap in prop::option::of((0_u64..1 << 50, 0.0..1.0)),
        ) {
            let mut figures = figures();
            let part = |of: u64, share: f64| (of as f64 * share) as u64;
            let free = part(total, shares.0);
            figures.memory = Memory { total_bytes: total, free_bytes: free, available_bytes: free + part(total - free, shares.1), ..Memory::default() };
            figures.memory.swap = swap.map(|(total, share)| Swap { total_bytes: total, free_bytes: part(total, share) });
            figures.swap_bytes = figures.memory.swap.map_or(0, |swap| swap.total_bytes);
            figures.counters = Counters::of(&counters);
            let lines: String = RULE_ROWS.iter().map(|(key, _)| std::format!("{key}: {host:>10} kB\n")).collect();
            let text = text(&figures, &lines).unwrap();
            prop_assert_eq!(text.lines().count(), RULE_ROWS.len());
            let shown = parse(&text);
            let get = |key: &str| shown[key];
            prop_assert!(get("MemFree") <= get("MemAvailable") && get("MemAvailable") <= get("MemTotal"));
            prop_assert!(get("MemFree") + get("Buffers") + get("Cached") + get("SReclaimable") <= get("MemTotal"));
            for (key, rule) in &RULE_ROWS {
                let key = key.to_string();
                let bound = match (rule, key.as_str()) {
                    (OfHost, _) => host,
                    (_, "SwapTotal" | "SwapFree") => swap.map_or(host, |swap| swap.0 / 1024),
                    (_, "CommitLimit" | "Committed_AS") => (total + figures.swap_bytes) / 1024,
                    _ => total / 1024,
                };
                prop_assert!(get(&key) <= bound, "{} is {} of {}", key, get(&key), bound);
            }
        }

        #[test]
        fn any_host_text_is_judged(host in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = composed(|out| meminfo(&figures(), &mut Bytes::new(&host), out, &mut [0; 64]));
        }
    }
}
