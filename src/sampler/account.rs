//! What is kept about a cgroup from one sample to the next: its load, and the CPU time that it could have used.

use super::{clock::Now, threads::Counts};
use calc::{
    board::{Block, Load},
    load::averages_after,
};
use rustix::fd::OwnedFd;

/// A cgroup's account.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// The file with its CPU time, kept open.
    pub(super) time_file: Option<OwnedFd>,
    /// CPU time of the cgroup and those below it, when last read.
    pub(super) time: Option<u64>,
    /// Its own threads when last counted; `None` if they cannot be.
    pub(super) own: Option<Counts>,
    /// The threads of the cgroup and those below it.
    pub(super) sum: Option<Counts>,
    /// Whether nothing has happened in it or below since the last sample.
    pub(super) is_idle: bool,
    /// Whether anything has ever run in it or below.
    pub(super) has_run: bool,
    averages: [u32; 3],
    capacity: Option<Capacity>,
    /// CLOCK_BOOTTIME of its creation, if we noticed it.
    born_usec: Option<u64>,
}

/// See [`Block::set_capacity`].
#[derive(Clone, Copy, Debug)]
struct Capacity {
    since_boot_usec: u64,
    rate: u64,
    first_rate: u64,
    boottime_usec: u64,
}

impl Account {
    /// Continues from what was published before.
    pub(super) fn take_over(&mut self, block: &Block, since_usec: u64, period_usec: u64) {
        if let (Some(load), Some(sum)) = (block.load(), self.sum) {
            let ticks = u32::try_from(since_usec / period_usec.max(1)).unwrap_or(u32::MAX);
            self.averages = averages_after(load.averages, sum.active(), ticks);
        }
        self.capacity = Capacity::published(block);
        // Whether nothing ran while the previous sampler watched is unknown.
        self.has_run |= self.capacity.is_some();
    }

    /// Advances the averages by `ticks`.
    pub(super) fn tick(&mut self, ticks: u32) {
        let active = self.sum.map_or(0, |sum| sum.active());
        self.averages = averages_after(self.averages, active, ticks);
    }

    /// Notes that it has just been created.
    pub(super) fn begin(&mut self, now: &Now) {
        self.born_usec = Some(now.boottime_usec);
    }

    /// Whether its limits may still be about to be set: they are set after the cgroup is created, before or after its
    /// first process joins.
    fn is_being_made(&self, now: &Now) -> bool {
        const MAKING_USEC: u64 = 2_000_000;
        let is_young = self.born_usec.is_some_and(|born| now.boottime_usec.saturating_sub(born) < MAKING_USEC);
        // If we saw it created but have not looked at it since, something may have run in it.
        let is_unused = !self.has_run && (self.born_usec.is_none() || self.time.is_some());
        is_young || is_unused
    }

    /// Counts the time until `now` at the previous rate, and counts at `rate` from then on.
    pub(super) fn accrue(&mut self, rate: u64, now: &Now) {
        let boottime_usec = now.boottime_usec;
        let began = Capacity { since_boot_usec: at_rate(rate, boottime_usec), rate, first_rate: rate, boottime_usec };
        self.capacity = Some(self.capacity.filter(|_| !self.is_being_made(now)).map_or(began, |before| {
            let more = at_rate(before.rate, boottime_usec.saturating_sub(before.boottime_usec));
            Capacity { since_boot_usec: before.since_boot_usec.saturating_add(more), rate, boottime_usec, ..before }
        }));
    }

    /// Puts what is known into a slot.
    pub(super) fn publish(&self, block: &mut Block) {
        if let Some(Counts { running, blocked, threads }) = self.sum {
            block.set_load(&Load { averages: self.averages, running, blocked, threads });
        }
        if let Some(Capacity { since_boot_usec, rate, first_rate, .. }) = self.capacity {
            block.set_capacity(since_boot_usec, rate, first_rate);
        }
    }
}

impl Capacity {
    /// The capacity in a slot. A slot only answers for an age, so two ages are asked for: since boot, and a second
    /// less.
    fn published(block: &Block) -> Option<Self> {
        const SECOND_USEC: u64 = 1_000_000;
        let published = block.published();
        let (now, boot) = (published.realtime_usec, published.boottime_usec);
        let since_boot_usec = block.capacity_usec(now, boot)?;
        let rate = block.capacity_usec(now + SECOND_USEC, boot + SECOND_USEC)?.saturating_sub(since_boot_usec);
        let first_rate = since_boot_usec.saturating_sub(block.capacity_usec(now, boot.saturating_sub(SECOND_USEC))?);
        Some(Self { since_boot_usec, rate, first_rate, boottime_usec: boot })
    }
}

/// CPU time in `usec`, at `rate` microseconds per second.
fn at_rate(rate: u64, usec: u64) -> u64 {
    u64::try_from(u128::from(rate) * u128::from(usec) / 1_000_000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use calc::board::{Key, Kind};

    const SECOND: u64 = 1_000_000;
    const ONE: u32 = calc::load::ONE;

    fn at(second: u64) -> Now {
        let usec = second * SECOND;
        Now { realtime_usec: 50_000 * SECOND + usec, monotonic_usec: usec, boottime_usec: usec }
    }

    fn slot(account: &Account, now: &Now) -> Block {
        let mut block = Block::slot(Key { kind: Kind::Unified, id: 9 });
        account.publish(&mut block);
        block.set_published(&now.published(15 * SECOND));
        block
    }

    fn with(running: u32) -> Account {
        Account { sum: Some(Counts { running, ..Counts::default() }), has_run: true, ..Account::default() }
    }

    #[test]
    fn averages_go_to_what_runs_and_back() {
        let mut account = with(4);
        account.tick(12 * 30);
        let load = slot(&account, &at(9)).load().unwrap();
        assert!(load.averages[0].abs_diff(4 * ONE) < ONE / 50, "{load:?}");
        assert_eq!(load.running, 4);
        account.sum = Some(Counts::default());
        account.tick(12);
        let after = slot(&account, &at(9)).load().unwrap().averages[0];
        assert!(after.abs_diff(4 * ONE * 100 / 272) < ONE / 50, "{after}");
    }

    #[test]
    fn what_is_not_known_is_not_published() {
        let block = slot(&Account::default(), &at(9));
        assert_eq!((block.load(), block.capacity_usec(at(9).realtime_usec, SECOND)), (None, None));
    }

    #[test]
    fn capacity_counts_at_the_rate_that_was_in_force() {
        let mut account = with(0);
        account.accrue(2 * SECOND, &at(100));
        account.accrue(SECOND, &at(110));
        account.accrue(SECOND, &at(120));
        let block = slot(&account, &at(120));
        // 10 s at the second rate, 10 s at the first, and 80 s before it was first looked at.
        assert_eq!(block.capacity_usec(at(120).realtime_usec, 100 * SECOND), Some((10 + 20 + 160) * SECOND));
        assert_eq!(block.capacity_usec(at(124).realtime_usec, 24 * SECOND), Some((4 + 10 + 20) * SECOND));
    }

    #[test]
    fn what_is_being_made_counts_at_the_rate_that_it_gets() {
        let mut unused = Account::default();
        unused.accrue(64 * SECOND, &at(100));
        unused.accrue(SECOND, &at(900));
        let mut young = with(1);
        young.begin(&at(899));
        young.accrue(64 * SECOND, &at(899));
        young.accrue(SECOND, &at(900));
        for account in [&mut unused, &mut young] {
            assert_eq!(slot(account, &at(900)).capacity_usec(at(900).realtime_usec, 900 * SECOND), Some(900 * SECOND));
            account.has_run = true;
            account.accrue(2 * SECOND, &at(910));
            account.accrue(2 * SECOND, &at(911));
            assert_eq!(slot(account, &at(911)).capacity_usec(at(911).realtime_usec, 11 * SECOND), Some(12 * SECOND));
        }
    }

    #[test]
    fn what_may_have_run_keeps_its_history() {
        let mut account = Account::default();
        account.begin(&at(100));
        account.accrue(3 * SECOND, &at(100));
        account.accrue(SECOND, &at(104));
        assert_eq!(slot(&account, &at(104)).capacity_usec(at(105).realtime_usec, 5 * SECOND), Some((12 + 1) * SECOND));
    }

    #[test]
    fn the_next_sampler_goes_on() {
        let mut account = with(3);
        account.tick(20);
        account.accrue(2 * SECOND, &at(100));
        account.accrue(SECOND / 2, &at(110));
        let block = slot(&account, &at(110));
        let mut next = with(3);
        next.take_over(&block, 11 * SECOND, 5 * SECOND);
        next.accrue(SECOND / 2, &at(121));
        account.tick(2);
        account.accrue(SECOND / 2, &at(121));
        assert_eq!(slot(&next, &at(121)), slot(&account, &at(121)));
    }
}
