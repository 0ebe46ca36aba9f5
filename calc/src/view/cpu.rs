//! The container's CPUs.

use crate::{
    cgroup::{Controller, Version, places::Places, v1, v2},
    cpus::CpuSet,
    source::{self, Files},
};
use core::num::NonZero;

/// CPU time allowed per time, `quota_usec / period_usec` CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Capacity {
    /// CPU time per period, in microseconds.
    pub quota_usec: u64,
    /// Length of the period, in microseconds, never 0.
    pub period_usec: u64,
}

impl Capacity {
    /// `None` for a quota or a period of nothing.
    pub(crate) fn new(quota_usec: u64, period_usec: u64) -> Option<Self> {
        (quota_usec > 0 && period_usec > 0).then_some(Self { quota_usec, period_usec })
    }

    /// `count` CPUs, all of the time.
    fn of_whole(count: u64) -> Self {
        Self { quota_usec: count, period_usec: 1 }
    }

    fn is_less(&self, other: &Self) -> bool {
        let product = |quota: u64, period: u64| u128::from(quota).saturating_mul(u128::from(period));
        product(self.quota_usec, other.period_usec) < product(other.quota_usec, self.period_usec)
    }

    /// How many CPUs it takes to use all of it.
    fn cpus_needed(&self) -> Option<u64> {
        let period = NonZero::new(self.period_usec)?;
        (self.quota_usec / period).checked_add(u64::from(self.quota_usec % period != 0))
    }

    /// The CPU time that it allows within `ticks`, in ticks.
    pub(crate) fn within(&self, ticks: u64) -> u64 {
        NonZero::new(self.period_usec).map_or(u64::MAX, |period| scale(ticks, self.quota_usec, period))
    }
}

/// `value × numerator ÷ denominator`, rounded down, exact wherever the result fits.
pub(crate) fn scale(value: u64, numerator: u64, denominator: NonZero<u64>) -> u64 {
    let (mut quotient, mut remainder) = (0_u64, 0_u128);
    let divisor = u128::from(denominator.get());
    // Long division, a bit of `value` at a time: a division of 128 bits would be a call into the compiler's library.
    let (whole, part) = (numerator / denominator, u128::from(numerator % denominator));
    for shift in (0..u64::BITS).rev() {
        quotient = quotient.saturating_mul(2);
        remainder = remainder.wrapping_mul(2);
        if value.rotate_right(shift) & 1 == 1 {
            quotient = quotient.saturating_add(whole);
            remainder = remainder.wrapping_add(part);
        }
        while remainder >= divisor {
            remainder = remainder.wrapping_sub(divisor);
            quotient = quotient.saturating_add(1);
        }
    }
    quotient
}

/// The CPUs that the container sees. Plain words without padding, so that it can be kept in atomic words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Cpus {
    /// The first N of the cpuset's CPUs, with their real numbers. Never empty.
    pub online: CpuSet,
    /// The least quota of the chain; `count/1` CPUs where none is set.
    pub capacity: Capacity,
}

/// The view's CPUs. `None` when there is any doubt.
///
/// `only` is a declared number of CPUs in thousandths (`CGPROC_CPUS=1.5` is 1500), taken in place of the quota.
pub fn cpus(files: &impl Files, places: &Places, only: Option<u64>, scratch: &mut [u8]) -> Option<Cpus> {
    let quota = match only {
        Some(thousandths) => Some(Capacity::new(thousandths, 1000)?),
        None => least_quota(files, places, scratch)?,
    };
    let mut cpus = Cpus { online: CpuSet::EMPTY, capacity: Capacity::of_whole(1) };
    allowed(files, places, &mut cpus.online, scratch)?;
    if let Some(quota) = quota {
        cpus.online.keep_first(quota.cpus_needed()?);
    }
    let whole = Capacity::of_whole(cpus.online.count());
    cpus.capacity = quota.filter(|quota| quota.is_less(&whole)).unwrap_or(whole);
    Some(cpus)
}

/// The least quota of the chain.
#[inline(never)]
fn least_quota(files: &impl Files, places: &Places, scratch: &mut [u8]) -> Option<Option<Capacity>> {
    let mut least: Option<Capacity> = None;
    let Some(place) = places.hierarchy(Controller::Cpu) else { return Some(None) };
    for level in place.chain() {
        let quota = match place.version {
            Version::V1 => v1::quota(&level, files, scratch)?,
            Version::V2 => v2::quota(&level, files, scratch)?,
        };
        if let Some(quota) = quota.filter(|quota| least.is_none_or(|least| quota.is_less(&least))) {
            least = Some(quota);
        }
    }
    Some(least)
}

/// The file that holds the CPUs a cgroup may really use, and the one for kernels that have no such file.
const fn cpuset_names(version: Version) -> [&'static [u8]; 2] {
    match version {
        Version::V1 => [b"cpuset.effective_cpus", b"cpuset.cpus"],
        Version::V2 => [b"cpuset.cpus.effective", b"cpuset.cpus"],
    }
}

/// Adds the CPUs of the own cgroup's cpuset, or of the nearest above that has one, or those of the machine.
#[inline(never)]
fn allowed(files: &impl Files, places: &Places, set: &mut CpuSet, scratch: &mut [u8]) -> Option<()> {
    if let Some(place) = places.hierarchy(Controller::Cpuset) {
        for level in place.chain() {
            for name in cpuset_names(place.version) {
                match level.text(files, name, scratch)? {
                    None | Some(b"" | b"\n") => {}
                    Some(list) => return set.parse_into(list),
                }
            }
        }
    }
    let mut online = files.open(c"/sys/devices/system/cpu/online")?;
    set.parse_into(source::read_whole(&mut online, scratch)?)?;
    (*set != CpuSet::EMPTY).then_some(())
}
