//! What a process was shown of the scope's times, from which it goes on.

use super::{
    cpu::Cpus,
    ratchet::{self, Ratchet},
    shares::Shares,
    time,
};
use crate::cgroup::places::Places;
use zerocopy::{FromBytes, IntoBytes};

/// What was shown last of each counter that must never run backwards. Plain words, so that it can be kept in atomic words; all zero
/// is the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C)]
pub struct Times {
    user: Ratchet,
    nice: Ratchet,
    system: Ratchet,
    idle: Ratchet,
    /// How they fell to the CPUs.
    shares: Shares,
}

/// Of what times are: under another key a counter goes on where it ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keys {
    pub(crate) of_use: u64,
    pub(crate) of_idle: u64,
}

impl Keys {
    /// The keys of the scope's times; the capacity is the board's, or today's limits taken for all of the time.
    pub(crate) fn of(places: &Places, cpus: &Cpus, is_by_board: bool) -> Self {
        let of_idle =
            if is_by_board { ratchet::key_of_idle_by_board(places, cpus) } else { ratchet::key_of_idle(places, cpus) };
        Self { of_use: ratchet::key_of_use(places, cpus), of_idle }
    }
}

impl Times {
    /// Whether the idle time was shown under this key.
    pub fn is_idle_of(&self, key: u64) -> bool {
        self.idle.is_of(key)
    }

    /// Makes of the times what is to be shown, and of what falls to the CPUs. A CPU was idle for a tick at the least: no kernel shows a CPU without any
    /// time, and programs divide by the sum.
    pub(crate) fn go_on(&mut self, times: &mut time::Times, keys: Keys, cpus: &Cpus) -> Shares {
        times.user_ticks = self.user.show(keys.of_use, times.user_ticks as i64);
        times.nice_ticks = self.nice.show(keys.of_use, times.nice_ticks as i64);
        times.system_ticks = self.system.show(keys.of_use, times.system_ticks as i64);
        times.idle_ticks = self.idle.show_from(cpus.online.count(), keys.of_idle, times.idle_ticks) as i64;
        self.shares.follow(&cpus.online, times);
        self.shares
    }
}
