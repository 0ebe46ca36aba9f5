//! A cgroup's limits, and their combination with those above it.

use super::{
    directory::Directory,
    roots::{Form, Root},
};
use calc::{
    board::{Above, Kind},
    capacity::Capacity,
    cgroup::{
        CgroupFiles, Version, cpu,
        cpuset::{self, Kind as Of},
        memory::Amounts,
    },
    cpus::CpuSet,
};
use rustix::fd::OwnedFd;

/// The CPUs that a cgroup may run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cpus {
    count: u64,
    /// In the board's form: zero if there are more CPUs than it can hold.
    words: [u64; WORDS],
}

const WORDS: usize = Above::NONE.cpus.len();

impl Cpus {
    /// The CPUs of a set; `None` if it is empty.
    pub(super) fn of(set: &CpuSet) -> Option<Self> {
        let (known, beyond) = set.words().split_at_checked(WORDS)?;
        let mut words = [0; WORDS];
        if beyond.iter().all(|word| *word == 0) {
            words.copy_from_slice(known);
        }
        Some(Self { count: set.count(), words }).filter(|cpus| cpus.count > 0)
    }
}

/// The limits in a cgroup's own files; `None` for what is not limited, or not in this hierarchy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    memory: Amounts,
    quota: Option<Capacity>,
    /// Boxed, because most version 1 cgroups have none.
    cpus: Option<Box<Cpus>>,
}

impl Limits {
    /// Reads those of the controllers that `root` has; the memory limits only if asked for.
    pub(super) fn read(directory: &Directory, top: &OwnedFd, root: &Root, with_memory: bool) -> Self {
        let version = if root.form == Form::V1 { Version::V1 } else { Version::V2 };
        let has = |kind| version == Version::V2 || root.kinds.contains(&kind);
        let files = directory.files(top);
        let text = &mut [0; 4096];
        let mut limits = Self::default();
        if with_memory && has(Kind::Memory) {
            limits.memory = Amounts::for_those_below(&files, version, text);
        }
        if has(Kind::Cpu) {
            limits.quota = cpu::quota(&files, version, text);
        }
        if has(Kind::Cpuset) {
            limits.cpus = cpus(&files, version, text).map(Box::new);
        }
        limits
    }

    /// What is above the children of a cgroup that has these limits, and `above` above itself.
    pub(super) fn below(&self, above: &Above) -> Above {
        let mut sum = *above;
        sum.lower_memory(&self.memory);
        if let Some(quota) = self.quota {
            sum.lower_quota(quota);
        }
        if let Some(cpus) = &self.cpus {
            sum.cpus = cpus.words;
        }
        sum
    }

    /// Whether they allow the same CPU time as others.
    pub(super) fn gives_cpus_as(&self, other: &Self) -> bool {
        (&self.quota, &self.cpus) == (&other.quota, &other.cpus)
    }

    /// How many CPUs it may run on, if this hierarchy says so.
    pub(super) fn cpu_count(&self) -> Option<u64> {
        self.cpus.as_ref().map(|cpus| cpus.count)
    }
}

/// The CPUs of a cgroup that names them.
fn cpus(files: &impl CgroupFiles, version: Version, text: &mut [u8]) -> Option<Cpus> {
    let mut set = CpuSet::EMPTY;
    cpuset::of_one(Of::Cpus, files, version, &mut set, text)?;
    Cpus::of(&set)
}

/// The CPU time per second, in microseconds, under the least quota of `limits` and `above`.
pub(super) fn quota_rate(limits: &Limits, above: &Above) -> Option<u64> {
    limits.below(above).quota().map(|quota| quota.within(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(quota_usec: u64, period_usec: u64) -> Limits {
        Limits { quota: Some(Capacity { quota_usec, period_usec }), ..Limits::default() }
    }

    #[test]
    fn quotas_are_compared_by_their_periods() {
        let above = limited(100, 50).below(&Above::NONE);
        assert_eq!((above.quota_usec, above.period_usec), (100, 50));
        let less = limited(150, 100);
        assert_eq!(quota_rate(&less, &above), Some(1_500_000));
        assert_eq!(less.below(&above).period_usec, 100);
        let more = limited(300, 100);
        assert_eq!(quota_rate(&more, &above), Some(2_000_000));
        assert_eq!(quota_rate(&Limits::default(), &above), Some(2_000_000));
        assert_eq!(quota_rate(&Limits::default(), &Above::NONE), None);
        assert_eq!(quota_rate(&limited(u64::MAX, 1), &Above::NONE), Some(u64::MAX));
    }

    #[test]
    fn the_nearest_cpus_count() {
        let cpus = |list: &str| Limits {
            cpus: CpuSet::parse(list.as_bytes()).and_then(|set| Cpus::of(&set)).map(Box::new),
            ..Limits::default()
        };
        let above = cpus("0-3").below(&Above::NONE);
        assert_eq!(above.cpus[..2], [15, 0]);
        assert_eq!(cpus("1,64\n").below(&above).cpus[..2], [2, 1]);
        assert_eq!(cpus("").below(&above), above);
        assert_eq!(cpus("0-600").cpu_count(), Some(601));
        assert_eq!(cpus("0-600").below(&above).cpus, [0; WORDS]);
    }

    #[test]
    fn what_is_unlimited_says_nothing() {
        let home = std::env::temp_dir().join(format!("cgproc-limits-{}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let files = [
            ("memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory.usage_in_bytes", "4096\n"),
            ("memory.use_hierarchy", "1\n"),
            ("cpu.cfs_quota_us", "-1\n"),
            ("cpu.cfs_period_us", "100000\n"),
            ("cpuset.cpus", "0-1\n"),
            ("memory.max", "1048576\n"),
            ("memory.current", "2097152\n"),
            ("cpu.max", "max 100000\n"),
        ];
        let write = |name: &str, text: &str| std::fs::write(home.join(name), text).unwrap();
        files.iter().for_each(|(name, text)| write(name, text));
        let flags = super::super::directory::DIRECTORY;
        let top = rustix::fs::openat(rustix::fs::CWD, &home, flags, rustix::fs::Mode::empty()).unwrap();
        let (directory, _) = Directory::open(&top, std::path::PathBuf::new()).unwrap();
        let below = |kinds: &[Kind], with_memory| {
            let root = Root::new(home.clone(), kinds.to_vec());
            Limits::read(&directory, &top, &root, with_memory).below(&Above::NONE)
        };
        let (v1, v2) = ([Kind::Memory, Kind::Cpu, Kind::Cpuset], [Kind::Unified]);
        let both_cpus = Above { cpus: [3, 0, 0, 0, 0, 0, 0, 0], ..Above::NONE };
        assert_eq!(below(&v1, true), both_cpus);
        let memory = |above: &Above| (above.memory_limit_bytes, above.memory_free_bytes);
        assert_eq!(memory(&below(&v2, true)), (1_048_576, 0));
        assert_eq!(below(&v2, false), both_cpus, "memory was not asked for");
        write("memory.limit_in_bytes", "4194304\n");
        assert_eq!(memory(&below(&v1, true)), (4_194_304, 4_190_208));
        assert_eq!(below(&v1[1..], true), both_cpus, "another hierarchy has the memory");
        write("memory.use_hierarchy", "0\n");
        assert_eq!(below(&v1, true), both_cpus, "it does not bind those below");
        write("memory.use_hierarchy", "1\n");
        write("memory.max", "0\n");
        write("memory.limit_in_bytes", "0\n");
        assert_eq!((below(&v1, true), below(&v2, true)), (both_cpus, both_cpus));
        std::fs::remove_dir_all(home).unwrap();
    }
}
