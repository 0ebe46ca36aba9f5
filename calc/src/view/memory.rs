//! Memory and swap of the container.

use crate::{
    cgroup::{
        Controller, Hierarchy, Level, Setting,
        memory::{Counter, Counters, Names},
        places::Places,
    },
    host::Host,
    source::Files,
};

/// Swap of the container.
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
    /// Least headroom over the chain.
    pub free_bytes: u64,
    /// free + what the kernel can reclaim.
    pub available_bytes: u64,
    /// shmem (tmpfs), at most total − free.
    pub shared_bytes: u64,
    /// `None` where swap is not accounted: the kernel's swap lines stand.
    pub swap: Option<Swap>,
}

/// Just the numbers for `sysinfo` and `sysconf`. `None`: no memory limit anywhere, the kernel's figures stand.
pub fn memory(files: &impl Files, places: &Places, host: &Host, scratch: &mut [u8]) -> Option<Memory> {
    read(files, places, host, &mut Counters::default(), scratch)
}

/// The figures, and in `counters` what they were made of.
pub(crate) fn read(
    files: &impl Files,
    places: &Places,
    host: &Host,
    counters: &mut Counters,
    scratch: &mut [u8],
) -> Option<Memory> {
    let place = places.hierarchy(Controller::Memory)?;
    let limits = Limits::read(files, &place, places.declared_memory_bytes, scratch)?;
    let total_bytes = limits.memory.least.filter(|limit| *limit < host.memory_bytes)?;
    counters.read(files, &place, limits.counters_depth, scratch)?;
    let free_bytes = limits.memory.headroom.min(total_bytes);
    let reclaimable = [Counter::ActiveFile, Counter::InactiveFile, Counter::SlabReclaimable];
    let available = reclaimable.iter().fold(free_bytes, |sum, counter| sum.saturating_add(counters.get(*counter)));
    Some(Memory {
        total_bytes,
        free_bytes,
        available_bytes: available.min(total_bytes),
        shared_bytes: counters.get(Counter::Shmem).min(total_bytes.saturating_sub(free_bytes)),
        swap: limits.swap(host),
    })
}

/// The least limit of a chain, and the least of what the levels have left.
#[derive(Clone, Copy, Debug)]
struct Least {
    least: Option<u64>,
    headroom: u64,
}

impl Least {
    const NONE: Self = Self { least: None, headroom: u64::MAX };

    /// Takes a level into account; whether its limit is the least so far.
    fn add(&mut self, limit: u64, usage: u64) -> bool {
        self.headroom = self.headroom.min(limit.saturating_sub(usage));
        let is_least = self.least.is_none_or(|least| limit < least);
        if is_least {
            self.least = Some(limit);
        }
        is_least
    }
}

/// What one level says.
struct Reading {
    limit: Option<u64>,
    usage: u64,
    /// Of swap alone.
    swap_limit: Setting,
    swap_used: u64,
}

impl Reading {
    /// Reads a level: `Some(None)` where it has no memory controller. What is used is only read where it matters: in the
    /// scope, and where there is a limit.
    #[inline(never)]
    fn read(
        level: &Level<'_>,
        files: &impl Files,
        names: &Names,
        is_scope: bool,
        scratch: &mut [u8],
    ) -> Option<Option<Self>> {
        let set = level.setting(files, names.limit, scratch)?;
        let limit = match set {
            Setting::Absent => return Some(None),
            Setting::Unlimited => None,
            Setting::Of(limit) => Some(limit),
        };
        let usage = if is_scope || limit.is_some() { level.number(files, names.usage, scratch)? } else { 0 };
        let swap_set = match limit {
            // Memory and swap together are never limited where memory is not.
            None if names.swap_includes_memory && !is_scope => Setting::Unlimited,
            _ => level.setting(files, names.swap_limit, scratch)?,
        };
        let swap_usage = match swap_set {
            Setting::Absent => 0,
            Setting::Unlimited if !is_scope => 0,
            _ => level.number(files, names.swap_usage, scratch)?,
        };
        let mut reading = Self { limit, usage, swap_limit: swap_set, swap_used: swap_usage };
        if names.swap_includes_memory {
            reading.exclude_memory();
        }
        Some(Some(reading))
    }

    /// Turns figures of memory and swap together into those of swap.
    fn exclude_memory(&mut self) {
        if let Setting::Of(both) = self.swap_limit {
            self.swap_limit = Setting::Of(both.saturating_sub(self.limit.unwrap_or(0)));
        }
        // The kernel counts the two apart, and memory alone may be the larger one for a moment.
        self.swap_used = self.swap_used.saturating_sub(self.usage);
    }

    /// Whether this level, which is above the own cgroup, limits it.
    fn binds(&self, level: &Level<'_>, files: &impl Files, names: &Names, scratch: &mut [u8]) -> Option<bool> {
        let (Some(_), Some(name)) = (self.limit, names.hierarchical) else { return Some(true) };
        Some(level.setting(files, name, scratch)? != Setting::Of(0))
    }
}

/// What the chain allows.
struct Limits {
    memory: Least,
    /// Where the counters are to be read: the figures must agree with the limit that is shown.
    counters_depth: usize,
    swap: Least,
    /// Swap used by the scope, `None` where swap is not accounted.
    swap_used: Option<u64>,
}

impl Limits {
    /// Walks the chain upward. `declared` is taken in place of all memory limits, unless it is 0.
    #[inline(never)]
    fn read(files: &impl Files, place: &Hierarchy<'_>, declared: u64, scratch: &mut [u8]) -> Option<Self> {
        let names = place.version.memory();
        let scope = place.scope.len();
        let mut limits = Self { memory: Least::NONE, counters_depth: scope, swap: Least::NONE, swap_used: None };
        let mut scope_is_above = true;
        for level in place.chain() {
            let is_scope = scope_is_above && level.depth() <= scope;
            let Some(mut reading) = Reading::read(&level, files, names, is_scope, scratch)? else { continue };
            if level.depth() < place.own.len() && !reading.binds(&level, files, names, scratch)? {
                break;
            }
            scope_is_above &= !is_scope;
            if declared > 0 {
                reading.limit = is_scope.then_some(declared);
            }
            if limits.add(&reading, is_scope) {
                limits.counters_depth = level.depth().max(scope);
            }
        }
        Some(limits)
    }

    /// Takes one level into account; whether its memory limit is the least so far.
    fn add(&mut self, reading: &Reading, is_scope: bool) -> bool {
        if let Setting::Of(limit) = reading.swap_limit {
            self.swap.add(limit, reading.swap_used);
        }
        if is_scope && reading.swap_limit != Setting::Absent {
            self.swap_used = Some(reading.swap_used);
        }
        reading.limit.is_some_and(|limit| self.memory.add(limit, reading.usage))
    }

    /// The swap figures. Where no limit is less than the host's swap, what others use of it is not free either.
    fn swap(&self, host: &Host) -> Option<Swap> {
        let used = self.swap_used?;
        let limit = self.swap.least.filter(|limit| *limit < host.swap_bytes);
        let total_bytes = limit.unwrap_or(host.swap_bytes);
        let bound = if limit.is_some() { u64::MAX } else { host.swap_free_bytes };
        let free_bytes = total_bytes.saturating_sub(used).min(self.swap.headroom).min(bound);
        Some(Swap { total_bytes, free_bytes })
    }
}
