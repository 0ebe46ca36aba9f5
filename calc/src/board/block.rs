//! One block: its words, and what they mean.

use super::{Key, MAGIC, VERSION};
use crate::{cpus::CpuSet, scan, view::cpu::Capacity};

/// Words of 64 bits in a block, in the byte order of the machine.
pub const BLOCK_WORDS: usize = 32;

/// Bytes in a block.
pub const BLOCK_BYTES: usize = BLOCK_WORDS * size_of::<u64>();

/// The words of a block.
pub type Words = [u64; BLOCK_WORDS];

/// The places of the words. What is not named is spare, and 0.
#[derive(Clone, Copy)]
#[repr(usize)]
enum Word {
    /// The number of the publication: odd while it is being written, 0 where nothing ever was.
    Sequence = 0,
    /// A slot's [`super::Kind`]; block 0's [`MAGIC`].
    Kind = 1,
    /// A slot's cgroup; block 0's [`VERSION`].
    Id = 2,
    /// When it was published, by CLOCK_REALTIME, in microseconds.
    Realtime = 3,
    /// The same moment by CLOCK_MONOTONIC, for the next sampler alone.
    Monotonic = 4,
    /// The same moment by CLOCK_BOOTTIME of the sampler's time namespace.
    Boottime = 5,
    /// By CLOCK_REALTIME in microseconds: after this nobody may believe it. 0 in a slot that is given up.
    VoidAfter = 6,
    /// Bits of [`Known`]. In block 0: the number of slots.
    Known = 7,
    /// Load over 1 minute (low half) and 5 minutes, in 1/2048.
    Averages1And5 = 8,
    /// Load over 15 minutes (low half), in 1/2048; threads that run or wait for a CPU.
    Average15AndRunning = 9,
    /// Threads that wait uninterruptibly (low half); all threads.
    BlockedAndThreads = 10,
    /// CPU time that the cgroup could have used since the machine booted, in microseconds: what was found first is taken
    /// to have been in force until then.
    Capacity = 11,
    /// CPU time a second, in microseconds, from the publication on.
    CapacityRate = 12,
    /// The rate that was found first.
    FirstRate = 13,
    /// Limits of the cgroups above this one; `u64::MAX` for none.
    MemoryLimit = 14,
    MemoryFree = 15,
    SwapLimit = 16,
    SwapFree = 17,
    /// The least quota above, and its period; 0 for none.
    Quota = 18,
    Period = 19,
    /// The CPUs that the cgroups above leave, 64 a word; all 0 when that is not known.
    Cpus = 20,
    /// Of all words before, as bytes.
    Checksum = 31,
}

/// Words of [`Word::Cpus`]: 512 CPUs. On a machine with more, the CPUs above are not known.
const CPU_WORDS: usize = 8;

const _: () = {
    assert!(BLOCK_BYTES == 256);
    assert!(Word::Sequence as usize == 0);
    assert!(Word::Checksum as usize == BLOCK_WORDS - 1);
    assert!(Word::Cpus as usize + CPU_WORDS <= Word::Checksum as usize);
};

/// What of a slot's words holds a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known(pub u64);

impl Known {
    /// Averages, running, blocked, threads.
    pub const LOAD: Self = Self(1);
    /// Capacity and its rates.
    pub const CAPACITY: Self = Self(2);
    /// The limits above.
    pub const ABOVE: Self = Self(4);

    /// Whether all of `other` is known.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The load of a cgroup and those below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Over 1, 5 and 15 minutes, in 1/2048 (see [`crate::load`]).
    pub averages: [u32; 3],
    /// Threads that run or wait for a CPU.
    pub running: u32,
    /// Threads that wait uninterruptibly.
    pub blocked: u32,
    /// All threads.
    pub threads: u32,
}

/// The limits of the cgroups above one: those that a container cannot see are above the top of what it sees. Plain words,
/// so that it can be kept in atomic words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Above {
    /// The least memory limit; `u64::MAX` for none.
    pub memory_limit_bytes: u64,
    /// The least of what any level with a limit has left; `u64::MAX` where none has one.
    pub memory_free_bytes: u64,
    /// The least limit of swap alone; `u64::MAX` for none.
    pub swap_limit_bytes: u64,
    /// As `memory_free_bytes`, of swap.
    pub swap_free_bytes: u64,
    /// The least quota's CPU time; 0 for none.
    pub quota_usec: u64,
    /// The least quota's period; 0 for none.
    pub period_usec: u64,
    /// CPUs that are left, 64 a word; all 0 when that is not known.
    pub cpus: [u64; CPU_WORDS],
}

impl Above {
    /// No limits.
    pub const NONE: Self = Self {
        memory_limit_bytes: u64::MAX,
        memory_free_bytes: u64::MAX,
        swap_limit_bytes: u64::MAX,
        swap_free_bytes: u64::MAX,
        quota_usec: 0,
        period_usec: 0,
        cpus: [0; CPU_WORDS],
    };

    /// The least quota.
    pub fn quota(&self) -> Option<Capacity> {
        Capacity::new(self.quota_usec, self.period_usec)
    }

    /// The CPUs of `set` that these limits leave: all where they are not known or none would be left.
    pub fn narrow(&self, set: &mut CpuSet) {
        set.narrow(&self.cpus);
    }
}

/// When a block was published, by each clock, and how long it is to be believed. Microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// CLOCK_REALTIME: the one that all time namespaces share, by which readers go.
    pub realtime_usec: u64,
    /// CLOCK_MONOTONIC.
    pub monotonic_usec: u64,
    /// CLOCK_BOOTTIME.
    pub boottime_usec: u64,
    /// By CLOCK_REALTIME.
    pub void_after_usec: u64,
}

/// A copy of a block, whole and of one publication, or about to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    words: Words,
}

impl Block {
    /// Nothing yet.
    pub const EMPTY: Self = Self { words: [0; BLOCK_WORDS] };

    /// Block 0 of a board with this many slots.
    pub fn header(slots: u64) -> Self {
        let mut block = Self::EMPTY;
        block.set(Word::Kind, MAGIC);
        block.set(Word::Id, VERSION);
        block.set(Word::Known, slots);
        block
    }

    /// The slot of `key`, about which nothing is known yet.
    pub fn slot(key: Key) -> Self {
        let mut block = Self::EMPTY;
        block.set(Word::Kind, key.kind as u64);
        block.set(Word::Id, key.id);
        block
    }

    /// The words, for a copy to be put in: [`Block::is_whole`] then tells whether it may be looked at.
    pub fn words_mut(&mut self) -> &mut Words {
        &mut self.words
    }

    /// Whether nothing was ever published here.
    pub fn is_unused(&self) -> bool {
        self.get(Word::Sequence) == 0
    }

    /// Whether these are the words of one publication, all of them.
    pub fn is_whole(&self) -> bool {
        let sequence = self.get(Word::Sequence);
        sequence != 0 && sequence & 1 == 0 && self.get(Word::Checksum) == self.checksum()
    }

    /// The number of slots, where this is block 0 of a board of our version.
    pub fn slots(&self) -> Option<u64> {
        let slots = self.get(Word::Known);
        let is_ours = self.get(Word::Kind) == MAGIC && self.get(Word::Id) == VERSION && slots.is_power_of_two();
        is_ours.then_some(slots)
    }

    /// Whether this is the slot of `key`.
    pub fn is_of(&self, key: Key) -> bool {
        self.get(Word::Kind) == key.kind as u64 && self.get(Word::Id) == key.id
    }

    /// Whether it may be believed at `now_usec` of CLOCK_REALTIME. A moment before its publication counts as well: the
    /// clock may have been set a little back.
    pub fn is_fresh(&self, now_usec: u64) -> bool {
        const SET_BACK_USEC: u64 = 1_000_000;
        let from = self.get(Word::Realtime).saturating_sub(SET_BACK_USEC);
        (from..=self.get(Word::VoidAfter)).contains(&now_usec)
    }

    /// The load, where it is known.
    pub fn load(&self) -> Option<Load> {
        let [one, five] = halves(self.get(Word::Averages1And5));
        let [fifteen, running] = halves(self.get(Word::Average15AndRunning));
        let [blocked, threads] = halves(self.get(Word::BlockedAndThreads));
        self.knows(Known::LOAD).then_some(Load { averages: [one, five, fifteen], running, blocked, threads })
    }

    /// Puts the load in.
    pub fn set_load(&mut self, load: &Load) {
        let [one, five, fifteen] = load.averages;
        self.set(Word::Averages1And5, joined(one, five));
        self.set(Word::Average15AndRunning, joined(fifteen, load.running));
        self.set(Word::BlockedAndThreads, joined(load.blocked, load.threads));
        self.note(Known::LOAD);
    }

    /// CPU time that the cgroup could have used in the `age_usec` before `now_usec` (CLOCK_REALTIME), in microseconds;
    /// `None` where that is not known. What was found first counts for all of the time before it was.
    pub fn capacity_usec(&self, now_usec: u64, age_usec: u64) -> Option<u64> {
        let since = now_usec.saturating_sub(self.get(Word::Realtime));
        let began = self.get(Word::Boottime).saturating_add(since).saturating_sub(age_usec);
        let until_now = self.get(Word::Capacity).saturating_add(at_rate(self.get(Word::CapacityRate), since));
        let capacity = until_now.saturating_sub(at_rate(self.get(Word::FirstRate), began));
        self.knows(Known::CAPACITY).then_some(capacity)
    }

    /// Puts the capacity in: that of the time since boot until the publication, the rate from then on, and the rate that
    /// was found first; rates in microseconds a second.
    pub fn set_capacity(&mut self, since_boot_usec: u64, rate: u64, first_rate: u64) {
        self.set(Word::Capacity, since_boot_usec);
        self.set(Word::CapacityRate, rate);
        self.set(Word::FirstRate, first_rate);
        self.note(Known::CAPACITY);
    }

    /// The limits above, where they are known.
    pub fn above(&self) -> Option<Above> {
        let mut above = Above {
            memory_limit_bytes: self.get(Word::MemoryLimit),
            memory_free_bytes: self.get(Word::MemoryFree),
            swap_limit_bytes: self.get(Word::SwapLimit),
            swap_free_bytes: self.get(Word::SwapFree),
            quota_usec: self.get(Word::Quota),
            period_usec: self.get(Word::Period),
            cpus: [0; CPU_WORDS],
        };
        for (to, from) in above.cpus.iter_mut().zip(self.words.iter().skip(Word::Cpus as usize)) {
            *to = *from;
        }
        self.knows(Known::ABOVE).then_some(above)
    }

    /// Puts the limits above in.
    pub fn set_above(&mut self, above: &Above) {
        self.set(Word::MemoryLimit, above.memory_limit_bytes);
        self.set(Word::MemoryFree, above.memory_free_bytes);
        self.set(Word::SwapLimit, above.swap_limit_bytes);
        self.set(Word::SwapFree, above.swap_free_bytes);
        self.set(Word::Quota, above.quota_usec);
        self.set(Word::Period, above.period_usec);
        for (to, from) in self.words.iter_mut().skip(Word::Cpus as usize).zip(above.cpus) {
            *to = from;
        }
        self.note(Known::ABOVE);
    }

    /// When it was published.
    pub fn published(&self) -> Published {
        Published {
            realtime_usec: self.get(Word::Realtime),
            monotonic_usec: self.get(Word::Monotonic),
            boottime_usec: self.get(Word::Boottime),
            void_after_usec: self.get(Word::VoidAfter),
        }
    }

    /// Says when it is published.
    pub fn set_published(&mut self, published: &Published) {
        self.set(Word::Realtime, published.realtime_usec);
        self.set(Word::Monotonic, published.monotonic_usec);
        self.set(Word::Boottime, published.boottime_usec);
        self.set(Word::VoidAfter, published.void_after_usec);
    }

    /// The words as they are published under an even number.
    pub(super) fn sealed(&self, sequence: u64) -> Words {
        let mut sealed = *self;
        sealed.set(Word::Sequence, sequence);
        let checksum = sealed.checksum();
        sealed.set(Word::Checksum, checksum);
        sealed.words
    }

    fn checksum(&self) -> u64 {
        let covered = self.words.get(..Word::Checksum as usize).unwrap_or_default();
        covered.iter().fold(scan::HASH_SEED, |hash, word| scan::hash(hash, &word.to_ne_bytes()))
    }

    fn knows(&self, what: Known) -> bool {
        Known(self.get(Word::Known)).has(what)
    }

    fn note(&mut self, what: Known) {
        self.set(Word::Known, self.get(Word::Known) | what.0);
    }

    fn get(&self, word: Word) -> u64 {
        self.words.get(word as usize).copied().unwrap_or(0)
    }

    fn set(&mut self, word: Word, value: u64) {
        if let Some(place) = self.words.get_mut(word as usize) {
            *place = value;
        }
    }
}

/// CPU time in `usec` at `rate` microseconds a second.
pub(super) fn at_rate(rate: u64, usec: u64) -> u64 {
    const SECOND_USEC: core::num::NonZero<u64> = core::num::NonZero::new(1_000_000).unwrap();
    crate::view::cpu::scale(usec, rate, SECOND_USEC)
}

fn halves(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

fn joined(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}
