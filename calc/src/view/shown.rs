//! What a process was shown of the scope's times, from which it continues.

use super::{
    cpu::Cpus,
    ratchet::{self, Ratchet},
    shares::Shares,
    time,
};
use crate::cgroup::places::Places;
use zerocopy::{FromBytes, IntoBytes};

/// The last value shown of each counter that must never run backwards. Plain words, so that they can be kept in
/// atomics; all zero is the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C)]
pub struct Times {
    user: Ratchet,
    nice: Ratchet,
    system: Ratchet,
    idle: Ratchet,
    /// How the times were divided among the CPUs.
    shares: Shares,
}

/// What the times count: under another key a counter continues from where it ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keys {
    pub(crate) of_use: u64,
    pub(crate) of_idle: u64,
}

impl Keys {
    /// The keys of the scope's times, with the board's capacity or with today's limits for all time.
    pub(crate) fn of(places: &Places, cpus: &Cpus, is_by_board: bool) -> Self {
        let of_idle =
            if is_by_board { ratchet::key_of_idle_by_board(places, cpus) } else { ratchet::key_of_idle(places, cpus) };
        Self { of_use: ratchet::key_of_use(places, cpus), of_idle }
    }
}

impl Times {
    /// Whether the idle time was last shown under this key.
    pub fn is_idle_of(&self, key: u64) -> bool {
        self.idle.is_of(key)
    }

    /// Turns `times` into those to show, and returns their division among the CPUs. Each CPU was idle for at least a
    /// tick: no kernel shows a CPU without any time, and programs divide by the sum.
    pub(crate) fn go_on(&mut self, times: &mut time::Times, keys: Keys, cpus: &Cpus) -> Shares {
        // A split that cannot be read for once must not give the user what the kernel has used so far.
        let of_use = keys.of_use ^ u64::from(!times.is_split);
        times.user_ticks = self.user.show(of_use, times.user_ticks as i64);
        times.nice_ticks = self.nice.show(of_use, times.nice_ticks as i64);
        times.system_ticks = self.system.show(of_use, times.system_ticks as i64);
        times.idle_ticks = self.idle.show_from(cpus.online.count(), keys.of_idle, times.idle_ticks) as i64;
        self.shares.follow(&cpus.online, times);
        self.shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{capacity::Capacity, cpus::CpuSet};

    /// What is shown of 0 idle ticks and these: user, system, and whether the kernel tells them apart.
    fn show(shown: &mut Times, user_ticks: u64, system_ticks: u64, is_split: bool) -> (u64, u64) {
        let capacity = Capacity { quota_usec: 1, period_usec: 1 };
        let cpus = Cpus { count: 1, online: CpuSet::EMPTY, capacity, counted_depth: 0 };
        let mut times = time::Times { user_ticks, system_ticks, is_split, ..time::Times::default() };
        shown.go_on(&mut times, Keys { of_use: 8, of_idle: 9 }, &cpus);
        (times.user_ticks, times.system_ticks)
    }

    #[test]
    fn an_unknown_split_gives_nobody_what_another_used() {
        let mut shown = Times::default();
        assert_eq!(show(&mut shown, 300, 200, true), (300, 200));
        assert_eq!(show(&mut shown, 510, 0, false), (300, 200));
        assert_eq!(show(&mut shown, 520, 0, false), (310, 200));
        assert_eq!(show(&mut shown, 315, 210, true), (310, 200));
        assert_eq!(show(&mut shown, 320, 214, true), (315, 204));
    }
}
