//! The settings: their keys in the environment and in the [file](crate::policy), and the meaning of their values, for
//! both the shim and the command.

use crate::{
    answer::Answer,
    scan::{self, Name},
};

/// The lowest limit that a program can be shown, in bytes, because programs divide by their memory in MiB. No program
/// runs in less: a lower limit stops a cgroup rather than sizing it, and counts as none.
pub const LEAST_BYTES: u64 = 1 << 20;

/// A setting. Its number is its row in `KEYS`.
///
/// ```
/// use calc::settings::{CpuCount, Key, MemoryLimit, Value};
///
/// let value = |name: &[u8], text| Key::of(name)?.parse(text);
/// assert_eq!(value(b"CGPROC_CPUS", b"1.5"), Some(Value::Cpus(CpuCount::Milli(1500))));
/// assert_eq!(value(b"CGPROC_MEMORY", b"512M"), Some(Value::Memory(MemoryLimit::Bytes(512 << 20))));
/// assert_eq!(value(b"CGPROC_MEMORY", b"much"), None);
/// assert_eq!(value(b"CGPROC_SWAP", b"1G"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Key {
    /// `CGPROC`: whether anything is answered.
    Switch,
    /// `CGPROC_FILES`: which files are answered.
    Files,
    /// `CGPROC_CPUS`: how many CPUs are shown.
    Cpus,
    /// `CGPROC_MEMORY`: how much memory is shown.
    Memory,
    /// `CGPROC_DISK`: the size shown for the container's file system.
    Disk,
    /// `CGPROC_CGROUP`: the cgroup whose view is shown.
    Cgroup,
    /// `CGPROC_BOARD`: the board that a sampler writes.
    Board,
    /// `CGPROC_UPTIME`: whose uptime is shown.
    Uptime,
    /// `CGPROC_BTIME`: whose boot time is shown.
    Btime,
    /// `CGPROC_AFFINITY`: whether affinity masks are answered.
    Affinity,
    /// `CGPROC_DEBUG`: where the reasons for passing through are noted.
    Debug,
}

/// Programs that get the host's uptime, by the name that the kernel has for them, with a final NUL: they compute ages
/// by subtracting start times from it, and those are on the host's clock.
pub static AGE_PROGRAMS: [Name; 5] =
    [Name::new("ps\0"), Name::new("pgrep\0"), Name::new("pkill\0"), Name::new("pidwait\0"), Name::new("pidof\0")];

/// The names of the settings.
static KEYS: [(Name, Key); 11] = [
    (Name::new("CGPROC"), Key::Switch),
    (Name::new("CGPROC_FILES"), Key::Files),
    (Name::new("CGPROC_CPUS"), Key::Cpus),
    (Name::new("CGPROC_MEMORY"), Key::Memory),
    (Name::new("CGPROC_DISK"), Key::Disk),
    (Name::new("CGPROC_CGROUP"), Key::Cgroup),
    (Name::new("CGPROC_BOARD"), Key::Board),
    (Name::new("CGPROC_UPTIME"), Key::Uptime),
    (Name::new("CGPROC_BTIME"), Key::Btime),
    (Name::new("CGPROC_AFFINITY"), Key::Affinity),
    (Name::new("CGPROC_DEBUG"), Key::Debug),
];

impl Key {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        KEYS.iter().map(|(_, key)| *key)
    }

    /// The setting with this name.
    pub fn of(name: &[u8]) -> Option<Self> {
        scan::find_from(&KEYS, 0, name).map(|(_, (_, key))| *key)
    }

    /// The setting's name.
    pub fn name(self) -> &'static [u8] {
        KEYS.get(self as usize).map_or(b"", |(name, _)| name.text())
    }

    /// Parses a value of this setting; `None` if it is invalid.
    pub fn parse(self, value: &[u8]) -> Option<Value<'_>> {
        Some(match self {
            Self::Switch => Value::Off(is_other(value, b"off", b"on")?),
            Self::Files => Value::Files(Answered::parse(value)?),
            Self::Cpus => Value::Cpus(CpuCount::parse(value)?),
            Self::Memory => Value::Memory(MemoryLimit::parse(value)?),
            Self::Disk => Value::Disk(size_bytes(value).filter(|bytes| *bytes >= LEAST_BYTES)?),
            Self::Cgroup => Value::Cgroup(path(value)?),
            Self::Board => Value::Board(path(value)?),
            Self::Uptime => Value::HostUptime(is_other(value, b"host", b"container")?),
            Self::Btime => Value::ContainerBtime(is_other(value, b"container", b"host")?),
            Self::Affinity => Value::KernelAffinity(is_other(value, b"kernel", b"container")?),
            Self::Debug => Value::Debug(text(value)?),
        })
    }
}

/// A setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'v> {
    /// Whether nothing is answered.
    Off(bool),
    /// Which files are answered.
    Files(Answered),
    /// How the number of CPUs is chosen.
    Cpus(CpuCount),
    /// How the total of memory is chosen.
    Memory(MemoryLimit),
    /// The size of the container's file system in bytes, [`LEAST_BYTES`] or more.
    Disk(u64),
    /// The cgroup to see: an absolute path, in one of the forms of [`crate::cgroup::places::Whose`].
    Cgroup(&'v [u8]),
    /// The board's absolute path.
    Board(&'v [u8]),
    /// Whether the host's uptime is shown.
    HostUptime(bool),
    /// Whether the container's start is shown as the boot time.
    ContainerBtime(bool),
    /// Whether affinity masks are left to the kernel.
    KernelAffinity(bool),
    /// The path of a file; empty for none.
    Debug(&'v [u8]),
}

/// How the number of CPUs is chosen (`CGPROC_CPUS`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CpuCount {
    /// `quota`: the lowest quota, as if the setting were absent.
    #[default]
    ByQuota,
    /// `weight`: the quota, or the CPUs that the cgroup's weight stands for, if fewer.
    ByWeight,
    /// This many thousandths of a CPU, never 0: `1.5` is 1500.
    Milli(u64),
}

impl CpuCount {
    fn parse(value: &[u8]) -> Option<Self> {
        match value {
            b"quota" => Some(Self::ByQuota),
            b"weight" => Some(Self::ByWeight),
            number => cpus_milli(number).filter(|milli| *milli < u64::MAX).map(Self::Milli),
        }
    }

    /// One word, to keep in an atomic; 0 for the default.
    pub fn to_word(self) -> u64 {
        match self {
            Self::ByQuota => 0,
            Self::ByWeight => u64::MAX,
            Self::Milli(milli) => milli,
        }
    }

    /// Reverses [`Self::to_word`].
    pub fn from_word(word: u64) -> Self {
        match word {
            0 => Self::ByQuota,
            u64::MAX => Self::ByWeight,
            milli => Self::Milli(milli),
        }
    }
}

/// How the total of memory is chosen (`CGPROC_MEMORY`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemoryLimit {
    /// `max`: the lowest limit, as if the setting were absent.
    #[default]
    Max,
    /// `high`: the same, but `memory.high` counts as a limit too.
    High,
    /// This many bytes instead of the limits, [`LEAST_BYTES`] or more.
    Bytes(u64),
}

impl MemoryLimit {
    fn parse(value: &[u8]) -> Option<Self> {
        match value {
            b"max" => Some(Self::Max),
            b"high" => Some(Self::High),
            size => size_bytes(size).filter(|bytes| (LEAST_BYTES..u64::MAX).contains(bytes)).map(Self::Bytes),
        }
    }

    /// One word, to keep in an atomic; 0 for the default.
    pub fn to_word(self) -> u64 {
        match self {
            Self::Max => 0,
            Self::High => u64::MAX,
            Self::Bytes(bytes) => bytes,
        }
    }

    /// Reverses [`Self::to_word`].
    pub fn from_word(word: u64) -> Self {
        match word {
            0 => Self::Max,
            u64::MAX => Self::High,
            bytes => Self::Bytes(bytes),
        }
    }
}

/// The longest path or name in a setting, in bytes: the shim has room for no more than that and a NUL.
pub const LONGEST_TEXT: usize = 255;

/// Whether `value` is `other` rather than `usual`, which may be left empty; `None` if it is neither.
#[inline(never)]
fn is_other(value: &[u8], other: &[u8], usual: &[u8]) -> Option<bool> {
    if value == other {
        return Some(true);
    }
    (value.is_empty() || value == usual).then_some(false)
}

fn text(value: &[u8]) -> Option<&[u8]> {
    (value.len() <= LONGEST_TEXT && memchr::memchr(0, value).is_none()).then_some(value)
}

fn path(value: &[u8]) -> Option<&[u8]> {
    text(value).filter(|path| path.starts_with(b"/"))
}

/// A size in bytes: digits, optionally followed by `k`, `m`, `g` or `t` for powers of 1024 (in either case, with or
/// without `b` or `ib`).
pub fn size_bytes(value: &[u8]) -> Option<u64> {
    let (number, rest) = scan::number(value)?;
    let (unit, rest) = match rest.split_first() {
        Some((unit, rest)) => (unit.to_ascii_lowercase(), rest),
        None => (b'b', rest),
    };
    let shift = match unit {
        b'b' => 0,
        b'k' => 10,
        b'm' => 20,
        b'g' => 30,
        b't' => 40,
        _ => return None,
    };
    let tails: [&[u8]; 4] = [b"", b"b", b"i", b"ib"];
    let tail_fits = rest.is_empty() || (shift != 0 && tails.iter().any(|tail| rest.eq_ignore_ascii_case(tail)));
    if !tail_fits {
        return None;
    }
    number.checked_mul(1_u64 << shift)
}

/// A number of CPUs in thousandths: `1.5`, or Kubernetes' `1500m`, is 1500. More than 0, with at most three decimals.
pub fn cpus_milli(value: &[u8]) -> Option<u64> {
    let (whole, rest) = scan::number(value)?;
    if rest == b"m" {
        return (whole > 0).then_some(whole);
    }
    let mut milli = whole.checked_mul(1_000)?;
    if let Some((b'.', decimals)) = rest.split_first() {
        if decimals.is_empty() || decimals.len() > 3 {
            return None;
        }
        let mut worth = 100;
        for digit in decimals {
            let digit = u64::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?);
            milli = milli.checked_add(digit.checked_mul(worth)?)?;
            worth /= 10;
        }
    } else if !rest.is_empty() {
        return None;
    }
    (milli > 0).then_some(milli)
}

/// Files that were answered once and are the kernel's now. Settings that name them stay valid.
fn is_former(name: &[u8]) -> bool {
    matches!(name, b"partitions" | b"pid_max")
}

/// The answers that a program gets: a bit per [`Answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered(pub u32);

impl Answered {
    /// All answers.
    pub const ALL: Self = Self((1 << Answer::ALL.len()) - 1);

    /// Parses `CGPROC_FILES`, a comma-separated list of names of files and groups ([`Answer::is_of_group`]).
    pub fn parse(list: &[u8]) -> Option<Self> {
        let mut bits = 0;
        for name in list.split(|byte| *byte == b',') {
            let is_group = Answer::ALL.into_iter().any(|answer| answer.is_of_group(name));
            // The names of pressure files alone would be ambiguous.
            let is_alone = |answer: &Answer| answer.is_named(name) && !answer.is_pressure();
            let meant = |answer: &Answer| if is_group { answer.is_of_group(name) } else { is_alone(answer) };
            let named = Answer::ALL.into_iter().filter(meant).fold(0, |bits, answer| bits | Self::bit(answer));
            if named == 0 && !name.is_empty() && !is_former(name) {
                return None;
            }
            bits |= named;
        }
        Some(Self(bits))
    }

    /// Whether `answer` is among them.
    pub fn has(self, answer: Answer) -> bool {
        self.0 & Self::bit(answer) != 0
    }

    const fn bit(answer: Answer) -> u32 {
        1 << answer as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{string::String, vec, vec::Vec};

    #[test]
    fn every_key_has_its_own_row() {
        let keys: Vec<Key> = Key::all().collect();
        for (row, key) in keys.iter().enumerate() {
            assert_eq!((*key as usize, Key::of(key.name())), (row, Some(*key)));
        }
        for stranger in ["", "CGPRO", "CGPROC_", "CGPROC_CPU", "cgproc_cpus", "CGPROC_CPUS "] {
            assert_eq!(Key::of(stranger.as_bytes()), None, "{stranger}");
        }
    }

    #[test]
    fn values_are_understood() {
        let good: [(Key, &str, Value<'_>); 26] = [
            (Key::Switch, "off", Value::Off(true)),
            (Key::Switch, "on", Value::Off(false)),
            (Key::Switch, "", Value::Off(false)),
            (Key::Files, "", Value::Files(Answered(0))),
            (Key::Files, "swaps", Value::Files(Answered(2))),
            (Key::Cpus, "1.5", Value::Cpus(CpuCount::Milli(1500))),
            (Key::Cpus, "0.001", Value::Cpus(CpuCount::Milli(1))),
            (Key::Cpus, "weight", Value::Cpus(CpuCount::ByWeight)),
            (Key::Cpus, "quota", Value::Cpus(CpuCount::ByQuota)),
            (Key::Memory, "512M", Value::Memory(MemoryLimit::Bytes(512 << 20))),
            (Key::Memory, "1M", Value::Memory(MemoryLimit::Bytes(1 << 20))),
            (Key::Memory, "high", Value::Memory(MemoryLimit::High)),
            (Key::Memory, "max", Value::Memory(MemoryLimit::Max)),
            (Key::Disk, "10GiB", Value::Disk(10 << 30)),
            (Key::Cgroup, "/docker/4f1e", Value::Cgroup(b"/docker/4f1e")),
            (Key::Board, "/run/board", Value::Board(b"/run/board")),
            (Key::Uptime, "host", Value::HostUptime(true)),
            (Key::Uptime, "container", Value::HostUptime(false)),
            (Key::Uptime, "", Value::HostUptime(false)),
            (Key::Btime, "host", Value::ContainerBtime(false)),
            (Key::Btime, "container", Value::ContainerBtime(true)),
            (Key::Affinity, "kernel", Value::KernelAffinity(true)),
            (Key::Affinity, "container", Value::KernelAffinity(false)),
            (Key::Debug, "", Value::Debug(b"")),
            (Key::Debug, "notes", Value::Debug(b"notes")),
            (Key::Debug, "/tmp/a b", Value::Debug(b"/tmp/a b")),
        ];
        for (key, text, value) in good {
            assert_eq!(key.parse(text.as_bytes()), Some(value), "{key:?}={text}");
        }
    }

    #[test]
    fn garbage_is_not() {
        let garbage = [
            (Key::Switch, vec!["maybe", "OFF", "0", " "]),
            (Key::Files, vec!["meminfo,load", "meminfo stat", "/proc/meminfo"]),
            (Key::Cpus, vec!["", "0", "0.0", "many", "-1", "1.", "1.2345", "1,5", "weights", "18446744073709551.615"]),
            (Key::Memory, vec!["", "0", "0G", "1", "512", "1023k", "-1", "low", "high ", "18446744073709551615"]),
            (Key::Disk, vec!["", "0", "1", "4096", "max", "high", "1X"]),
            (Key::Cgroup, vec!["", "docker", "./a", "/a\0b"]),
            (Key::Board, vec!["", "board"]),
            (Key::Uptime, vec!["guest", "kernel"]),
            (Key::Btime, vec!["1"]),
            (Key::Affinity, vec!["0-3", "host"]),
            (Key::Debug, vec!["a\0"]),
        ];
        assert_eq!(garbage.len(), Key::all().count());
        for (key, text) in garbage.iter().flat_map(|(key, texts)| texts.iter().map(move |text| (key, text))) {
            assert_eq!(key.parse(text.as_bytes()), None, "{key:?}={text:?}");
        }
    }

    #[test]
    fn a_path_has_room_up_to_the_longest() {
        let path = |bytes: usize| std::format!("/{}", "p".repeat(bytes - 1));
        for key in [Key::Cgroup, Key::Board, Key::Debug] {
            assert!(key.parse(path(LONGEST_TEXT).as_bytes()).is_some());
            assert_eq!(key.parse(path(LONGEST_TEXT + 1).as_bytes()), None);
        }
    }

    /// The answers that `list` names.
    fn answers(list: &str) -> Vec<Answer> {
        let answered = Answered::parse(list.as_bytes()).unwrap();
        Answer::ALL.into_iter().filter(|answer| answered.has(*answer)).collect()
    }

    #[test]
    fn files_are_named_alone_or_in_groups() {
        assert_eq!(answers("stat,uptime"), [Answer::Stat, Answer::Uptime]);
        let below = |directory: &[u8]| -> Vec<Answer> {
            let is_below = |answer: &Answer| answer.path().is_some_and(|path| path.to_bytes().starts_with(directory));
            Answer::ALL.into_iter().filter(is_below).collect()
        };
        assert_eq!(answers("pressure"), below(b"/proc/pressure/"));
        let families = [Answer::CpuList, Answer::CpuMap];
        assert_eq!(answers("cpu"), [below(b"/sys/devices/system/cpu/"), families.to_vec()].concat());
        assert_eq!(answers("node"), [Answer::BlockSize, Answer::NodeMeminfo]);
        assert_eq!(answers("diskstats,,vmstat,"), [Answer::Diskstats, Answer::Vmstat, Answer::BlockStat]);
        assert_eq!(answers("vmstat,threads-max"), [Answer::Vmstat, Answer::ThreadsMax]);
        assert_eq!(answers("pid_max,stat,partitions"), [Answer::Stat]);
        assert_eq!(answers("partitions"), []);
        assert_eq!(answers("online,block_size_bytes"), [Answer::CpuOnline, Answer::BlockSize]);
        assert_eq!(answers("shared_cpu_list"), [Answer::CpuList]);
        assert_eq!(answers(""), []);
        for unknown in ["nodes", "pressures", "CPU", "cpu0", "meminfo;stat", "memory", "io"] {
            assert_eq!(Answered::parse(unknown.as_bytes()), None, "{unknown}");
        }
    }

    #[test]
    fn every_answer_can_be_named() {
        let named = Answer::ALL.into_iter().filter_map(|answer| {
            let path = answer.path()?.to_str().unwrap();
            Some((answer, String::from(path.rsplit('/').next().unwrap())))
        });
        for (answer, name) in named.filter(|(answer, _)| !answer.is_pressure()) {
            assert!(answers(&name).contains(&answer), "{name}");
        }
    }

    proptest! {
        #[test]
        fn words_keep_what_is_asked_for(word: u64) {
            prop_assert_eq!(CpuCount::from_word(word).to_word(), word);
            prop_assert_eq!(MemoryLimit::from_word(word).to_word(), word);
        }

        #[test]
        fn what_is_understood_survives_as_a_word(value in "[0-9]{1,20}(\\.[0-9]{1,3})?|quota|weight|max|high") {
            if let Some(Value::Cpus(count)) = Key::Cpus.parse(value.as_bytes()) {
                prop_assert_eq!(CpuCount::from_word(count.to_word()), count);
            }
            if let Some(Value::Memory(limit)) = Key::Memory.parse(value.as_bytes()) {
                prop_assert_eq!(MemoryLimit::from_word(limit.to_word()), limit);
            }
        }

        #[test]
        fn no_value_is_too_odd(value in prop::collection::vec(any::<u8>(), 0..300)) {
            for key in Key::all() {
                let _ = key.parse(&value);
            }
        }
    }
}
