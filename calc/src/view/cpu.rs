//! The container's CPUs.

mod weight;

use crate::{
    board::Above,
    capacity::Capacity,
    cgroup::{
        Controller, cpu,
        cpuset::{self, Kind},
        least::{self, By, Least},
        places::Places,
    },
    cpus::CpuSet,
    settings::CpuCount,
    source::Files,
};
use zerocopy::{FromBytes, IntoBytes};

/// The CPUs that the container sees. Plain words without padding, so that they can be kept in atomics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C)]
pub struct Cpus {
    /// N: how many CPUs `online` has.
    pub count: u64,
    /// N of the cpuset's CPUs, with their real numbers: first those that the process may run on, then the others.
    /// Never empty.
    pub online: CpuSet,
    /// The CPU time that may be used: the lowest quota of the chain, or all allowed CPUs if none is lower. If the
    /// weight decides how many CPUs are shown, it exceeds those, because a weight limits nobody while others sleep.
    pub capacity: Capacity,
    /// The depth of the cgroup whose usage counts against `capacity`: the scope, or the cgroup below it that has the
    /// quota.
    pub counted_depth: u64,
}

/// How the view's CPUs are counted and chosen.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'m> {
    /// The setting.
    pub by: CpuCount,
    /// The CPUs that the process may run on, if known; otherwise empty. It does not affect how many are shown.
    pub mask: &'m CpuSet,
}

impl Choice<'static> {
    /// A choice without a known mask.
    pub fn by(by: CpuCount) -> Self {
        Self { by, mask: &CpuSet::EMPTY }
    }
}

/// What set the number of CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetBy {
    /// What reduced the CPUs to this number.
    pub online: By,
    /// What limits the capacity.
    pub capacity: By,
}

/// The view's CPUs; `None` if in doubt.
pub fn cpus(
    files: &impl Files,
    places: &Places,
    above: &Above,
    choice: Choice<'_>,
    scratch: &mut [u8],
) -> Option<Cpus> {
    count(files, places, above, choice, &mut SetBy::default(), scratch)
}

/// The same, with what set their number in `set_by`.
pub fn count(
    files: &impl Files,
    places: &Places,
    above: &Above,
    choice: Choice<'_>,
    set_by: &mut SetBy,
    scratch: &mut [u8],
) -> Option<Cpus> {
    let Choice { by, mask } = choice;
    let mut cpus = Cpus { count: 0, online: CpuSet::EMPTY, capacity: Capacity::of_whole(1), counted_depth: 0 };
    let quota = quota(files, places, above, by, scratch);
    if quota.is_none() && matches!(by, CpuCount::Milli(_)) {
        return None;
    }
    set_by.online = allowed(files, places, above, &mut cpus.online, scratch)?;
    if let Some(quota) = quota {
        let allowed = cpus.online.count();
        cpus.online.keep_first_preferring(quota.value.cpus_needed()?, mask);
        if cpus.online.count() < allowed {
            set_by.online = quota.by;
        }
        cpus.counted_depth = u64::try_from(quota.by.depth()).unwrap_or(0);
    }
    let whole = cpus.online.count();
    (cpus.capacity, set_by.capacity) = (Capacity::of_whole(whole), set_by.online);
    if let Some(quota) = quota.filter(|quota| quota.value.is_less(&cpus.capacity)) {
        (cpus.capacity, set_by.capacity) = (quota.value, quota.by);
    }
    if matches!(by, CpuCount::Milli(_)) {
        // A declared number replaces all limits, even if it is too large to be one.
        set_by.capacity = By::Declared;
    }
    if by == CpuCount::ByWeight
        && let Some(weight) = by_weight(files, places, scratch)
    {
        cpus.online.keep_first_preferring(weight.value, mask);
        if cpus.online.count() < whole {
            set_by.online = weight.by;
        }
    }
    cpus.count = cpus.online.count();
    Some(cpus)
}

/// The quota, subject to `by`, and what set it; `None` for none.
pub fn quota(
    files: &impl Files,
    places: &Places,
    above: &Above,
    by: CpuCount,
    scratch: &mut [u8],
) -> Option<Least<Capacity>> {
    match by {
        CpuCount::Milli(thousandths) => Some(Least { value: Capacity::new(thousandths, 1000)?, by: By::Declared }),
        CpuCount::ByQuota | CpuCount::ByWeight => least_quota(files, places, above, scratch),
    }
}

/// Adds to the empty `set` the CPUs that the container may run on, whatever the quota. Returns what left these; `None`
/// if in doubt.
pub fn allowed(files: &impl Files, places: &Places, above: &Above, set: &mut CpuSet, scratch: &mut [u8]) -> Option<By> {
    let by = cpuset::allowed(Kind::Cpus, files, places, set, scratch)?;
    Some(if above.narrow(set) { By::Above } else { by })
}

/// The CPUs that the scope's weight stands for; `None` if it has none.
fn by_weight(files: &impl Files, places: &Places, scratch: &mut [u8]) -> Option<Least<u64>> {
    let place = places.hierarchy(Controller::Cpu)?;
    let scope = place.chain_of_scope().next()?;
    let value = weight::cpus(&scope.among(files), place.version, scratch)?;
    Some(Least { value, by: By::level(Controller::Cpu, scope.depth()) })
}

/// The lowest quota of the chain and of the limits above.
#[inline(never)]
fn least_quota(files: &impl Files, places: &Places, above: &Above, scratch: &mut [u8]) -> Option<Least<Capacity>> {
    let mut least = above.quota().map(|value| Least { value, by: By::Above });
    let Some(place) = places.hierarchy(Controller::Cpu) else { return least };
    for level in place.chain() {
        let Some(quota) = cpu::quota(&level.among(files), place.version, scratch) else { continue };
        least::lower(&mut least, quota, By::level(Controller::Cpu, level.depth()));
    }
    least
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
        vec::Vec,
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
    fn view(tree: &Tree, by: CpuCount) -> Option<String> {
        let places = Places::locate(tree, Whose::Caller, &mut [0; 512]).unwrap();
        let cpus = cpus(tree, &places, &Above::NONE, Choice::by(by), &mut [0; 512])?;
        let list = composed(|out| crate::compose::cpu_list(&cpus.online, out)).unwrap();
        Some(format!("{} {}/{}", list.trim(), cpus.capacity.quota_usec, cpus.capacity.period_usec))
    }

    fn v2_view(files: &[(&str, &str)]) -> Option<String> {
        view(&v2_with(files), CpuCount::ByQuota)
    }

    fn v2_with(files: &[(&str, &str)]) -> Tree {
        files.iter().fold(v2(), |tree, (name, text)| tree.with(&format!("/sys/fs/cgroup/{name}"), text))
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
    fn those_that_the_process_may_run_on_come_first() {
        let with = |mask: &str, quota: &str, by| {
            let tree = v2_with(&[("a/b/cpu.max", quota), ("a/b/cpu.weight", "174\n")]);
            let places = Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap();
            let mask = &CpuSet::parse(mask.as_bytes()).unwrap();
            let cpus = cpus(&tree, &places, &Above::NONE, Choice { by, mask }, &mut [0; 512]).unwrap();
            composed(|out| crate::compose::cpu_list(&cpus.online, out)).unwrap().trim().to_string()
        };
        let by_quota = |mask, quota| with(mask, quota, CpuCount::ByQuota);
        assert_eq!(by_quota("1-3", "200000 100000\n"), "1-2");
        assert_eq!(by_quota("2-3", "300000 100000\n"), "0,2-3");
        assert_eq!(by_quota("6", "200000 100000\n"), "0,6");
        assert_eq!(by_quota("6", "max 100000\n"), "0-7", "a mask takes no CPU away");
        assert_eq!(with("5-7", "max 100000\n", CpuCount::ByWeight), "5-6");
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
        assert_eq!(view(&tree, CpuCount::ByQuota).unwrap(), "1-3 250000/100000");
        let tree = tree.with("/sys/fs/cgroup/cpuset/a/cpuset.effective_cpus", "5-6\n");
        assert_eq!(view(&tree, CpuCount::ByQuota).unwrap(), "5-6 2/1");
        let tree = tree.with("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
        assert_eq!(view(&tree, CpuCount::ByQuota).unwrap(), "5-6 2/1");
    }

    #[test]
    fn limits_out_of_sight_count_too() {
        use CpuCount::{ByQuota, Milli};
        let with = |above: &Above, by| {
            let tree = v2().with("/sys/fs/cgroup/a/b/cpu.max", "300000 100000\n");
            let places = Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap();
            let cpus = cpus(&tree, &places, above, Choice::by(by), &mut [0; 512]).unwrap();
            let list = composed(|out| crate::compose::cpu_list(&cpus.online, out)).unwrap();
            format!("{} {}", list.trim(), cpus.counted_depth)
        };
        let quota = |quota_usec| Above { quota_usec, period_usec: 100_000, ..Above::NONE };
        assert_eq!(with(&quota(400_000), ByQuota), "0-2 4");
        assert_eq!(with(&quota(150_000), ByQuota), "0-1 0");
        assert_eq!(with(&quota(150_000), Milli(4000)), "0-3 0");
        let cpus = |word| Above { cpus: [word, 0, 0, 0, 0, 0, 0, 0], ..Above::NONE };
        assert_eq!(with(&cpus(0b1010_0000), ByQuota), "5,7 4");
        assert_eq!(with(&cpus(1 << 40), ByQuota), "0-2 4");
    }

    #[test]
    fn a_declared_number_replaces_the_quota() {
        let tree = v2().with("/sys/fs/cgroup/a/b/cpu.max", "300000 100000\n");
        let view = |thousandths| view(&tree, CpuCount::Milli(thousandths));
        assert_eq!(view(1500).unwrap(), "0-1 1500/1000");
        assert_eq!(view(6000).unwrap(), "0-5 6/1");
        assert_eq!(view(99_000).unwrap(), "0-7 8/1");
        assert_eq!(view(0), None);
    }

    #[test]
    fn a_weight_counts_where_it_is_asked_for() {
        let with = |files: &[(&str, &str)]| view(&v2_with(files), CpuCount::ByWeight);
        let three = ("a/b/cpu.weight", "240\n");
        assert_eq!(v2_view(&[three]).unwrap(), "0-7 8/1");
        assert_eq!(with(&[three]).unwrap(), "0-2 8/1");
        assert_eq!(with(&[("a/b/cpu.weight", "1\n")]).unwrap(), "0 8/1");
        assert_eq!(with(&[("a/b/cpu.weight", "10000\n")]).unwrap(), "0-7 8/1");
        for nobody_asked in [&[("a/b/cpu.weight", "100\n")][..], &[("a/cpu.weight", "240\n")], &[]] {
            assert_eq!(with(nobody_asked).unwrap(), "0-7 8/1");
        }
        assert_eq!(with(&[("a/b/cpu.weight", "default 100\n")]).unwrap(), "0-7 8/1");
    }

    #[test]
    fn of_quota_and_weight_the_least_counts() {
        let with = |quota: &str, weight: &str| {
            view(&v2_with(&[("a/b/cpu.max", quota), ("a/b/cpu.weight", weight)]), CpuCount::ByWeight).unwrap()
        };
        assert_eq!(with("450000 100000\n", "174\n"), "0-1 450000/100000");
        assert_eq!(with("150000 100000\n", "240\n"), "0-1 150000/100000");
    }

    #[test]
    fn version_1_has_shares() {
        let tree = |shares| {
            Tree::default()
                .with("/proc/self/cgroup", "1:cpu,cpuacct:/a\n")
                .with_directory("/sys/fs/cgroup/cpu,cpuacct", 1, 3)
                .with_directory("/sys/fs/cgroup/cpu,cpuacct/a", 9, 2)
                .with("/sys/devices/system/cpu/online", "0-7\n")
                .with("/sys/fs/cgroup/cpu,cpuacct/a/cpu.shares", shares)
        };
        let with = |shares| view(&tree(shares), CpuCount::ByWeight).unwrap();
        assert_eq!(["2\n", "512\n", "1025\n", "2048\n"].map(with), ["0 8/1", "0 8/1", "0-1 8/1", "0-1 8/1"]);
        assert_eq!(with("1024\n"), "0-7 8/1");
        assert_eq!(view(&tree("2048\n"), CpuCount::ByQuota).unwrap(), "0-7 8/1");
    }

    #[test]
    fn version_1_may_be_mounted_without_the_prefix() {
        let tree = Tree::default()
            .with("/proc/self/cgroup", "1:cpuset:/a\n")
            .with_directory("/sys/fs/cgroup/cpuset", 1, 3)
            .with_directory("/sys/fs/cgroup/cpuset/a", 9, 2)
            .with("/sys/devices/system/cpu/online", "0-7\n")
            .with("/sys/fs/cgroup/cpuset/a/cpus", "2-5\n");
        assert_eq!(view(&tree, CpuCount::ByQuota).unwrap(), "2-5 4/1");
        let tree = tree.with("/sys/fs/cgroup/cpuset/a/effective_cpus", "3\n");
        assert_eq!(view(&tree, CpuCount::ByQuota).unwrap(), "3 1/1");
    }

    #[test]
    fn garbage_costs_the_figure_that_needs_it() {
        let allowed = ("a/b/cpuset.cpus.effective", "2-7\n");
        for garbage in ["", "100000\n", "x 100000\n", "100 0\n", "0 100\n", "1 2 3\n"] {
            assert_eq!(v2_view(&[("a/b/cpu.max", garbage), allowed]).unwrap(), "2-7 6/1", "{garbage:?}");
            let above = ("a/cpu.max", "150000 100000\n");
            assert_eq!(
                v2_view(&[("a/b/cpu.max", garbage), above, allowed]).unwrap(),
                "2-3 150000/100000",
                "{garbage:?}"
            );
        }
        let quota = ("a/b/cpu.max", "150000 100000\n");
        for garbage in ["all\n", "3,x\n", "4-9000\n", &"0,2,".repeat(200)] {
            assert_eq!(v2_view(&[("a/b/cpuset.cpus.effective", garbage), quota]).unwrap(), "0-1 150000/100000");
            let other = [("a/b/cpuset.cpus.effective", garbage), ("a/b/cpuset.cpus", "5-6\n"), quota];
            assert_eq!(v2_view(&other).unwrap(), "5-6 2/1".replace("2/1", "150000/100000"));
        }
        assert_eq!(view(&v2().with("/sys/devices/system/cpu/online", "\n"), CpuCount::ByQuota), None);
    }

    proptest! {
        #[test]
        fn a_view_has_a_cpu_and_no_more_capacity_than_cpus(quota in 1_u64.., period in 1_u64.., cpus in prop::collection::btree_set(0_u64..2048, 1..40)) {
            let list = cpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            let tree = v2().with("/sys/fs/cgroup/a/b/cpuset.cpus.effective", list).with("/sys/fs/cgroup/a/b/cpu.max", format!("{quota} {period}"));
            let places = Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap();
            let view = super::cpus(&tree, &places, &Above::NONE, Choice::by(CpuCount::ByQuota), &mut [0; 512]).unwrap();
            let count = view.online.count();
            prop_assert!(count >= 1 && view.online.iter().all(|cpu| cpus.contains(&cpu)));
            prop_assert!(u128::from(view.capacity.quota_usec) <= u128::from(count) * u128::from(view.capacity.period_usec));
            prop_assert_eq!(count, quota.div_ceil(period).min(cpus.len() as u64));
        }

        #[test]
        fn a_weight_leaves_the_first_cpus_and_all_that_may_be_used(quota in prop::option::of(1_u64..1_000_000), weight in 1_u64..=10_000) {
            let quota = quota.map_or("max".to_string(), |quota| quota.to_string());
            let tree = v2().with("/sys/fs/cgroup/a/b/cpu.max", format!("{quota} 100000")).with("/sys/fs/cgroup/a/b/cpu.weight", format!("{weight}\n"));
            let places = Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap();
            let [by_quota, by_weight] = [CpuCount::ByQuota, CpuCount::ByWeight].map(|by| super::cpus(&tree, &places, &Above::NONE, Choice::by(by), &mut [0; 512]).unwrap());
            let all: Vec<_> = by_quota.online.iter().collect();
            let shown: Vec<_> = by_weight.online.iter().collect();
            prop_assert!(!shown.is_empty() && all.starts_with(&shown));
            prop_assert_eq!(by_quota.capacity, by_weight.capacity);
            prop_assert_eq!(by_quota.counted_depth, by_weight.counted_depth);
        }
    }
}
