//! The CPU controllers' files: the quota, the time used, the weight.

use super::{CgroupFiles, Setting, Version};
use crate::{
    capacity::{Capacity, scale},
    host::{USEC_PER_TICK, USER_HZ},
    lines::Lines,
    scan,
};
use core::num::NonZero;

/// The cgroup's own quota; `None` if there is none that we understand.
pub fn quota(group: &impl CgroupFiles, version: Version, scratch: &mut [u8]) -> Option<Capacity> {
    match version {
        Version::V1 => {
            let Setting::Of(quota_usec) = group.setting(b"cpu.cfs_quota_us", scratch) else { return None };
            Capacity::new(quota_usec, group.number(b"cpu.cfs_period_us", scratch)?)
        }
        // `max 100000` or `150000 100000`
        Version::V2 => {
            let (quota, period) = scan::split_at_byte(group.text(b"cpu.max", scratch)?, b' ')?;
            Capacity::new(scan::whole_number(quota)?, scan::whole_number(period)?)
        }
    }
}

/// The cgroup's weight, as version 1's shares.
pub(crate) fn weight(group: &impl CgroupFiles, version: Version, scratch: &mut [u8]) -> Option<u64> {
    let name: &[u8] = match version {
        Version::V1 => b"cpu.shares",
        Version::V2 => b"cpu.weight",
    };
    scan::whole_number(group.text(name, scratch)?)
}

/// CPU time used by a cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) user_ticks: u64,
    pub(crate) nice_ticks: u64,
    pub(crate) system_ticks: u64,
    /// Whether the kernel said how the time splits; otherwise, all is the user's.
    pub(crate) is_split: bool,
}

impl Used {
    /// The time used by the cgroup and those below it.
    pub(crate) fn of(group: &impl CgroupFiles, version: Version, scratch: &mut [u8]) -> Option<Self> {
        match version {
            Version::V1 => Self::of_version_1(group, scratch),
            Version::V2 => Self::of_version_2(group, scratch),
        }
    }

    /// `cpuacct.usage` is exact. `cpuacct.stat`, which older kernels fill by sampling at ticks, says how it splits;
    /// without it, all is the user's.
    fn of_version_1(group: &impl CgroupFiles, scratch: &mut [u8]) -> Option<Self> {
        const NSEC_PER_TICK: u64 = 1_000_000_000 / USER_HZ;
        let total_ticks = group.number(b"cpuacct.usage", scratch)? / NSEC_PER_TICK;
        let split = split(group, scratch);
        let (user, system) = split.unwrap_or_default();
        let whole = NonZero::new(user.saturating_add(system));
        let user_ticks = whole.map_or(total_ticks, |whole| scale(total_ticks, user, whole));
        let system_ticks = total_ticks.saturating_sub(user_ticks);
        Some(Self { user_ticks, nice_ticks: 0, system_ticks, is_split: split.is_some() })
    }

    /// `user_usec` and `system_usec` of `cpu.stat`, which every cgroup has, and `nice_usec` (since Linux 6.13), which
    /// `user_usec` includes (`cgroup_base_stat_cputime_show`, kernel/cgroup/rstat.c). The kernel adjusts the first two
    /// one by one.
    fn of_version_2(group: &impl CgroupFiles, scratch: &mut [u8]) -> Option<Self> {
        let mut file = group.open(b"cpu.stat", scratch)?;
        let mut lines = Lines::new(&mut file, scratch);
        let (mut user, mut nice, mut system) = (None, 0, None);
        while let Some(line) = lines.next().ok()? {
            match line.whole().and_then(scan::key_value) {
                Some((b"user_usec", usec)) => user = Some(usec),
                Some((b"nice_usec", usec)) => nice = usec,
                Some((b"system_usec", usec)) => system = Some(usec),
                _ => {}
            }
        }
        let all_ticks = user? / USEC_PER_TICK;
        let nice_ticks = (nice / USEC_PER_TICK).min(all_ticks);
        let user_ticks = all_ticks.saturating_sub(nice_ticks);
        Some(Self { user_ticks, nice_ticks, system_ticks: system? / USEC_PER_TICK, is_split: true })
    }

    /// User and system time together.
    pub(crate) fn sum(&self) -> u64 {
        self.user_ticks.saturating_add(self.nice_ticks).saturating_add(self.system_ticks)
    }
}

/// The lines of `cpuacct.stat`: `user 370`, `system 67`.
fn split(group: &impl CgroupFiles, scratch: &mut [u8]) -> Option<(u64, u64)> {
    let (mut user, mut system) = (None, None);
    let mut file = group.open(b"cpuacct.stat", scratch)?;
    let mut lines = Lines::new(&mut file, scratch);
    while let Some(line) = lines.next().ok()? {
        match line.whole().and_then(scan::key_value) {
            Some((b"user", ticks)) => user = Some(ticks),
            Some((b"system", ticks)) => system = Some(ticks),
            _ => {}
        }
    }
    user.zip(system)
}
