//! How the scope's CPU time is divided among the CPUs shown: no CPU's line runs backwards if their number changes.

use crate::{cpus::CpuSet, scan, view::time::Times};
use core::num::NonZero;
use zerocopy::{FromBytes, IntoBytes};

/// User, nice, system and idle time, in ticks, in the kernel's order.
pub type Columns = [u64; 4];

/// What a process was shown of each CPU, as far as the CPUs differ. Plain words, so that they can be kept in atomics;
/// all zero is the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C)]
pub struct Shares {
    /// The hash of the CPUs shown.
    hash: u64,
    /// The lowest CPU's number if the numbers are consecutive; otherwise `u64::MAX`.
    first: u64,
    /// The number of CPUs shown; 0 before the first time.
    count: u64,
    /// The sums when that number last changed.
    since: Columns,
    /// What each CPU had at that time, in the order of their numbers.
    runs: [Run; RUNS],
}

/// Adjacent CPUs that had the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C)]
struct Run {
    /// The rank after its last CPU, counted from the first CPU; 0 for no run.
    end: u64,
    had: Columns,
}

/// As many numbers of CPUs as a process is likely to see. Beyond that, the last two runs become one.
const RUNS: usize = 4;

impl Shares {
    /// Nothing shown yet.
    pub const START: Self = Self { hash: 0, first: 0, count: 0, since: [0; 4], runs: [Run::NONE; RUNS] };

    /// The shares of these CPUs, for a caller that looks once.
    pub fn among(online: &CpuSet) -> Self {
        let mut shares = Self::START;
        shares.follow(online, &Times::default());
        shares
    }

    /// Switches to the CPUs `online`, at a moment when the sums are `times`.
    pub fn follow(&mut self, online: &CpuSet, times: &Times) {
        let (hash, first) = (hash_of(online), first_of_row(online));
        if hash == self.hash {
            return;
        }
        if self.count > 0 {
            let sums = columns(times);
            self.settle(&sums);
            if first == u64::MAX || first != self.first {
                self.forget_who_had_what();
            }
            self.since = sums;
        }
        (self.hash, self.first, self.count) = (hash, first, online.count());
    }

    /// Lets all CPUs continue from what the first ones have, which is the most.
    fn forget_who_had_what(&mut self) {
        let [first, rest @ ..] = &mut self.runs;
        first.end = u64::MAX;
        rest.fill(Run::NONE);
    }

    /// Records what each CPU shown has by now.
    fn settle(&mut self, sums: &Columns) {
        let before = *self;
        self.runs = [Run::NONE; RUNS];
        let mut from = 0;
        while let Some(end) = before.end_after(from) {
            // The first CPU of a run has the most, by up to a tick.
            self.push(Run { end, had: before.of(from, sums) });
            from = end;
        }
    }

    /// The first rank above `from` at which another run begins.
    fn end_after(&self, from: u64) -> Option<u64> {
        self.runs.iter().map(|run| run.end).chain([self.count]).filter(|end| *end > from).min()
    }

    /// Appends a run.
    fn push(&mut self, run: Run) {
        match self.runs.iter_mut().find(|other| other.end == 0) {
            Some(free) => *free = run,
            None => {
                if let Some(last) = self.runs.last_mut() {
                    last.end = run.end;
                }
            }
        }
    }

    /// What the CPU at `rank` among those shown has if the sums are `sums`.
    fn of(&self, rank: u64, sums: &Columns) -> Columns {
        let mut shares = self.runs.iter().find(|run| rank < run.end).map_or([0; 4], |run| run.had);
        let Some(count) = NonZero::new(self.count).filter(|count| rank < count.get()) else { return shares };
        for ((share, sum), since) in shares.iter_mut().zip(sums).zip(&self.since) {
            *share = share.saturating_add(part(sum.saturating_sub(*since), rank, count));
        }
        shares
    }

    /// The columns of the CPU at `rank` among those shown.
    pub fn columns(&self, rank: u64, times: &Times) -> Columns {
        self.of(rank, &columns(times))
    }
}

impl Run {
    const NONE: Self = Self { end: 0, had: [0; 4] };
}

/// The columns of the sum.
pub fn columns(times: &Times) -> Columns {
    [times.user_ticks, times.nice_ticks, times.system_ticks, u64::try_from(times.idle_ticks).unwrap_or(0)]
}

/// The part of `ticks` for the CPU at `rank` of `count`. The parts add up, and none shrinks while `ticks` grows.
fn part(ticks: u64, rank: u64, count: NonZero<u64>) -> u64 {
    (ticks / count).saturating_add(u64::from(rank < ticks % count))
}

fn hash_of(online: &CpuSet) -> u64 {
    online.words().iter().fold(scan::HASH_SEED, |hash, word| scan::hash(hash, &word.to_ne_bytes()))
}

/// The number of the first CPU, if the numbers are consecutive.
fn first_of_row(online: &CpuSet) -> u64 {
    let mut cpus = online.iter();
    let Some(first) = cpus.next() else { return u64::MAX };
    let is_row = cpus.zip(first.saturating_add(1)..).all(|(cpu, next)| cpu == next);
    if is_row { first } else { u64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{collections::BTreeMap, format, string::String, vec::Vec};

    fn times(user_ticks: u64) -> Times {
        Times { user_ticks, ..Times::default() }
    }

    /// The CPUs' user times if the sum is `sum`.
    fn shown(shares: &mut Shares, list: &str, sum: u64) -> Vec<u64> {
        let online = CpuSet::parse(list.as_bytes()).unwrap();
        shares.follow(&online, &times(sum));
        (0..online.count()).map(|rank| shares.columns(rank, &times(sum))[0]).collect()
    }

    #[test]
    fn the_parts_add_up() {
        let mut shares = Shares::default();
        assert_eq!(shown(&mut shares, "0-2", 10), [4, 3, 3]);
        assert_eq!(shown(&mut shares, "0-2", 12), [4, 4, 4]);
    }

    #[test]
    fn a_cpu_that_comes_begins_at_nothing() {
        let mut shares = Shares::default();
        assert_eq!(shown(&mut shares, "0", 100), [100]);
        assert_eq!(shown(&mut shares, "0-1", 100), [100, 0]);
        assert_eq!(shown(&mut shares, "0-1", 110), [105, 5]);
        assert_eq!(shown(&mut shares, "0-3", 110), [105, 5, 0, 0]);
        assert_eq!(shown(&mut shares, "0-3", 118), [107, 7, 2, 2]);
    }

    #[test]
    fn a_cpu_that_goes_and_comes_again_goes_on() {
        let mut shares = Shares::default();
        assert_eq!(shown(&mut shares, "0-1", 100), [50, 50]);
        assert_eq!(shown(&mut shares, "0", 100), [50]);
        assert_eq!(shown(&mut shares, "0", 130), [80]);
        assert_eq!(shown(&mut shares, "0-1", 130), [80, 50]);
        assert_eq!(shown(&mut shares, "0-1", 140), [85, 55]);
    }

    #[test]
    fn other_cpus_go_on_from_the_most() {
        let mut shares = Shares::default();
        assert_eq!(shown(&mut shares, "0-1", 100), [50, 50]);
        assert_eq!(shown(&mut shares, "1", 110), [55]);
        assert_eq!(shown(&mut shares, "1", 120), [65]);
        assert_eq!(shown(&mut shares, "0,4", 120), [65, 65]);
    }

    proptest! {
        #[test]
        fn parts_add_up_and_never_shrink(ticks in 0_u64..1_000_000_000_000, more in 0_u64..5000, count in 1_u64..2048) {
            let count = NonZero::new(count).unwrap();
            let parts = |ticks| (0..count.get()).map(move |rank| part(ticks, rank, count));
            prop_assert_eq!(parts(ticks).sum::<u64>(), ticks);
            prop_assert!(parts(ticks).zip(parts(ticks + more)).all(|(before, after)| before <= after));
        }

        #[test]
        fn no_cpu_runs_backwards(steps in prop::collection::vec((0_u64..4, 1_u64..5, any::<bool>(), 0_u64..20), 1..30)) {
            let mut shares = Shares::default();
            let mut last = BTreeMap::new();
            let mut sum = 0;
            for (first, count, is_row, more) in steps {
                sum += more;
                let cpus: Vec<u64> = (0..count).map(|rank| first + rank * if is_row { 1 } else { 2 }).collect();
                let list: Vec<String> = cpus.iter().map(|cpu| format!("{cpu}")).collect();
                for (cpu, shown) in cpus.iter().zip(shown(&mut shares, &list.join(","), sum)) {
                    let before = last.insert(*cpu, shown).unwrap_or(0);
                    prop_assert!(shown >= before, "cpu{} from {} to {}", cpu, before, shown);
                }
            }
        }

        #[test]
        fn while_the_cpus_are_the_first_ones_the_lines_grow_as_the_sum_does(counts in prop::collection::vec(1_u64..5, 1..4), more in 0_u64..100) {
            let mut shares = Shares::default();
            for (step, count) in counts.iter().enumerate() {
                let list = format!("0-{}", count - 1);
                let sum = |of: Vec<u64>| of.iter().sum::<u64>();
                let before = sum(shown(&mut shares, &list, step as u64 * more));
                let after = sum(shown(&mut shares, &list, (step as u64 + 1) * more));
                prop_assert_eq!(after - before, more);
            }
        }
    }
}
