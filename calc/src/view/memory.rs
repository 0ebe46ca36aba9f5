//! The container's memory and swap.

use crate::{
    board::Above,
    cgroup::{
        Controller, Hierarchy, Setting, Version,
        least::{By, Least},
        memory::{Amounts, Counter, Counters, Names, Rooms, Terms},
        places::Places,
    },
    host::Host,
    source::Files,
};

/// The container's swap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swap {
    /// At most the host's.
    pub total_bytes: u64,
    /// At most `total_bytes`.
    pub free_bytes: u64,
}

/// The memory figures; 0 ≤ free ≤ available ≤ total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// min(effective limit, host)
    pub total_bytes: u64,
    /// The least headroom in the chain.
    pub free_bytes: u64,
    /// free + reclaimable.
    pub available_bytes: u64,
    /// shmem (tmpfs), at most total − free.
    pub shared_bytes: u64,
    /// `None` if the machine has none or does not account it: the kernel's swap lines stand.
    pub swap: Option<Swap>,
}

/// What set the limits behind the figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetBy {
    /// The limit that became the total.
    pub total: By,
    /// The limit with the least left.
    pub left: By,
    /// The limit of swap, though the machine may have less.
    pub swap: By,
}

/// The figures for `sysinfo` and `sysconf`. `None` if no level has a memory limit: the kernel's figures stand.
pub fn memory(files: &impl Files, places: &Places, above: &Above, host: &Host, scratch: &mut [u8]) -> Option<Memory> {
    read(files, places, above, host, &mut Counters::default(), scratch)
}

/// The figures, with the counters behind them in `counters`.
pub(crate) fn read(
    files: &impl Files,
    places: &Places,
    above: &Above,
    host: &Host,
    counters: &mut Counters,
    scratch: &mut [u8],
) -> Option<Memory> {
    let place = places.hierarchy(Controller::Memory)?;
    let mut limits = Limits::NONE;
    limits.take_above(files, &place, places, above, counters, scratch);
    limits.read(files, &place, places.declared_memory_bytes, host.swap_bytes > 0, scratch);
    let total_bytes = limits.total_bytes(host)?;
    if !limits.is_alone {
        counters.read(files, &place, limits.counters_depth, scratch);
    }
    limits.figures(total_bytes, counters, host)
}

/// The memory that a cgroup can still have under `limits`, its own and those above, if `reclaimable_bytes` of what it
/// has can be taken back: its active and inactive pages of files and its reclaimable slabs. `None` if its limits leave it
/// the machine's memory, or if what they leave is unknown.
pub fn available_bytes(limits: &Above, reclaimable_bytes: u64, host: &Host) -> Option<u64> {
    let room = limits.memory_room();
    let total_bytes = room.limit.map(|limit| limit.value).filter(|limit| *limit < host.memory_bytes)?;
    Some(available(total_bytes, room.left?.value.min(total_bytes), reclaimable_bytes))
}

/// What is free, and what can be taken back.
fn available(total_bytes: u64, free_bytes: u64, reclaimable_bytes: u64) -> u64 {
    free_bytes.saturating_add(reclaimable_bytes).min(total_bytes)
}

/// What set the limits behind the figures.
pub fn set_by(files: &impl Files, places: &Places, above: &Above, host: &Host, scratch: &mut [u8]) -> Option<SetBy> {
    let place = places.hierarchy(Controller::Memory)?;
    let mut limits = Limits::NONE;
    limits.take_above(files, &place, places, above, &mut Counters::default(), scratch);
    limits.read(files, &place, places.declared_memory_bytes, host.swap_bytes > 0, scratch);
    Some(limits.set_by(places))
}

/// The limits of the chain.
struct Limits {
    /// Whether only one cgroup is visible, so that version 1's counters must give the limits above.
    is_alone: bool,
    terms: Terms,
    least: Rooms,
    /// The level whose counters are read: they must agree with the limit shown.
    counters_depth: usize,
    /// Swap used by the scope; `None` if unknown.
    swap_used: Option<u64>,
}

impl Limits {
    const NONE: Self =
        Self { is_alone: false, terms: Terms::NONE, least: Rooms::NONE, counters_depth: 0, swap_used: None };

    /// Takes the limits above the chain into account, and those in the scope's counters. In place: a copy of them would
    /// take a signal handler's stack.
    #[inline(never)]
    fn take_above(
        &mut self,
        files: &impl Files,
        place: &Hierarchy<'_>,
        places: &Places,
        above: &Above,
        counters: &mut Counters,
        scratch: &mut [u8],
    ) {
        self.is_alone = place.version == Version::V1 && place.chain().count() == 1;
        if self.is_alone {
            counters.read(files, place, place.own.len(), scratch);
        }
        self.terms.limit = counters.effective(Counter::EffectiveLimit);
        self.terms.both_limit = counters.effective(Counter::EffectiveSwapLimit);
        self.terms.counts_high = places.counts_high != 0;
        self.least.swap = above.swap_room();
        if places.declared_memory_bytes == 0 {
            self.least.memory = above.memory_room();
        }
    }

    /// What set the limits, once they are read.
    fn set_by(&self, places: &Places) -> SetBy {
        let of_memory = |least: Option<Least<u64>>| match self.terms.limit {
            _ if places.declared_memory_bytes > 0 => By::Declared,
            // The counters include the limits above.
            Some(_) => By::Effective,
            None => least.map_or(By::Machine, |least| least.by),
        };
        let swap = self.least.swap.limit.map_or(By::Machine, |least| least.by);
        let is_told_by_counters = matches!(swap, By::Level { .. }) && self.terms.both_limit.is_some();
        SetBy {
            total: of_memory(self.least.memory.limit),
            left: of_memory(self.least.memory.left),
            swap: if is_told_by_counters { By::Effective } else { swap },
        }
    }

    /// Walks up the chain. `declared` replaces all memory limits unless it is 0. Swap is skipped if the machine has
    /// none.
    #[inline(never)]
    fn read(&mut self, files: &impl Files, place: &Hierarchy<'_>, declared: u64, has_swap: bool, scratch: &mut [u8]) {
        let names = Names::of(place.version);
        let scope = place.scope.len();
        self.counters_depth = scope;
        let mut scope_is_above = true;
        for level in place.chain() {
            let group = &level.among(files);
            let is_scope = scope_is_above && level.depth() <= scope;
            let mut amounts = Amounts::NONE;
            // What an unlimited scope uses matters only to a limit set in place of its own, or to its part of the swap.
            let counts = is_scope && (declared > 0 || has_swap && names.swap_includes_memory);
            if !amounts.read(group, names, &self.terms, counts, scratch) {
                continue;
            }
            if level.depth() < place.own.len() && !amounts.binds(group, names, scratch) {
                break;
            }
            if has_swap {
                amounts.read_swap(group, names, &self.terms, is_scope, scratch);
            }
            scope_is_above &= !is_scope;
            if declared > 0 {
                amounts.limit = is_scope.then_some(declared);
            }
            if is_scope && amounts.swap_limit != Setting::Absent {
                self.swap_used = Some(amounts.swap_used);
            }
            if self.least.lower(&amounts, By::level(Controller::Memory, level.depth())) {
                self.counters_depth = level.depth().max(scope);
            }
        }
    }

    /// The lowest limit, if it is less than the machine has.
    fn total_bytes(&self, host: &Host) -> Option<u64> {
        self.least.memory.limit.map(|limit| limit.value).filter(|limit| *limit < host.memory_bytes)
    }

    /// The figures of a container of this size.
    #[inline(never)]
    fn figures(&self, total_bytes: u64, counters: &Counters, host: &Host) -> Option<Memory> {
        let free_bytes = self.least.memory.left?.value.min(total_bytes);
        let parts = [Counter::ActiveFile, Counter::InactiveFile, Counter::SlabReclaimable];
        let reclaimable = parts.iter().fold(0_u64, |sum, counter| sum.saturating_add(counters.get(*counter)));
        Some(Memory {
            total_bytes,
            free_bytes,
            available_bytes: available(total_bytes, free_bytes, reclaimable),
            shared_bytes: counters.get(Counter::Shmem).min(total_bytes.saturating_sub(free_bytes)),
            swap: self.swap(host),
        })
    }

    /// The swap figures. If no limit is below the host's swap, swap that others use is not free either.
    fn swap(&self, host: &Host) -> Option<Swap> {
        let used = self.swap_used?;
        let limit = self.least.swap.limit.map(|limit| limit.value).filter(|limit| *limit < host.swap_bytes);
        let total_bytes = limit.unwrap_or(host.swap_bytes);
        let bound = if limit.is_some() { u64::MAX } else { host.swap_free_bytes };
        let left = self.least.swap.left.map_or(u64::MAX, |left| left.value);
        let free_bytes = total_bytes.saturating_sub(used).min(left).min(bound);
        Some(Swap { total_bytes, free_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cgroup::places::Whose,
        fixture::Tree,
        settings::{LEAST_BYTES, MemoryLimit},
    };
    use proptest::prelude::*;
    use std::{format, string::ToString};

    const MIB: u64 = 1 << 20;
    const HOST: Host =
        Host { memory_bytes: 4096 * MIB, swap_bytes: 1024 * MIB, swap_free_bytes: 900 * MIB, since_boot_usec: 0 };
    const NONE: &str = "9223372036854771712";

    /// A v2 process at `/a/b` below the machine's root.
    fn v2() -> Tree {
        Tree::default()
            .with("/proc/self/cgroup", "0::/a/b\n")
            .with_directory("/sys/fs/cgroup", 1, 3)
            .with_directory("/sys/fs/cgroup/a/b", 9, 2)
            .with("/sys/fs/cgroup/a/b/memory.stat", "active_file 4096\nshmem 1048576\n")
            .with("/sys/fs/cgroup/a/memory.stat", "active_file 8192\n")
    }

    /// The same on v1.
    fn v1() -> Tree {
        Tree::default()
            .with("/proc/self/cgroup", "2:memory:/a/b\n")
            .with_directory("/sys/fs/cgroup/memory", 1, 3)
            .with_directory("/sys/fs/cgroup/memory/a/b", 9, 2)
            .with("/sys/fs/cgroup/memory/a/b/memory.stat", "total_active_file 4096\n")
    }

    /// Files of a cgroup; numbers are in MiB.
    fn set(tree: Tree, cgroup: &str, files: &[(&str, &str)]) -> Tree {
        files.iter().fold(tree, |tree, (name, value)| {
            let bytes = value.parse().ok().and_then(|mib: u64| mib.checked_mul(MIB));
            let value = bytes.map_or(value.to_string(), |bytes| bytes.to_string());
            tree.with(&format!("/sys/fs/cgroup/{cgroup}/{name}"), format!("{value}\n"))
        })
    }

    fn places(tree: &Tree) -> Places {
        Places::locate(tree, Whose::Caller, &mut [0; 512]).unwrap()
    }

    /// Total, free, and total and free swap if there is any, in MiB.
    type Figures = (u64, u64, Option<(u64, u64)>);

    fn figures(tree: &Tree) -> Option<Figures> {
        let memory = memory(tree, &places(tree), &Above::NONE, &HOST, &mut [0; 512])?;
        let swap = memory.swap.map(|swap| (swap.total_bytes / MIB, swap.free_bytes / MIB));
        Some((memory.total_bytes / MIB, memory.free_bytes / MIB, swap))
    }

    #[test]
    fn a_limit_on_the_own_cgroup() {
        let tree = set(v2(), "a/b", &[("memory.max", "100"), ("memory.current", "30")]);
        assert_eq!(figures(&tree), Some((100, 70, None)));
    }

    #[test]
    fn no_limit_is_the_kernels_business() {
        assert_eq!(figures(&v2()), None);
        assert_eq!(figures(&set(v2(), "a/b", &[("memory.max", "max"), ("memory.current", "3")])), None);
        assert_eq!(figures(&set(v2(), "a/b", &[("memory.max", "4096"), ("memory.current", "3")])), None);
    }

    #[test]
    fn the_least_limit_and_the_least_headroom_may_be_at_different_levels() {
        let tree = set(v2(), "a/b", &[("memory.max", "100"), ("memory.current", "30")]);
        let tree = set(tree, "a", &[("memory.max", "200"), ("memory.current", "190")]);
        assert_eq!(figures(&tree), Some((100, 10, None)));
    }

    #[test]
    fn a_limit_above_the_own_cgroup() {
        let tree = set(v2(), "a/b", &[("memory.max", "max"), ("memory.current", "30")]);
        let tree = set(tree, "a", &[("memory.max", "200"), ("memory.current", "60")]);
        assert_eq!(figures(&tree), Some((200, 140, None)));
        // The controller may be disabled in the process's own cgroup.
        assert_eq!(
            figures(&set(v2(), "a", &[("memory.max", "200"), ("memory.current", "60")])),
            Some((200, 140, None))
        );
    }

    #[test]
    fn more_in_use_than_allowed_leaves_nothing() {
        let tree = set(v2(), "a/b", &[("memory.max", "100"), ("memory.current", "130")]);
        assert_eq!(figures(&tree), Some((100, 0, None)));
    }

    #[test]
    fn what_is_odd_costs_the_figure_that_needs_it() {
        let odd = set(v2(), "a/b", &[("memory.max", "lots"), ("memory.current", "1")]);
        assert_eq!(figures(&odd), None);
        assert_eq!(figures(&set(odd, "a", &[("memory.max", "200"), ("memory.current", "60")])), Some((200, 140, None)));
        // If what is left is unknown, the kernel's answer stands, unless another level knows.
        let uncounted = set(v2(), "a/b", &[("memory.max", "100")]);
        assert_eq!(figures(&uncounted), None);
        assert_eq!(figures(&set(uncounted.clone(), "a/b", &[("memory.current", "x")])), None);
        assert_eq!(
            figures(&set(uncounted, "a", &[("memory.max", "200"), ("memory.current", "160")])),
            Some((100, 40, None))
        );
        let limited = set(v2(), "a/b", &[("memory.max", "100"), ("memory.current", "30"), ("memory.swap.max", "50")]);
        assert_eq!(figures(&limited), Some((100, 70, None)));
        assert_eq!(figures(&set(limited, "a/b", &[("memory.swap.current", "-1")])), Some((100, 70, Some((50, 50)))));
    }

    #[test]
    fn an_odd_line_of_the_counters_costs_itself() {
        let limited = set(v2(), "a/b", &[("memory.max", "100"), ("memory.current", "30")]);
        let odd = ["swap -4096", "foo 1 2", "", "anon\t5", "file 18446744073709551616", "anon many", &"x".repeat(600)];
        for line in odd {
            let stat = format!("{line}\nactive_file 4096\n{line}\ninactive_file -1\nshmem 1048576\n{line}");
            let tree = limited.clone().with("/sys/fs/cgroup/a/b/memory.stat", stat);
            let memory = memory(&tree, &places(&tree), &Above::NONE, &HOST, &mut [0; 512]).unwrap();
            let shown = (memory.total_bytes, memory.available_bytes - memory.free_bytes, memory.shared_bytes);
            assert_eq!(shown, (100 * MIB, 4096, MIB), "{line}");
        }
        let tree = Tree::default()
            .with("/proc/self/cgroup", "0::/a\n")
            .with_directory("/sys/fs/cgroup", 1, 3)
            .with_directory("/sys/fs/cgroup/a", 9, 2);
        assert_eq!(figures(&set(tree, "a", &[("memory.max", "100"), ("memory.current", "30")])), Some((100, 70, None)));
    }

    #[test]
    fn what_no_program_runs_in_is_no_limit() {
        let (least, less) = (LEAST_BYTES.to_string(), (LEAST_BYTES - 1).to_string());
        let file = |tree: Tree, cgroup: &str, name: &str, text: &str| {
            tree.with(&format!("/sys/fs/cgroup/{cgroup}/memory.{name}"), format!("{text}\n"))
        };
        let own = |name: &str, text: &str| file(set(v2(), "a/b", &[("memory.current", "0")]), "a/b", name, text);
        assert_eq!(figures(&own("max", &least)), Some((1, 1, None)));
        for none in ["0", "1", "4096", &less] {
            assert_eq!(figures(&own("max", none)), None, "{none}");
            // What is left of another limit does not depend on it either.
            let below = set(own("max", none), "a", &[("memory.max", "200"), ("memory.current", "60")]);
            assert_eq!(figures(&below), Some((200, 140, None)), "{none}");
            let high = set(own("high", none), "a/b", &[("memory.max", "100")]);
            assert_eq!(figures_by_high(&high), Some((100, 100)), "{none}");
            let v1 = set(v1(), "memory/a/b", &[("memory.usage_in_bytes", "0")]);
            assert_eq!(figures(&file(v1, "memory/a/b", "limit_in_bytes", none)), None, "{none}");
            let above = Above { memory_limit_bytes: none.parse().unwrap(), memory_free_bytes: 0, ..Above::NONE };
            let tree = own("max", &least);
            let memory = memory(&tree, &places(&tree), &above, &HOST, &mut [0; 512]).unwrap();
            assert_eq!((memory.total_bytes, memory.free_bytes), (LEAST_BYTES, LEAST_BYTES), "{none}");
        }
    }

    #[test]
    fn swap_on_v2() {
        let with = |max, current| {
            let tree = set(v2(), "a/b", &[("memory.max", "100"), ("memory.current", "30")]);
            figures(&set(tree, "a/b", &[("memory.swap.max", max), ("memory.swap.current", current)])).unwrap().2
        };
        assert_eq!(with("50", "20"), Some((50, 30)));
        assert_eq!(with("0", "0"), Some((0, 0)));
        assert_eq!(with("50", "60"), Some((50, 0)));
        // The bound is the machine's swap, and what is free of it.
        assert_eq!(with("max", "20"), Some((1024, 900)));
        assert_eq!(with("2000", "200"), Some((1024, 824)));
    }

    #[test]
    fn swap_limits_above_the_own_cgroup() {
        let tree = set(v2(), "a/b", &[("memory.max", "100"), ("memory.current", "30"), ("memory.swap.max", "max")]);
        let tree = set(tree, "a/b", &[("memory.swap.current", "5")]);
        let tree = set(tree, "a", &[("memory.max", "max"), ("memory.swap.max", "40"), ("memory.swap.current", "38")]);
        assert_eq!(figures(&tree), Some((100, 70, Some((40, 2)))));
    }

    #[test]
    fn swap_on_v1_is_what_exceeds_memory() {
        let with = |limit, memsw, usage, memsw_usage| {
            let files = [("memory.limit_in_bytes", limit), ("memory.usage_in_bytes", usage)];
            let swap = [("memory.memsw.limit_in_bytes", memsw), ("memory.memsw.usage_in_bytes", memsw_usage)];
            figures(&set(set(v1(), "memory/a/b", &files), "memory/a/b", &swap)).unwrap()
        };
        assert_eq!(with("100", "150", "30", "50"), (100, 70, Some((50, 30))));
        assert_eq!(with("100", "100", "30", "29"), (100, 70, Some((0, 0))));
        assert_eq!(with("100", "150", "30", "29"), (100, 70, Some((50, 50))));
        assert_eq!(with("100", NONE, "30", "50"), (100, 70, Some((1024, 900))));
    }

    #[test]
    fn swap_is_not_asked_for_where_the_machine_has_none() {
        let tree = set(v2(), "a/b", &[("memory.max", "100"), ("memory.current", "30"), ("memory.swap.max", "odd")]);
        let host = Host { swap_bytes: 0, ..HOST };
        assert_eq!(memory(&tree, &places(&tree), &Above::NONE, &host, &mut [0; 512]).unwrap().swap, None);
        assert_eq!(figures(&tree), Some((100, 70, None)));
    }

    #[test]
    fn v1_without_swap_accounting() {
        let tree = set(v1(), "memory/a/b", &[("memory.limit_in_bytes", "100"), ("memory.usage_in_bytes", "30")]);
        assert_eq!(figures(&tree), Some((100, 70, None)));
    }

    #[test]
    fn v1_counters_tell_a_limit_above_what_a_namespace_shows() {
        let tree = Tree::default()
            .with("/proc/self/cgroup", "2:memory:/\n")
            .with("/proc/self/ns/cgroup", "")
            .with_directory("/sys/fs/cgroup/memory", 9, 2)
            .with("/sys/fs/cgroup/memory/cgroup.procs", "");
        let set_limit = |limit: u64| {
            let stat = format!("hierarchical_memory_limit {limit}\ntotal_active_file 4096\n");
            let tree = tree.clone().with("/sys/fs/cgroup/memory/memory.stat", stat);
            figures(&set(tree, "memory", &[("memory.limit_in_bytes", NONE), ("memory.usage_in_bytes", "30")]))
        };
        assert_eq!(set_limit(100 * MIB), Some((100, 70, None)));
        assert_eq!(set_limit(NONE.parse().unwrap()), None);
    }

    #[test]
    fn a_v1_cgroup_without_hierarchy_does_not_bind_those_below() {
        let with = |hierarchy| {
            let tree = set(v1(), "memory/a/b", &[("memory.limit_in_bytes", "100"), ("memory.usage_in_bytes", "30")]);
            let tree = set(tree, "memory/a", &[("memory.limit_in_bytes", "80"), ("memory.usage_in_bytes", "50")]);
            figures(&tree.with("/sys/fs/cgroup/memory/a/memory.use_hierarchy", hierarchy))
                .map(|figures| (figures.0, figures.1))
        };
        assert_eq!(with("1\n"), Some((80, 30)));
        assert_eq!(with("0\n"), Some((100, 70)));
    }

    #[test]
    fn a_declared_limit_replaces_all_others() {
        let tree = set(v2(), "a/b", &[("memory.max", "100"), ("memory.current", "30")]);
        let tree = set(tree, "a", &[("memory.max", "90"), ("memory.current", "80")]);
        let mut places = places(&tree);
        places.declared_memory_bytes = 200 * MIB;
        let memory = memory(&tree, &places, &Above::NONE, &HOST, &mut [0; 512]).unwrap();
        assert_eq!((memory.total_bytes, memory.free_bytes), (200 * MIB, 170 * MIB));
    }

    /// Total and free in MiB if `memory.high` counts.
    fn figures_by_high(tree: &Tree) -> Option<(u64, u64)> {
        let mut places = places(tree);
        places.declare(MemoryLimit::High);
        let memory = memory(tree, &places, &Above::NONE, &HOST, &mut [0; 512])?;
        Some((memory.total_bytes / MIB, memory.free_bytes / MIB))
    }

    #[test]
    fn high_is_a_limit_where_it_is_asked_for() {
        let tree =
            |max, high| set(v2(), "a/b", &[("memory.max", max), ("memory.high", high), ("memory.current", "30")]);
        let with = |max, high| (figures(&tree(max, high)).map(|it| it.0), figures_by_high(&tree(max, high)));
        assert_eq!(with("100", "80"), (Some(100), Some((80, 50))));
        assert_eq!(with("100", "200"), (Some(100), Some((100, 70))));
        assert_eq!(with("100", "max"), (Some(100), Some((100, 70))));
        assert_eq!(with("max", "80"), (None, Some((80, 50))));
        assert_eq!(with("max", "max"), (None, None));
        assert_eq!(with("max", "4096"), (None, None));
        assert_eq!(with("100", "20"), (Some(100), Some((20, 0))));
        assert_eq!(with("100", "odd"), (Some(100), Some((100, 70))));
    }

    #[test]
    fn the_least_of_all_levels_max_and_high_counts() {
        let tree = set(v2(), "a/b", &[("memory.max", "100"), ("memory.high", "90"), ("memory.current", "30")]);
        let with = |high| {
            let files = [("memory.max", "max"), ("memory.high", high), ("memory.current", "60")];
            figures_by_high(&set(tree.clone(), "a", &files))
        };
        assert_eq!(with("80"), Some((80, 20)));
        assert_eq!(with("95"), Some((90, 35)));
        assert_eq!(with("max"), Some((90, 60)));
        let without_high = set(v2(), "a", &[("memory.max", "200"), ("memory.current", "60")]);
        assert_eq!(figures_by_high(&without_high), Some((200, 140)));
    }

    #[test]
    fn version_1_knows_no_high() {
        let tree = set(v1(), "memory/a/b", &[("memory.limit_in_bytes", "100"), ("memory.usage_in_bytes", "30")]);
        let tree = set(tree, "memory/a/b", &[("memory.high", "50")]);
        assert_eq!(figures_by_high(&tree), Some((100, 70)));
    }

    #[test]
    fn the_counters_are_those_of_the_scope_or_of_the_least_limit_below_it() {
        let available = |own: &str, above: &str| {
            let tree = v2().with("/proc/1/cgroup", "0::/a\n");
            let tree = set(tree, "a/b", &[("memory.max", own), ("memory.current", "30")]);
            let tree = set(tree, "a", &[("memory.max", above), ("memory.current", "40")]);
            let memory = memory(&tree, &places(&tree), &Above::NONE, &HOST, &mut [0; 512]).unwrap();
            memory.available_bytes - memory.free_bytes
        };
        assert_eq!(available("100", "200"), 4096);
        assert_eq!(available("200", "100"), 8192);
        assert_eq!(available("100", "100"), 4096, "of two equal limits, the scope's");
        assert_eq!(available("max", "100"), 8192);
    }

    /// A container that sees only its own cgroup, with a limit of 400 MiB or none.
    fn contained(limit: &str) -> Tree {
        let tree = Tree::default().with("/proc/self/cgroup", "0::/\n").with_directory("/sys/fs/cgroup", 70, 2);
        let tree = tree.with("/sys/fs/cgroup/cgroup.procs", "1\n").with("/sys/fs/cgroup/memory.max", limit);
        let tree = tree.with("/sys/fs/cgroup/memory.current", format!("{}\n", 100 * MIB));
        let tree =
            tree.with("/sys/fs/cgroup/memory.swap.max", "max\n").with("/sys/fs/cgroup/memory.swap.current", "0\n");
        tree.with("/sys/fs/cgroup/memory.stat", STAT)
    }

    const STAT: &str = "anon 0\nfile 0\nshmem 0\ninactive_anon 0\nactive_anon 0\ninactive_file 0\nactive_file 0\nunevictable 0\nslab_reclaimable 0\nslab_unreclaimable 0\n";

    #[test]
    fn a_limit_out_of_sight_counts_like_one_in_sight() {
        let above =
            |limit, free| Above { memory_limit_bytes: limit * MIB, memory_free_bytes: free * MIB, ..Above::NONE };
        let with = |limit: &str, above: &Above| {
            let tree = contained(limit);
            let memory = memory(&tree, &places(&tree), above, &HOST, &mut [0; 512]);
            memory.map(|memory| (memory.total_bytes / MIB, memory.free_bytes / MIB))
        };
        let own = format!("{}\n", 400 * MIB);
        assert_eq!(with(&own, &Above::NONE), Some((400, 300)));
        assert_eq!(with(&own, &above(500, 500)), Some((400, 300)));
        assert_eq!(with(&own, &above(300, 300)), Some((300, 300)));
        assert_eq!(with(&own, &above(500, 20)), Some((400, 20)));
        assert_eq!(with("max\n", &Above::NONE), None);
        assert_eq!(with("max\n", &above(500, 450)), Some((500, 450)));
    }

    #[test]
    fn a_declared_size_replaces_the_limits_out_of_sight_too() {
        let tree = contained("max\n");
        let mut places = places(&tree);
        places.declared_memory_bytes = 600 * MIB;
        let above = Above { memory_limit_bytes: 200 * MIB, memory_free_bytes: 0, ..Above::NONE };
        let memory = memory(&tree, &places, &above, &HOST, &mut [0; 512]).unwrap();
        assert_eq!((memory.total_bytes, memory.free_bytes), (600 * MIB, 500 * MIB));
    }

    #[test]
    fn no_board_makes_more_free_than_there_is() {
        let tree = contained("max\n");
        let above = Above { memory_limit_bytes: 200 * MIB, memory_free_bytes: 300 * MIB, ..Above::NONE };
        let memory = memory(&tree, &places(&tree), &above, &HOST, &mut [0; 512]).unwrap();
        assert_eq!((memory.total_bytes, memory.free_bytes), (200 * MIB, 200 * MIB));
    }

    #[test]
    fn swap_out_of_sight() {
        let tree = contained("max\n");
        let above = Above {
            memory_limit_bytes: 200 * MIB,
            memory_free_bytes: 90 * MIB,
            swap_limit_bytes: 64 * MIB,
            swap_free_bytes: 60 * MIB,
            ..Above::NONE
        };
        let host = Host { swap_bytes: 1 << 30, swap_free_bytes: 1 << 30, ..HOST };
        let memory = memory(&tree, &places(&tree), &above, &host, &mut [0; 512]).unwrap();
        assert_eq!(memory.swap, Some(Swap { total_bytes: 64 * MIB, free_bytes: 60 * MIB }));
    }

    proptest! {
        #[test]
        fn the_figures_agree_whatever_the_kernel_says(
            limits in prop::collection::vec(prop::option::of(any::<u64>()), 4), usage in prop::collection::vec(any::<u64>(), 4),
            counters in prop::collection::vec(any::<u64>(), 4), host: (u64, u64, u64), is_v1: bool, declared: u64, by in 0..3_usize,
        ) {
            let text = |limit: &Option<u64>| limit.map_or("max".to_string(), |limit| format!("{limit}"));
            let names = if is_v1 { ["limit_in_bytes", "usage_in_bytes", "memsw.limit_in_bytes", "memsw.usage_in_bytes", "none", "none"] } else { ["max", "current", "swap.max", "swap.current", "high", "none"] };
            let (mut tree, base) = if is_v1 { (v1(), "memory/") } else { (v2(), "") };
            for (level, cgroup) in ["a/b", "a"].iter().enumerate() {
                for (index, name) in names.iter().enumerate() {
                    let at = (level + index) % 4;
                    let value = if index % 2 == 0 { text(&limits[at]) } else { format!("{}", usage[at]) };
                    tree = tree.with(&format!("/sys/fs/cgroup/{base}{cgroup}/memory.{name}"), value);
                }
                let stat = format!("active_file {}\ninactive_file {}\nslab_reclaimable {}\nshmem {}\n", counters[0], counters[1], counters[2], counters[3]);
                tree = tree.with(&format!("/sys/fs/cgroup/{base}{cgroup}/memory.stat"), if is_v1 { stat.replace('\n', "\ntotal_") + "x 1\n" } else { stat });
            }
            let host = Host { memory_bytes: host.0, swap_bytes: host.1, swap_free_bytes: host.2, since_boot_usec: 0 };
            let mut places = places(&tree);
            places.declare([MemoryLimit::Max, MemoryLimit::High, MemoryLimit::Bytes(declared.max(LEAST_BYTES))][by]);
            if let Some(memory) = memory(&tree, &places, &Above::NONE, &host, &mut [0; 512]) {
                prop_assert!(memory.free_bytes <= memory.available_bytes && memory.available_bytes <= memory.total_bytes);
                prop_assert!((LEAST_BYTES..host.memory_bytes).contains(&memory.total_bytes));
                prop_assert!(memory.free_bytes + memory.shared_bytes <= memory.total_bytes);
                if let Some(swap) = memory.swap {
                    prop_assert!(swap.free_bytes <= swap.total_bytes && swap.total_bytes <= host.swap_bytes);
                }
            }
        }
    }
}
