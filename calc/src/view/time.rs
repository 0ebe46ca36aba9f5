//! CPU time used, idle time and age of the container.

use crate::{
    cgroup::{Controller, Version, places::Places, v1, v2},
    host::{Host, USEC_PER_TICK},
    source::Files,
    view::cpu::{Cpus, scale},
};
use core::num::NonZero;

/// CPU time of the scope, all its CPUs together, in ticks of 1/100 s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Time in user mode.
    pub user_ticks: u64,
    /// Time in the kernel.
    pub system_ticks: u64,
    /// capacity × age − user − system. Negative when the scope used more than today's limit allows: see [`crate::view::ratchet`].
    pub idle_ticks: i64,
}

/// CPU time that a cgroup used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) user_ticks: u64,
    pub(crate) system_ticks: u64,
}

impl Used {
    /// All of it.
    pub(crate) fn sum(&self) -> u64 {
        self.user_ticks.saturating_add(self.system_ticks)
    }

    /// The same shares of another sum.
    pub(crate) fn scaled_to(&self, sum: u64) -> Self {
        let user_ticks = NonZero::new(self.sum()).map_or(sum, |whole| scale(sum, self.user_ticks, whole));
        Self { user_ticks, system_ticks: sum.saturating_sub(user_ticks) }
    }
}

/// The scope's CPU time. `None` when the scope is the real root, or there is any doubt: the kernel's figures stand.
pub fn times(files: &impl Files, places: &Places, cpus: &Cpus, host: &Host, scratch: &mut [u8]) -> Option<Times> {
    let place = places.hierarchy(Controller::Cpuacct)?;
    let scope = place.chain_of_scope().next()?;
    let used = match place.version {
        Version::V1 => v1::used(&scope, files, scratch)?,
        Version::V2 => v2::used(&scope, files, scratch)?,
    };
    let elapsed_ticks = age_ticks(places, host).unwrap_or(host.since_boot_usec / USEC_PER_TICK);
    let allowed = i64::try_from(cpus.capacity.within(elapsed_ticks)).unwrap_or(i64::MAX);
    let busy = i64::try_from(used.sum()).unwrap_or(i64::MAX);
    Some(Times {
        user_ticks: used.user_ticks,
        system_ticks: used.system_ticks,
        idle_ticks: allowed.saturating_sub(busy),
    })
}

/// Hundredths of a second since the container's first process; `None` when that is not known.
pub fn age_ticks(places: &Places, host: &Host) -> Option<u64> {
    let began_ticks = NonZero::new(places.began_ticks)?;
    (host.since_boot_usec / USEC_PER_TICK).checked_sub(began_ticks.get())
}
