//! The memory controller's files, in terms common to both versions.

use super::{
    CgroupFiles, Hierarchy, Setting, Version,
    least::{By, Room},
};
use crate::{
    lines::Lines,
    scan::{self, Name},
    settings::LEAST_BYTES,
    source::Files,
};

/// The names of the memory controller's files.
pub(crate) struct Names {
    pub(crate) limit: Name,
    /// The limit above which the kernel slows a cgroup down, below the hard one.
    pub(crate) high: Option<Name>,
    pub(crate) usage: Name,
    pub(crate) swap_limit: Name,
    pub(crate) swap_usage: Name,
    /// Whether the swap files count memory and swap together.
    pub(crate) swap_includes_memory: bool,
    /// The file that says 0 if a cgroup does not limit those below it.
    pub(crate) hierarchical: Option<Name>,
}

impl Names {
    pub(crate) fn of(version: Version) -> &'static Self {
        match version {
            Version::V1 => &V1,
            Version::V2 => &V2,
        }
    }
}

static V1: Names = Names {
    limit: Name::new("memory.limit_in_bytes"),
    high: None,
    usage: Name::new("memory.usage_in_bytes"),
    swap_limit: Name::new("memory.memsw.limit_in_bytes"),
    swap_usage: Name::new("memory.memsw.usage_in_bytes"),
    swap_includes_memory: true,
    hierarchical: Some(Name::new("memory.use_hierarchy")),
};

static V2: Names = Names {
    limit: Name::new("memory.max"),
    high: Some(Name::new("memory.high")),
    usage: Name::new("memory.current"),
    swap_limit: Name::new("memory.swap.max"),
    swap_usage: Name::new("memory.swap.current"),
    swap_includes_memory: false,
    hierarchical: None,
};

/// A line of `memory.stat`, under v2's name, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Counter {
    Anon,
    File,
    KernelStack,
    Pagetables,
    SecPagetables,
    Percpu,
    Vmalloc,
    Shmem,
    Zswap,
    Zswapped,
    FileMapped,
    FileDirty,
    FileWriteback,
    Swapcached,
    AnonThp,
    FileThp,
    ShmemThp,
    InactiveAnon,
    ActiveAnon,
    InactiveFile,
    ActiveFile,
    Unevictable,
    SlabReclaimable,
    SlabUnreclaimable,
    /// v1 only: the lowest limit of this cgroup and all above it, even those that a namespace hides.
    EffectiveLimit,
    /// The same for memory and swap together.
    EffectiveSwapLimit,
}

/// The lines of version 1's `memory.stat`, in the kernel's order. Those that begin with `total_` include the cgroups
/// below.
static LINES_V1: [(Name, Counter); 15] = [
    (Name::new("hierarchical_memory_limit"), Counter::EffectiveLimit),
    (Name::new("hierarchical_memsw_limit"), Counter::EffectiveSwapLimit),
    (Name::new("total_cache"), Counter::File),
    (Name::new("total_rss"), Counter::Anon),
    (Name::new("total_rss_huge"), Counter::AnonThp),
    (Name::new("total_shmem"), Counter::Shmem),
    (Name::new("total_mapped_file"), Counter::FileMapped),
    (Name::new("total_dirty"), Counter::FileDirty),
    (Name::new("total_writeback"), Counter::FileWriteback),
    (Name::new("total_swapcached"), Counter::Swapcached),
    (Name::new("total_inactive_anon"), Counter::InactiveAnon),
    (Name::new("total_active_anon"), Counter::ActiveAnon),
    (Name::new("total_inactive_file"), Counter::InactiveFile),
    (Name::new("total_active_file"), Counter::ActiveFile),
    (Name::new("total_unevictable"), Counter::Unevictable),
];

/// The same for version 2.
static LINES_V2: [(Name, Counter); 24] = [
    (Name::new("anon"), Counter::Anon),
    (Name::new("file"), Counter::File),
    (Name::new("kernel_stack"), Counter::KernelStack),
    (Name::new("pagetables"), Counter::Pagetables),
    (Name::new("sec_pagetables"), Counter::SecPagetables),
    (Name::new("percpu"), Counter::Percpu),
    (Name::new("vmalloc"), Counter::Vmalloc),
    (Name::new("shmem"), Counter::Shmem),
    (Name::new("zswap"), Counter::Zswap),
    (Name::new("zswapped"), Counter::Zswapped),
    (Name::new("file_mapped"), Counter::FileMapped),
    (Name::new("file_dirty"), Counter::FileDirty),
    (Name::new("file_writeback"), Counter::FileWriteback),
    (Name::new("swapcached"), Counter::Swapcached),
    (Name::new("anon_thp"), Counter::AnonThp),
    (Name::new("file_thp"), Counter::FileThp),
    (Name::new("shmem_thp"), Counter::ShmemThp),
    (Name::new("inactive_anon"), Counter::InactiveAnon),
    (Name::new("active_anon"), Counter::ActiveAnon),
    (Name::new("inactive_file"), Counter::InactiveFile),
    (Name::new("active_file"), Counter::ActiveFile),
    (Name::new("unevictable"), Counter::Unevictable),
    (Name::new("slab_reclaimable"), Counter::SlabReclaimable),
    (Name::new("slab_unreclaimable"), Counter::SlabUnreclaimable),
];

/// The number of counters.
const COUNTERS: usize = Counter::EffectiveSwapLimit as usize + 1;

/// The counters in `memory.stat`; 0 for those that it lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    bytes: [u64; COUNTERS],
}

impl Counters {
    /// Counters with these values, in order.
    #[cfg(test)]
    pub(crate) fn of(bytes: &[u64; COUNTERS]) -> Self {
        Self { bytes: *bytes }
    }

    /// A counter, in bytes.
    pub(crate) fn get(&self, counter: Counter) -> u64 {
        self.bytes.get(counter as usize).copied().unwrap_or(0)
    }

    /// All counters, in bytes, in the order of [`Counter`].
    pub(crate) fn all(&self) -> &[u64] {
        &self.bytes
    }

    /// The same, to be set.
    pub(crate) fn all_mut(&mut self) -> &mut [u64] {
        &mut self.bytes
    }

    /// The effective limit `which`, if `memory.stat` has it.
    pub(crate) fn effective(&self, which: Counter) -> Option<Setting> {
        Some(self.get(which)).filter(|limit| *limit > 0).map(Setting::of)
    }

    /// Reads `memory.stat` of the cgroup at `depth`, or of the nearest above that has one. Lines in another form are
    /// skipped.
    #[inline(never)]
    pub(crate) fn read(&mut self, files: &impl Files, place: &Hierarchy<'_>, depth: usize, scratch: &mut [u8]) {
        let mut levels = place.chain().skip_while(|level| level.depth() > depth);
        let Some(mut file) = levels.find_map(|level| level.among(files).open(b"memory.stat", scratch)) else {
            return;
        };
        let mut lines = Lines::new(&mut file, scratch);
        let names: &[(Name, Counter)] = match place.version {
            Version::V1 => &LINES_V1,
            Version::V2 => &LINES_V2,
        };
        let mut expected = 0;
        while let Ok(Some(line)) = lines.next() {
            let Some((key, bytes)) = line.whole().and_then(scan::key_value) else { continue };
            if let Some((index, (_, counter))) = scan::find_from(names, expected, key)
                && let Some(known) = self.bytes.get_mut(*counter as usize)
            {
                *known = bytes;
                expected = index.saturating_add(1);
            }
        }
    }
}

/// The room that levels leave together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rooms {
    pub(crate) memory: Room,
    /// The room of swap alone.
    pub(crate) swap: Room,
}

impl Rooms {
    pub(crate) const NONE: Self = Self { memory: Room::NONE, swap: Room::NONE };

    /// Takes a level into account, and returns whether its memory limit is the lowest so far.
    pub(crate) fn lower(&mut self, level: &Amounts, by: By) -> bool {
        if let Setting::Of(limit) = level.swap_limit {
            self.swap.lower(limit, Some(level.swap_used), by);
        }
        level.limit.is_some_and(|limit| self.memory.lower(limit, level.usage, by))
    }
}

/// What is known of a level's limits before its files are read, and which of its files count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// The memory limit.
    pub(crate) limit: Option<Setting>,
    /// The limit of memory and swap together.
    pub(crate) both_limit: Option<Setting>,
    /// Whether `memory.high` is a limit.
    pub(crate) counts_high: bool,
}

impl Terms {
    pub(crate) const NONE: Self = Self { limit: None, both_limit: None, counts_high: false };
}

/// One level's amounts, in bytes. Usage is read only if it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amounts {
    pub(crate) limit: Option<u64>,
    pub(crate) usage: Option<u64>,
    /// The limit of swap alone.
    pub(crate) swap_limit: Setting,
    pub(crate) swap_used: u64,
}

impl Default for Amounts {
    fn default() -> Self {
        Self::NONE
    }
}

impl Amounts {
    pub(crate) const NONE: Self = Self { limit: None, usage: None, swap_limit: Setting::Absent, swap_used: 0 };

    /// What the cgroup allows those below it; no limits if it does not limit them.
    pub fn for_those_below(group: &impl CgroupFiles, version: Version, scratch: &mut [u8]) -> Self {
        let mut amounts = Self::NONE;
        let names = Names::of(version);
        let terms = Terms::NONE;
        if !amounts.read(group, names, &terms, false, scratch) || !amounts.binds(group, names, scratch) {
            return Self::NONE;
        }
        amounts.read_swap(group, names, &terms, false, scratch);
        amounts
    }

    /// What a cgroup itself has and may have.
    pub fn of_one(group: &impl CgroupFiles, version: Version, scratch: &mut [u8]) -> Self {
        let mut amounts = Self::NONE;
        let names = Names::of(version);
        let terms = Terms::NONE;
        if amounts.read(group, names, &terms, true, scratch) {
            amounts.read_swap(group, names, &terms, true, scratch);
        }
        amounts
    }

    /// The same limits, with what is in use by now; `None` if that cannot be read.
    pub fn with_usage(self, usage_bytes: Option<u64>) -> Self {
        Self { usage: usage_bytes, ..self }
    }

    /// Reads a level's memory, and returns whether the controller is enabled. The usage is read where there is a limit,
    /// or if it `counts` without one.
    #[inline(never)]
    pub(crate) fn read(
        &mut self,
        group: &impl CgroupFiles,
        names: &Names,
        terms: &Terms,
        counts: bool,
        scratch: &mut [u8],
    ) -> bool {
        self.limit = match memory_limit(group, names, terms, scratch) {
            Setting::Absent => return false,
            Setting::Unlimited => None,
            Setting::Of(limit) => Some(limit),
        };
        if counts || self.limit.is_some() {
            self.usage = group.number(names.usage.text(), scratch);
        }
        true
    }

    /// Reads the level's swap too.
    #[inline(never)]
    pub(crate) fn read_swap(
        &mut self,
        group: &impl CgroupFiles,
        names: &Names,
        terms: &Terms,
        is_scope: bool,
        scratch: &mut [u8],
    ) {
        if names.swap_includes_memory && self.limit.is_none() && !is_scope {
            // Memory and swap together are never limited unless memory is.
            return;
        }
        self.swap_limit = terms.both_limit.unwrap_or_else(|| group.setting(names.swap_limit.text(), scratch));
        let used = match self.swap_limit {
            Setting::Absent => Some(0),
            Setting::Unlimited if !is_scope => Some(0),
            _ => group.number(names.swap_usage.text(), scratch),
        };
        match used {
            Some(used) if self.usage.is_some() || !names.swap_includes_memory => self.swap_used = used,
            // Without a usage, nothing is known of swap.
            _ => self.swap_limit = Setting::Absent,
        }
        if names.swap_includes_memory {
            self.exclude_memory();
        }
    }

    /// Turns figures for memory and swap together into those for swap.
    fn exclude_memory(&mut self) {
        if let Setting::Of(both) = self.swap_limit {
            self.swap_limit = Setting::Of(both.saturating_sub(self.limit.unwrap_or(0)));
        }
        // The kernel counts the two separately, and memory alone may be larger for a moment.
        self.swap_used = self.swap_used.saturating_sub(self.usage.unwrap_or(0));
    }

    /// Whether this level limits the cgroups below it.
    pub(crate) fn binds(&self, group: &impl CgroupFiles, names: &Names, scratch: &mut [u8]) -> bool {
        let (Some(_), Some(name)) = (self.limit, &names.hierarchical) else { return true };
        group.setting(name.text(), scratch) != Setting::Of(0)
    }
}

/// The memory limit of a level; [`Setting::Absent`] if the controller is not enabled.
fn memory_limit(group: &impl CgroupFiles, names: &Names, terms: &Terms, scratch: &mut [u8]) -> Setting {
    let limit = shown(terms.limit.unwrap_or_else(|| group.setting(names.limit.text(), scratch)));
    match names.high.as_ref().filter(|_| terms.counts_high && limit != Setting::Absent) {
        Some(high) => lesser(limit, shown(group.setting(high.text(), scratch))),
        None => limit,
    }
}

/// The limit, if a program can be shown it.
fn shown(limit: Setting) -> Setting {
    match limit {
        Setting::Of(bytes) if bytes < LEAST_BYTES => Setting::Unlimited,
        limit => limit,
    }
}

/// The lower of two limits; the second may be absent.
fn lesser(limit: Setting, other: Setting) -> Setting {
    match (limit, other) {
        (Setting::Of(limit), Setting::Of(other)) => Setting::Of(limit.min(other)),
        (_, Setting::Of(_)) => other,
        _ => limit,
    }
}
