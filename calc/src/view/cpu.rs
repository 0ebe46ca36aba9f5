//! The container's CPUs.

use crate::{
    board::Above,
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
#[inline(never)]
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
    /// How deep the cgroup is whose use is to be held against that: the scope, or the one below it that has the quota.
    pub counted_depth: u64,
}

/// The view's CPUs. `None` when there is any doubt.
///
/// `only` is a declared number of CPUs in thousandths (`CGPROC_CPUS=1.5` is 1500), taken in place of the quota.
pub fn cpus(files: &impl Files, places: &Places, above: &Above, only: Option<u64>, scratch: &mut [u8]) -> Option<Cpus> {
    let mut cpus = Cpus { online: CpuSet::EMPTY, capacity: Capacity::of_whole(1), counted_depth: 0 };
    let quota = match only {
        Some(thousandths) => Some(Capacity::new(thousandths, 1000)?),
        None => least_quota(files, places, above, &mut cpus.counted_depth, scratch)?,
    };
    allowed(files, places, &mut cpus.online, scratch)?;
    above.narrow(&mut cpus.online);
    if let Some(quota) = quota {
        cpus.online.keep_first(quota.cpus_needed()?);
    }
    let whole = Capacity::of_whole(cpus.online.count());
    cpus.capacity = quota.filter(|quota| quota.is_less(&whole)).unwrap_or(whole);
    Some(cpus)
}

/// The least quota of the chain and above it, and how deep it is set.
#[inline(never)]
fn least_quota(
    files: &impl Files,
    places: &Places,
    above: &Above,
    depth: &mut u64,
    scratch: &mut [u8],
) -> Option<Option<Capacity>> {
    let mut least = above.quota();
    let Some(place) = places.hierarchy(Controller::Cpu) else { return Some(least) };
    for level in place.chain() {
        let quota = match place.version {
            Version::V1 => v1::quota(&level, files, scratch)?,
            Version::V2 => v2::quota(&level, files, scratch)?,
        };
        if let Some(quota) = quota.filter(|quota| least.is_none_or(|least| quota.is_less(&least))) {
            least = Some(quota);
            *depth = u64::try_from(level.depth()).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cgroup::places::Whose,
        fixture::{Tree, composed},
    };
    use proptest::prelude::*;
    use std::{
        format,
        string::{String, ToString},
    };

    /// A v2 process at `/a/b` of a machine with 8 CPUs.
    fn v2() -> Tree {
        Tree::default()
            .with("/proc/self/cgroup", "0::/a/b\n")
            .with_directory("/sys/fs/cgroup", 1, 3)
            .with_directory("/sys/fs/cgroup/a/b", 9, 2)
            .with("/sys/devices/system/cpu/online", "0-7\n")
    }

    /// The list of CPUs and the capacity.
    fn view(tree: &Tree, only: Option<u64>) -> Option<String> {
        let places = Places::locate(tree, Whose::Caller, &mut [0; 512]).unwrap();
        let cpus = cpus(tree, &places, &Above::NONE, only, &mut [0; 512])?;
        let list = composed(|out| crate::compose::cpu_list(&cpus.online, out)).unwrap();
        Some(format!("{} {}/{}", list.trim(), cpus.capacity.quota_usec, cpus.capacity.period_usec))
    }

    fn v2_view(files: &[(&str, &str)]) -> Option<String> {
        view(&files.iter().fold(v2(), |tree, (name, text)| tree.with(&format!("/sys/fs/cgroup/{name}"), text)), None)
    }

    #[test]
    fn without_limits_all_cpus_of_the_machine() {
        assert_eq!(v2_view(&[]).unwrap(), "0-7 8/1");
        assert_eq!(v2_view(&[("a/b/cpu.max", "max 100000\n")]).unwrap(), "0-7 8/1");
    }

    #[test]
    fn a_quota_is_rounded_up() {
        assert_eq!(v2_view(&[("a/b/cpu.max", "150000 100000\n")]).unwrap(), "0-1 150000/100000");
        assert_eq!(v2_view(&[("a/b/cpu.max", "200000 100000\n")]).unwrap(), "0-1 2/1");
        assert_eq!(v2_view(&[("a/b/cpu.max", "1000 1000000\n")]).unwrap(), "0 1000/1000000");
        assert_eq!(v2_view(&[("a/b/cpu.max", "900000 100000\n")]).unwrap(), "0-7 8/1");
    }

    #[test]
    fn the_least_quota_of_the_chain_counts() {
        assert_eq!(
            v2_view(&[("a/b/cpu.max", "300000 100000\n"), ("a/cpu.max", "70000 50000\n")]).unwrap(),
            "0-1 70000/50000"
        );
        assert_eq!(v2_view(&[("a/b/cpu.max", "max 100000\n"), ("a/cpu.max", "100000 100000\n")]).unwrap(), "0 1/1");
    }

    #[test]
    fn the_cpuset_keeps_its_numbers() {
        assert_eq!(v2_view(&[("a/b/cpuset.cpus.effective", "3-5,7\n")]).unwrap(), "3-5,7 4/1");
        let files = [("a/b/cpuset.cpus.effective", "3-5,7\n"), ("a/b/cpu.max", "150000 100000\n")];
        assert_eq!(v2_view(&files).unwrap(), "3-4 150000/100000");
        assert_eq!(v2_view(&[("a/cpuset.cpus.effective", "2\n"), ("a/b/cpuset.cpus", "\n")]).unwrap(), "2 1/1");
    }

    #[test]
    fn v1_has_its_own_files() {
        let tree = Tree::default()
            .with("/proc/self/cgroup", "1:cpu,cpuacct:/a\n2:cpuset:/a\n")
            .with_directory("/sys/fs/cgroup/cpu,cpuacct", 1, 3)
            .with_directory("/sys/fs/cgroup/cpu,cpuacct/a", 9, 2)
            .with_directory("/sys/fs/cgroup/cpuset", 1, 3)
            .with_directory("/sys/fs/cgroup/cpuset/a", 9, 2)
            .with("/sys/devices/system/cpu/online", "0-7\n")
            .with("/sys/fs/cgroup/cpuset/a/cpuset.cpus", "1-6\n")
            .with("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n")
            .with("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
        assert_eq!(view(&tree, None).unwrap(), "1-3 250000/100000");
        let tree = tree.with("/sys/fs/cgroup/cpuset/a/cpuset.effective_cpus", "5-6\n");
        assert_eq!(view(&tree, None).unwrap(), "5-6 2/1");
        let tree = tree.with("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
        assert_eq!(view(&tree, None).unwrap(), "5-6 2/1");
    }

    #[test]
    fn limits_out_of_sight_count_too() {
        let with = |above: &Above, only| {
            let tree = v2().with("/sys/fs/cgroup/a/b/cpu.max", "300000 100000\n");
            let places = Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap();
            let cpus = cpus(&tree, &places, above, only, &mut [0; 512]).unwrap();
            let list = composed(|out| crate::compose::cpu_list(&cpus.online, out)).unwrap();
            format!("{} {}", list.trim(), cpus.counted_depth)
        };
        let quota = |quota_usec| Above { quota_usec, period_usec: 100_000, ..Above::NONE };
        assert_eq!(with(&quota(400_000), None), "0-2 4");
        assert_eq!(with(&quota(150_000), None), "0-1 0");
        assert_eq!(with(&quota(150_000), Some(4000)), "0-3 0");
        let cpus = |word| Above { cpus: [word, 0, 0, 0, 0, 0, 0, 0], ..Above::NONE };
        assert_eq!(with(&cpus(0b1010_0000), None), "5,7 4");
        assert_eq!(with(&cpus(1 << 40), None), "0-2 4");
    }

    #[test]
    fn a_declared_number_replaces_the_quota() {
        let tree = v2().with("/sys/fs/cgroup/a/b/cpu.max", "300000 100000\n");
        assert_eq!(view(&tree, Some(1500)).unwrap(), "0-1 1500/1000");
        assert_eq!(view(&tree, Some(6000)).unwrap(), "0-5 6/1");
        assert_eq!(view(&tree, Some(99_000)).unwrap(), "0-7 8/1");
        assert_eq!(view(&tree, Some(0)), None);
    }

    #[test]
    fn garbage_is_doubt() {
        for garbage in ["", "100000\n", "x 100000\n", "100 0\n", "0 100\n", "1 2 3\n"] {
            assert_eq!(v2_view(&[("a/b/cpu.max", garbage)]), None, "{garbage:?}");
        }
        assert_eq!(v2_view(&[("a/b/cpuset.cpus.effective", "all\n")]), None);
        assert_eq!(v2_view(&[("a/b/cpuset.cpus.effective", &"0,2,".repeat(200))]), None);
        assert_eq!(view(&v2().with("/sys/devices/system/cpu/online", "\n"), None), None);
    }

    proptest! {
        #[test]
        fn scaling_is_exact(value: u64, numerator: u64, denominator in 1..u64::MAX) {
            let exact = u128::from(value) * u128::from(numerator) / u128::from(denominator);
            let scaled = scale(value, numerator, NonZero::new(denominator).unwrap());
            prop_assert_eq!(scaled, u64::try_from(exact).unwrap_or(u64::MAX));
        }

        #[test]
        fn fractions_are_compared_exactly(one: (u32, u32), other: (u32, u32)) {
            let capacity = |(quota, period): (u32, u32)| Capacity { quota_usec: quota.into(), period_usec: u64::from(period) + 1 };
            let (one, other) = (capacity(one), capacity(other));
            let exact = u128::from(one.quota_usec) * u128::from(other.period_usec) < u128::from(other.quota_usec) * u128::from(one.period_usec);
            prop_assert_eq!(one.is_less(&other), exact);
        }

        #[test]
        fn a_view_has_a_cpu_and_no_more_capacity_than_cpus(quota in 1_u64.., period in 1_u64.., cpus in prop::collection::btree_set(0_u64..2048, 1..40)) {
            let list = cpus.iter().map(ToString::to_string).collect::<std::vec::Vec<_>>().join(",");
            let tree = v2().with("/sys/fs/cgroup/a/b/cpuset.cpus.effective", list).with("/sys/fs/cgroup/a/b/cpu.max", format!("{quota} {period}"));
            let places = Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap();
            let view = super::cpus(&tree, &places, &Above::NONE, None, &mut [0; 512]).unwrap();
            let count = view.online.count();
            prop_assert!(count >= 1 && view.online.iter().all(|cpu| cpus.contains(&cpu)));
            prop_assert!(u128::from(view.capacity.quota_usec) <= u128::from(count) * u128::from(view.capacity.period_usec));
            prop_assert_eq!(count, quota.div_ceil(period).min(cpus.len() as u64));
        }
    }
}
