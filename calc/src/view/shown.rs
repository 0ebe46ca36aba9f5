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
        times.user_ticks = self.user.show(keys.of_use, times.user_ticks as i64);
        times.nice_ticks = self.nice.show(keys.of_use, times.nice_ticks as i64);
        times.system_ticks = self.system.show(keys.of_use, times.system_ticks as i64);
        times.idle_ticks = self.idle.show_from(cpus.online.count(), keys.of_idle, times.idle_ticks) as i64;
        self.shares.follow(&cpus.online, times);
        self.shares
    }
}
