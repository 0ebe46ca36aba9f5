//! A cgroup's limits, and what those above it come to.

use super::{
    directory::Directory,
    roots::{Form, Root},
};
use calc::{
    board::{Above, Kind},
    cpus::CpuSet,
    scan,
    settings::LEAST_BYTES,
};
use rustix::fd::OwnedFd;

/// A limit and what of it is used, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    limit_bytes: u64,
    usage_bytes: u64,
}

impl Room {
    fn free_bytes(&self) -> u64 {
        self.limit_bytes.saturating_sub(self.usage_bytes)
    }

    /// Whether a program can be shown it as the size of its memory.
    fn can_be_shown(&self) -> bool {
        self.limit_bytes >= LEAST_BYTES
    }
}

/// CPU time per period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    quota_usec: u64,
    period_usec: u64,
}

impl Quota {
    /// The lesser of two.
    fn or_less(self, other: Option<Self>) -> Self {
        let product = |quota: u64, period: u64| u128::from(quota) * u128::from(period);
        match other {
            Some(other)
                if product(other.quota_usec, self.period_usec) < product(self.quota_usec, other.period_usec) =>
            {
                other
            }
            _ => self,
        }
    }

    /// CPU time a second, in microseconds.
    fn rate(&self) -> u64 {
        let rate = u128::from(self.quota_usec) * 1_000_000 / u128::from(self.period_usec.max(1));
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

/// The CPUs that a cgroup may run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cpus {
    count: u64,
    /// As the board has them: none, where there are more than it holds.
    words: [u64; WORDS],
}

const WORDS: usize = Above::NONE.cpus.len();

impl Cpus {
    /// How many they are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Those of a kernel list; `None` where that names none.
    pub(super) fn parse(list: &[u8]) -> Option<Self> {
        let set = CpuSet::parse(list)?;
        let (known, beyond) = set.words().split_at_checked(WORDS)?;
        let mut words = [0; WORDS];
        if beyond.iter().all(|word| *word == 0) {
            words.copy_from_slice(known);
        }
        Some(Self { count: set.count(), words }).filter(|cpus| cpus.count > 0)
    }
}

/// What a cgroup's own files say. `None` for what is not limited, or not limited here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    memory: Option<Room>,
    swap: Option<Room>,
    quota: Option<Quota>,
    /// Apart: most cgroups of version 1 have none.
    cpus: Option<Box<Cpus>>,
    /// A version 1 memory limit that does not bind the cgroups below.
    is_flat: bool,
}

impl Limits {
    /// Reads those of the controllers that `root` has; that of memory only if it is asked for.
    pub(super) fn read(directory: &Directory, top: &OwnedFd, root: &Root, with_memory: bool) -> Self {
        let files = Files { directory, top, with_memory };
        match root.form {
            Form::V1 => files.version_1(&root.kinds),
            Form::V2 | Form::Declared => files.version_2(),
        }
    }

    /// What is above a cgroup in one with these limits, which has `above` above itself.
    pub(super) fn below(&self, above: &Above) -> Above {
        let mut sum = *above;
        if let Some(memory) = self.memory.filter(|_| !self.is_flat) {
            sum.memory_limit_bytes = sum.memory_limit_bytes.min(memory.limit_bytes);
            sum.memory_free_bytes = sum.memory_free_bytes.min(memory.free_bytes());
        }
        if let Some(swap) = self.swap.filter(|_| !self.is_flat) {
            sum.swap_limit_bytes = sum.swap_limit_bytes.min(swap.limit_bytes);
            sum.swap_free_bytes = sum.swap_free_bytes.min(swap.free_bytes());
        }
        if let Some(quota) = self.quota {
            let least = quota.or_less(quota_of(above));
            (sum.quota_usec, sum.period_usec) = (least.quota_usec, least.period_usec);
        }
        if let Some(cpus) = &self.cpus {
            sum.cpus = cpus.words;
        }
        sum
    }

    /// Whether they give as much CPU time as others.
    pub(super) fn gives_cpus_as(&self, other: &Self) -> bool {
        (&self.quota, &self.cpus) == (&other.quota, &other.cpus)
    }

    /// How many CPUs it may run on, where that is known here.
    pub(super) fn cpu_count(&self) -> Option<u64> {
        self.cpus.as_ref().map(|cpus| cpus.count)
    }
}

/// CPU time a second, in microseconds, that the least quota of one with `limits` below `above` leaves.
pub(super) fn quota_rate(limits: &Limits, above: &Above) -> Option<u64> {
    let above = quota_of(above);
    limits.quota.map(|own| own.or_less(above)).or(above).map(|quota| quota.rate())
}

fn quota_of(above: &Above) -> Option<Quota> {
    (above.period_usec > 0).then_some(Quota { quota_usec: above.quota_usec, period_usec: above.period_usec })
}

/// The files of one cgroup.
struct Files<'d> {
    directory: &'d Directory,
    top: &'d OwnedFd,
    with_memory: bool,
}

impl Files<'_> {
    fn version_1(&self, kinds: &[Kind]) -> Limits {
        let mut limits = Limits::default();
        for kind in kinds {
            match kind {
                Kind::Memory if self.with_memory => self.memory_1(&mut limits),
                Kind::Cpu => limits.quota = self.quota_1(),
                Kind::Cpuset => {
                    limits.cpus = self.cpus(&["cpuset.effective_cpus", "cpuset.cpus", "effective_cpus", "cpus"]);
                }
                _ => {}
            }
        }
        limits
    }

    fn memory_1(&self, limits: &mut Limits) {
        limits.is_flat = self.number("memory.use_hierarchy") == Some(0);
        limits.memory = self.room("memory.limit_in_bytes", "memory.usage_in_bytes").filter(Room::can_be_shown);
        let both = self.room("memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes");
        limits.swap = both.zip(limits.memory).map(|(both, memory)| Room {
            limit_bytes: both.limit_bytes.saturating_sub(memory.limit_bytes),
            usage_bytes: both.usage_bytes.saturating_sub(memory.usage_bytes),
        });
    }

    fn quota_1(&self) -> Option<Quota> {
        let (quota_usec, period_usec) = (self.number("cpu.cfs_quota_us")?, self.number("cpu.cfs_period_us")?);
        (period_usec > 0).then_some(Quota { quota_usec, period_usec })
    }

    fn version_2(&self) -> Limits {
        Limits {
            memory: self.room_2("memory.max", "memory.current").filter(Room::can_be_shown),
            swap: self.room_2("memory.swap.max", "memory.swap.current"),
            quota: self.with("cpu.max", quota_2),
            cpus: self.cpus(&["cpuset.cpus.effective", "cpuset.cpus"]),
            is_flat: false,
        }
    }

    fn room_2(&self, limit: &str, usage: &str) -> Option<Room> {
        self.with_memory.then(|| self.room(limit, usage)).flatten()
    }

    fn room(&self, limit: &str, usage: &str) -> Option<Room> {
        // What version 1 says for "no limit": the largest number of pages that a long holds, in bytes.
        const UNLIMITED: u64 = 1 << 62;
        let limit_bytes = self.number(limit).filter(|limit| *limit < UNLIMITED)?;
        Some(Room { limit_bytes, usage_bytes: self.number(usage)? })
    }

    fn cpus(&self, names: &[&str]) -> Option<Box<Cpus>> {
        names.iter().find_map(|name| self.with(name, Cpus::parse)).map(Box::new)
    }

    /// A file that is one number; `None` for `max` and -1.
    fn number(&self, name: &str) -> Option<u64> {
        self.with(name, scan::whole_number)
    }

    fn with<T>(&self, name: &str, parse: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let mut text = [0; 4096];
        self.directory.read(self.top, name, &mut text).ok().and_then(parse)
    }
}

/// `cpu.max`: `50000 100000`, or `max 100000`.
fn quota_2(text: &[u8]) -> Option<Quota> {
    let (quota_usec, rest) = scan::number(text)?;
    let period_usec = scan::whole_number(rest.strip_prefix(b" ")?)?;
    (period_usec > 0).then_some(Quota { quota_usec, period_usec })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(quota_usec: u64, period_usec: u64) -> Option<Quota> {
        Some(Quota { quota_usec, period_usec })
    }

    fn memory(limit_bytes: u64, usage_bytes: u64) -> Limits {
        Limits { memory: Some(Room { limit_bytes, usage_bytes }), ..Limits::default() }
    }

    #[test]
    fn quotas() {
        assert_eq!(quota_2(b"50000 100000\n"), quota(50_000, 100_000));
        assert_eq!(quota_2(b"max 100000\n"), None);
        assert_eq!(quota_2(b"50000 0\n"), None);
        assert_eq!(quota(150, 100).unwrap().rate(), 1_500_000);
        assert_eq!(quota(u64::MAX, 1).unwrap().rate(), u64::MAX);
    }

    #[test]
    fn the_least_of_all_levels_counts() {
        let outer = memory(1000, 900).below(&Above::NONE);
        assert_eq!((outer.memory_limit_bytes, outer.memory_free_bytes), (1000, 100));
        let inner = memory(500, 100).below(&outer);
        assert_eq!((inner.memory_limit_bytes, inner.memory_free_bytes), (500, 100));
        assert_eq!(Limits::default().below(&inner), inner);
        let flat = Limits { is_flat: true, ..memory(1, 1) };
        assert_eq!(flat.below(&inner), inner);
        assert_eq!(inner.swap_limit_bytes, u64::MAX);
    }

    #[test]
    fn quotas_are_compared_by_their_periods() {
        let above = Limits { quota: quota(100, 50), ..Limits::default() }.below(&Above::NONE);
        assert_eq!((above.quota_usec, above.period_usec), (100, 50));
        let less = Limits { quota: quota(150, 100), ..Limits::default() };
        assert_eq!(quota_rate(&less, &above), Some(1_500_000));
        assert_eq!(less.below(&above).period_usec, 100);
        let more = Limits { quota: quota(300, 100), ..Limits::default() };
        assert_eq!(quota_rate(&more, &above), Some(2_000_000));
        assert_eq!(quota_rate(&Limits::default(), &above), Some(2_000_000));
        assert_eq!(quota_rate(&Limits::default(), &Above::NONE), None);
    }

    #[test]
    fn the_nearest_cpus_count() {
        let cpus = |list: &str| Limits { cpus: Cpus::parse(list.as_bytes()).map(Box::new), ..Limits::default() };
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
        for (name, text) in files {
            std::fs::write(home.join(name), text).unwrap();
        }
        let flags = super::super::directory::DIRECTORY;
        let top = rustix::fs::openat(rustix::fs::CWD, &home, flags, rustix::fs::Mode::empty()).unwrap();
        let (directory, _) = Directory::open(&top, std::path::PathBuf::new()).unwrap();
        let files = Files { directory: &directory, top: &top, with_memory: true };
        let limits = files.version_1(&[Kind::Memory, Kind::Cpu, Kind::Cpuset]);
        assert_eq!(limits, Limits { cpus: Cpus::parse(b"0-1").map(Box::new), ..Limits::default() });
        assert_eq!(files.version_2().below(&Above::NONE).memory_free_bytes, 0);
        std::fs::write(home.join("memory.max"), "0\n").unwrap();
        std::fs::write(home.join("memory.limit_in_bytes"), "0\n").unwrap();
        let above = files.version_2().below(&Above::NONE);
        assert_eq!((above.memory_limit_bytes, above.memory_free_bytes), (u64::MAX, u64::MAX));
        assert_eq!(files.version_1(&[Kind::Memory]), Limits::default());
        std::fs::remove_dir_all(home).unwrap();
    }
}
