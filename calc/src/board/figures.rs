//! The figures of a slot.

use super::{
    Block,
    layout::{CPU_WORDS, Word},
};
use crate::{
    capacity::{self, Capacity},
    cgroup::{
        least::{self, By, Least, Room},
        memory::{Amounts, Rooms},
        pids,
    },
    cpus::CpuSet,
    settings::LEAST_BYTES,
};
use zerocopy::{FromBytes, IntoBytes};

/// Which of a slot's words hold figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known(pub u64);

impl Known {
    /// Averages, running, blocked, threads.
    pub const LOAD: Self = Self(1);
    /// Capacity and its rates.
    pub const CAPACITY: Self = Self(2);
    /// The limits above.
    pub const ABOVE: Self = Self(4);
    /// The space that the container's files take on disk.
    pub const DISK: Self = Self(8);

    /// Whether all of `other` is known.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The load of a cgroup and those below it. Plain words without padding, so that they can be kept in atomics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C, align(8))]
pub struct Load {
    /// Over 1, 5 and 15 minutes, in 1/2048 (see [`crate::load`]).
    pub averages: [u32; 3],
    /// Threads that are running or wait for a CPU.
    pub running: u32,
    /// Threads that wait uninterruptibly.
    pub blocked: u32,
    /// All threads.
    pub threads: u32,
}

/// The limits of the cgroups above one. A container cannot see those above the top of what it sees. Plain words, so
/// that they can be kept in atomics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C)]
pub struct Above {
    /// The lowest memory limit; `u64::MAX` for none.
    pub memory_limit_bytes: u64,
    /// The least that any level with a limit has left; `u64::MAX` if none has one.
    pub memory_free_bytes: u64,
    /// The lowest limit of swap alone; `u64::MAX` for none.
    pub swap_limit_bytes: u64,
    /// Like `memory_free_bytes`, but of swap.
    pub swap_free_bytes: u64,
    /// The lowest quota's CPU time; 0 for none.
    pub quota_usec: u64,
    /// The lowest quota's period; 0 for none.
    pub period_usec: u64,
    /// The CPUs that remain, 64 a word; all 0 if unknown.
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

    /// The lowest limit of memory. A board may hold limits that no program can be shown.
    pub(crate) fn memory_room(&self) -> Room {
        let is_shown = self.memory_limit_bytes >= LEAST_BYTES;
        if is_shown { room(self.memory_limit_bytes, self.memory_free_bytes) } else { Room::NONE }
    }

    /// The lowest limit of swap alone.
    pub(crate) fn swap_room(&self) -> Room {
        room(self.swap_limit_bytes, self.swap_free_bytes)
    }

    /// Takes into account what a cgroup allows those below it.
    pub fn lower_memory(&mut self, level: &Amounts) {
        let mut least = Rooms { memory: self.memory_room(), swap: self.swap_room() };
        least.lower(level, By::Above);
        (self.memory_limit_bytes, self.memory_free_bytes) = words(&least.memory);
        (self.swap_limit_bytes, self.swap_free_bytes) = words(&least.swap);
    }

    /// Takes a cgroup's quota into account.
    pub fn lower_quota(&mut self, quota: Capacity) {
        let mut least = Some(Least { value: quota, by: By::Above });
        if let Some(above) = self.quota() {
            least::lower(&mut least, above, By::Above);
        }
        if let Some(least) = least {
            (self.quota_usec, self.period_usec) = (least.value.quota_usec, least.value.period_usec);
        }
    }

    /// The lowest quota.
    pub fn quota(&self) -> Option<Capacity> {
        Capacity::new(self.quota_usec, self.period_usec)
    }

    /// Narrows `set` to the CPUs that these limits leave, unless they are unknown or would leave none.
    ///
    /// Returns whether any CPU is left out.
    pub(crate) fn narrow(&self, set: &mut CpuSet) -> bool {
        set.narrow(&self.cpus)
    }
}

/// A limit and what is left of it; `u64::MAX` means none.
fn room(limit: u64, left: u64) -> Room {
    let known = |value: u64| (value < u64::MAX).then_some(Least { value, by: By::Above });
    Room { limit: known(limit), left: known(left) }
}

/// The reverse of [`room`].
fn words(room: &Room) -> (u64, u64) {
    let word = |least: Option<Least<u64>>| least.map_or(u64::MAX, |least| least.value);
    (word(room.limit), word(room.left))
}

impl Block {
    /// The load, if known and possible.
    pub fn load(&self) -> Option<Load> {
        let [one, five] = halves(self.get(Word::Averages1And5));
        let [fifteen, running] = halves(self.get(Word::Average15AndRunning));
        let [blocked, threads] = halves(self.get(Word::BlockedAndThreads));
        // No kernel has more. A hostile board may.
        if !self.knows(Known::LOAD) || [running, blocked, threads].iter().any(|count| *count > pids::MOST_THREADS) {
            return None;
        }
        Some(Load { averages: [one, five, fifteen], running, blocked, threads })
    }

    /// Sets the load.
    pub fn set_load(&mut self, load: &Load) {
        let [one, five, fifteen] = load.averages;
        self.set(Word::Averages1And5, joined(one, five));
        self.set(Word::Average15AndRunning, joined(fifteen, load.running));
        self.set(Word::BlockedAndThreads, joined(load.blocked, load.threads));
        self.note(Known::LOAD);
    }

    /// CPU time that the cgroup could have used in the `age_usec` before `now_usec` (CLOCK_REALTIME), in microseconds;
    /// `None` if unknown. The first rate found counts for all time before it was found, and for the time before the
    /// sampler's time namespace began to count.
    pub fn capacity_usec(&self, now_usec: u64, age_usec: u64) -> Option<u64> {
        let since = now_usec.saturating_sub(self.get(Word::Realtime));
        let now_boottime = self.get(Word::Boottime).saturating_add(since);
        let until_now = self.get(Word::Capacity).saturating_add(at_rate(self.get(Word::CapacityRate), since));
        let between = at_rate(self.get(Word::FirstRate), now_boottime.abs_diff(age_usec));
        let capacity = if age_usec <= now_boottime {
            until_now.saturating_sub(between)
        } else {
            until_now.saturating_add(between)
        };
        self.knows(Known::CAPACITY).then_some(capacity)
    }

    /// Sets the capacity: the time from boot to the publication, the rate since then, and the first rate found. Rates
    /// are in microseconds a second.
    pub fn set_capacity(&mut self, since_boot_usec: u64, rate: u64, first_rate: u64) {
        self.set(Word::Capacity, since_boot_usec);
        self.set(Word::CapacityRate, rate);
        self.set(Word::FirstRate, first_rate);
        self.note(Known::CAPACITY);
    }

    /// The limits above, if known.
    pub fn above(&self) -> Option<Above> {
        let mut above = Above::NONE;
        self.take_memory(&mut above);
        self.take_quota(&mut above);
        self.take_cpus(&mut above);
        self.knows(Known::ABOVE).then_some(above)
    }

    /// Copies the limits of memory and swap above to `to`, if known.
    pub(super) fn take_memory(&self, to: &mut Above) {
        if self.knows(Known::ABOVE) {
            to.memory_limit_bytes = self.get(Word::MemoryLimit);
            to.memory_free_bytes = self.get(Word::MemoryFree);
            to.swap_limit_bytes = self.get(Word::SwapLimit);
            to.swap_free_bytes = self.get(Word::SwapFree);
        }
    }

    /// Copies the lowest quota above to `to`, if known.
    pub(super) fn take_quota(&self, to: &mut Above) {
        if self.knows(Known::ABOVE) {
            to.quota_usec = self.get(Word::Quota);
            to.period_usec = self.get(Word::Period);
        }
    }

    /// Copies the CPUs that the cgroups above leave to `to`, if known.
    pub(super) fn take_cpus(&self, to: &mut Above) {
        if self.knows(Known::ABOVE) {
            for (to, from) in to.cpus.iter_mut().zip(self.words.iter().skip(Word::Cpus as usize)) {
                *to = *from;
            }
        }
    }

    /// Sets the limits above.
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

    /// The space that the upper layer of the container's root takes on disk, in bytes, if a sampler measures it.
    pub fn disk_used_bytes(&self) -> Option<u64> {
        self.knows(Known::DISK).then(|| self.get(Word::DiskUsed))
    }

    /// Sets the space that the upper layer takes.
    pub fn set_disk_used(&mut self, bytes: u64) {
        self.set(Word::DiskUsed, bytes);
        self.note(Known::DISK);
    }

    fn knows(&self, what: Known) -> bool {
        Known(self.get(Word::Known)).has(what)
    }

    fn note(&mut self, what: Known) {
        self.set(Word::Known, self.get(Word::Known) | what.0);
    }
}

/// CPU time in `usec` at `rate` microseconds a second.
pub(super) fn at_rate(rate: u64, usec: u64) -> u64 {
    const SECOND_USEC: core::num::NonZero<u64> = core::num::NonZero::new(1_000_000).unwrap();
    capacity::scale(usec, rate, SECOND_USEC)
}

fn halves(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

fn joined(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        board::{Key, Kind, Published},
        cgroup::Setting,
    };
    use proptest::{array::uniform3, prelude::*};

    const SECOND: u64 = 1_000_000;
    const KEY: Key = Key { kind: Kind::Unified, id: 7 };

    fn slot() -> Block {
        Block::slot(KEY)
    }

    /// A slot published 1,000 s after boot.
    fn with_capacity(since_boot: u64, rate: u64, first_rate: u64) -> Block {
        let mut block = slot();
        let published =
            Published { realtime_usec: 5000 * SECOND, boottime_usec: 1000 * SECOND, ..Published::default() };
        block.set_published(&published);
        block.set_capacity(since_boot * SECOND, rate * SECOND, first_rate * SECOND);
        block
    }

    #[test]
    fn nothing_is_known_until_it_is_put_in() {
        let block = slot();
        assert_eq!((block.load(), block.capacity_usec(0, 0), block.above()), (None, None, None));
        assert_eq!(block.disk_used_bytes(), None);
    }

    #[test]
    fn the_least_of_all_levels_counts() {
        const MIB: u64 = 1 << 20;
        let memory = |limit, usage| Amounts { limit: Some(limit * MIB), usage: Some(usage * MIB), ..Amounts::NONE };
        let below = |above: &Above, level: &Amounts| {
            let mut sum = *above;
            sum.lower_memory(level);
            sum
        };
        let outer = below(&Above::NONE, &memory(1000, 900));
        assert_eq!((outer.memory_limit_bytes, outer.memory_free_bytes), (1000 * MIB, 100 * MIB));
        let inner = below(&outer, &memory(500, 100));
        assert_eq!((inner.memory_limit_bytes, inner.memory_free_bytes), (500 * MIB, 100 * MIB));
        assert_eq!(below(&inner, &Amounts::NONE), inner);
        assert_eq!(inner.swap_limit_bytes, u64::MAX);
        let swap = Amounts { swap_limit: Setting::Of(7), swap_used: 3, ..memory(2000, 0) };
        let inner = below(&inner, &swap);
        assert_eq!((inner.swap_limit_bytes, inner.swap_free_bytes), (7, 4));
        assert_eq!((inner.memory_limit_bytes, inner.memory_free_bytes), (500 * MIB, 100 * MIB));
    }

    #[test]
    fn of_two_quotas_that_allow_the_same_the_inner_one_counts() {
        let mut above = Above::NONE;
        for (quota_usec, period_usec, least) in [(200, 100, 200), (300, 100, 200), (400, 200, 400), (399, 200, 399)] {
            above.lower_quota(Capacity { quota_usec, period_usec });
            assert_eq!(above.quota_usec, least);
        }
    }

    #[test]
    fn each_group_is_known_alone() {
        let known = |put: fn(&mut Block)| {
            let mut block = slot();
            put(&mut block);
            [
                block.load().is_some(),
                block.capacity_usec(0, 0).is_some(),
                block.above().is_some(),
                block.disk_used_bytes().is_some(),
            ]
        };
        assert_eq!(known(|block| block.set_load(&Load::default())), [true, false, false, false]);
        assert_eq!(known(|block| block.set_capacity(0, 0, 0)), [false, true, false, false]);
        assert_eq!(known(|block| block.set_above(&Above::NONE)), [false, false, true, false]);
        assert_eq!(known(|block| block.set_disk_used(0)), [false, false, false, true]);
    }

    #[test]
    fn a_constant_rate_gives_rate_times_age() {
        // Half a CPU since boot.
        let block = {
            let mut block = with_capacity(500, 0, 0);
            block.set_capacity(500 * SECOND, SECOND / 2, SECOND / 2);
            block
        };
        for age in [0, 1, 100, 999, 1000, 1003] {
            assert_eq!(block.capacity_usec(5003 * SECOND, age * SECOND), Some(age * SECOND / 2), "{age}");
        }
    }

    #[test]
    fn a_changed_rate_counts_from_when_it_changed() {
        // 2 CPUs for 900 s, then 1, read 100 s later.
        let block = with_capacity(1900, 1, 2);
        assert_eq!(block.capacity_usec(5000 * SECOND, 1000 * SECOND), Some(1900 * SECOND));
        assert_eq!(block.capacity_usec(5000 * SECOND, 300 * SECOND), Some(500 * SECOND));
        assert_eq!(block.capacity_usec(5010 * SECOND, 310 * SECOND), Some(510 * SECOND));
    }

    #[test]
    fn the_next_publication_goes_on_where_readers_are() {
        let before = with_capacity(1900, 1, 2);
        let mut after = with_capacity(1905, 4, 2);
        let published = Published { realtime_usec: 5005 * SECOND, boottime_usec: 1005 * SECOND, ..after.published() };
        after.set_published(&published);
        let now = 5005 * SECOND;
        assert_eq!(before.capacity_usec(now, 700 * SECOND), after.capacity_usec(now, 700 * SECOND));
    }

    #[test]
    fn a_scope_older_than_the_samplers_boottime_had_the_first_rate() {
        let block = with_capacity(1900, 1, 2);
        assert_eq!(block.capacity_usec(5000 * SECOND, 1500 * SECOND), Some((1900 + 1000) * SECOND));
    }

    #[test]
    fn a_clock_set_back_a_little_stands_still() {
        let block = with_capacity(1000, 1, 1);
        assert_eq!(block.capacity_usec(5000 * SECOND - 7, 9), block.capacity_usec(5000 * SECOND, 9));
    }

    #[test]
    fn cpus_that_are_not_known_narrow_nothing() {
        let all = CpuSet::parse(b"0-7,600").unwrap();
        let narrowed = |word: u64| {
            let mut set = all;
            let cpus = core::array::from_fn(|at| if at == 0 { word } else { 0 });
            Above { cpus, ..Above::NONE }.narrow(&mut set);
            set
        };
        assert_eq!(narrowed(0), all);
        assert_eq!(narrowed(0b1010), CpuSet::parse(b"1,3").unwrap());
        assert_eq!(narrowed(1 << 40), all, "none would be left");
    }

    #[test]
    fn more_threads_than_any_kernel_has_are_no_load() {
        let of = |running, blocked, threads| {
            let mut block = slot();
            block.set_load(&Load { running, blocked, threads, ..Load::default() });
            block.load().is_some()
        };
        let most = pids::MOST_THREADS;
        assert!(of(most, most, most));
        assert_eq!([of(most + 1, 0, 0), of(0, most + 1, 0), of(0, 0, u32::MAX)], [false; 3]);
    }

    #[test]
    fn a_quota_of_nothing_is_none() {
        assert_eq!(Above::NONE.quota(), None);
        let above = Above { quota_usec: 5, period_usec: 9, ..Above::NONE };
        assert_eq!(above.quota(), Some(Capacity { quota_usec: 5, period_usec: 9 }));
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out(averages: [u32; 3], counts in uniform3(0..=pids::MOST_THREADS), limits: [u64; 6], cpus: [u64; CPU_WORDS], disk_used: u64) {
            let mut block = slot();
            let [running, blocked, threads] = counts;
            let load = Load { averages, running, blocked, threads };
            let [memory_limit_bytes, memory_free_bytes, swap_limit_bytes, swap_free_bytes, quota_usec, period_usec] = limits;
            let above = Above { memory_limit_bytes, memory_free_bytes, swap_limit_bytes, swap_free_bytes, quota_usec, period_usec, cpus };
            block.set_load(&load);
            block.set_above(&above);
            block.set_capacity(0, 0, 0);
            block.set_disk_used(disk_used);
            prop_assert_eq!((block.load(), block.above()), (Some(load), Some(above)));
            prop_assert_eq!(block.disk_used_bytes(), Some(disk_used));
            prop_assert!(block.is_of(KEY));
        }

        #[test]
        fn no_capacity_wraps(words: [u64; 5], now: u64, age: u64) {
            let [since_boot, rate, first_rate, realtime_usec, boottime_usec] = words;
            let mut block = slot();
            block.set_published(&Published { realtime_usec, boottime_usec, ..Published::default() });
            block.set_capacity(since_boot, rate, first_rate);
            let exact = |rate: u64, usec: u64| i128::try_from((u128::from(usec) * u128::from(rate) / 1_000_000).min(u64::MAX.into())).unwrap();
            let within = |value: i128| value.clamp(0, u64::MAX.into());
            let since = now.saturating_sub(realtime_usec);
            let boottime = boottime_usec.saturating_add(since);
            let until = within(i128::from(since_boot) + exact(rate, since));
            let between = exact(first_rate, boottime.abs_diff(age));
            let expected = within(if age <= boottime { until - between } else { until + between });
            prop_assert_eq!(block.capacity_usec(now, age).map(i128::from), Some(expected));
        }
    }
}
