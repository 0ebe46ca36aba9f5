//! The container's CPU time, idle time and age.

use crate::{
    cgroup::{Controller, Hierarchy, Level, cpu::Used, places::Places},
    host::{Host, USEC_PER_TICK},
    source::Files,
    view::cpu::Cpus,
};
use core::num::NonZero;

/// The scope's CPU time on all CPUs, in ticks of 1/100 s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Time in user mode at ordinary priority.
    pub user_ticks: u64,
    /// Time in user mode at lower priority: 0 if the kernel includes it in the former (version 1; version 2 before
    /// Linux 6.13).
    pub nice_ticks: u64,
    /// Time in the kernel.
    pub system_ticks: u64,
    /// Whether the kernel said which time is the user's and which the kernel's: if not, all is the user's.
    pub is_split: bool,
    /// capacity × age − user − nice − system. Negative if the scope used more than today's limit allows: see
    /// [`crate::view::ratchet`].
    pub idle_ticks: i64,
}

/// Whether the kernel counts the scope's CPU time separately, which it does not for the machine's root cgroup.
pub fn are_counted(places: &Places) -> bool {
    places.hierarchy(Controller::Cpuacct).is_some_and(|place| place.chain_of_scope().next().is_some())
}

/// The cgroup whose time is counted: the scope, or the cgroup below it whose quota counts.
fn counted<'p>(places: &'p Places, place: &Hierarchy<'p>, cpus: &Cpus) -> Option<Level<'p>> {
    let depth = usize::try_from(cpus.counted_depth).ok()?;
    let is_below_scope = depth > place.scope.len();
    let has_quota = places.hierarchy(Controller::Cpu).is_some_and(|with_quota| with_quota.own == place.own);
    match place.chain().find(|level| level.depth() <= depth) {
        Some(level) if is_below_scope && has_quota => Some(level),
        _ => place.chain_of_scope().next(),
    }
}

/// Whether the time counted is the scope's, whose capacity is on the board, rather than that of a cgroup below.
pub fn are_of_scope(places: &Places, cpus: &Cpus) -> bool {
    let Some(place) = places.hierarchy(Controller::Cpuacct) else { return false };
    counted(places, &place, cpus).is_some_and(|counted| counted.depth() == place.scope.len())
}

/// The scope's CPU time. `None` if the scope is the machine's root, or if in doubt: the kernel's figures stand.
///
/// `capacity_usec` is what could have been used in [`elapsed_usec`], if the board has it ([`are_of_scope`]). Without
/// it, today's limits are assumed to have been in force all the time.
pub fn times(
    files: &impl Files,
    places: &Places,
    cpus: &Cpus,
    host: &Host,
    capacity_usec: Option<u64>,
    scratch: &mut [u8],
) -> Option<Times> {
    let place = places.hierarchy(Controller::Cpuacct)?;
    let counted = counted(places, &place, cpus)?;
    let used = Used::of(&counted.among(files), place.version, scratch)?;
    let allowed = match capacity_usec {
        Some(capacity_usec) => capacity_usec / USEC_PER_TICK,
        None => cpus.capacity.within(elapsed_usec(places, host) / USEC_PER_TICK),
    };
    let allowed = i64::try_from(allowed).unwrap_or(i64::MAX);
    let busy = i64::try_from(used.sum()).unwrap_or(i64::MAX);
    Some(Times {
        user_ticks: used.user_ticks,
        nice_ticks: used.nice_ticks,
        system_ticks: used.system_ticks,
        is_split: used.is_split,
        idle_ticks: allowed.saturating_sub(busy),
    })
}

/// Microseconds since the container's first process, or since boot if that is unknown.
pub fn elapsed_usec(places: &Places, host: &Host) -> u64 {
    let age_usec = age_ticks(places, host).map(|ticks| ticks.saturating_mul(USEC_PER_TICK));
    age_usec.unwrap_or(host.since_boot_usec)
}

/// Hundredths of a second since the container's first process, at least 1: programs divide by it, and none runs that
/// soon after boot. `None` if unknown.
pub fn age_ticks(places: &Places, host: &Host) -> Option<u64> {
    let began_ticks = NonZero::new(places.began_ticks)?;
    Some((host.since_boot_usec / USEC_PER_TICK).checked_sub(began_ticks.get())?.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{capacity::Capacity, cgroup::places::Whose, cpus::CpuSet, fixture::Tree};
    use std::format;

    const HOUR_USEC: u64 = 3_600_000_000;

    fn cpus(quota_usec: u64, period_usec: u64) -> Cpus {
        Cpus { count: 0, online: CpuSet::EMPTY, capacity: Capacity { quota_usec, period_usec }, counted_depth: 0 }
    }

    fn times_of(tree: &Tree, cpus: &Cpus, since_boot_usec: u64, began_ticks: u64) -> Option<(u64, u64, i64)> {
        let mut places = Places::locate(tree, Whose::Caller, &mut [0; 512])?;
        places.began_ticks = began_ticks;
        let host = Host { since_boot_usec, ..Host::default() };
        let times = times(tree, &places, cpus, &host, None, &mut [0; 512])?;
        Some((times.user_ticks, times.system_ticks, times.idle_ticks))
    }

    fn v2(stat: &str) -> Tree {
        let tree = Tree::default().with("/proc/self/cgroup", "0::/a\n").with_directory("/sys/fs/cgroup", 1, 3);
        tree.with_directory("/sys/fs/cgroup/a", 9, 2).with("/sys/fs/cgroup/a/cpu.stat", stat)
    }

    fn v1(usage_nsec: u64, files: &[(&str, &str)]) -> Tree {
        let tree =
            Tree::default().with("/proc/self/cgroup", "2:cpuacct:/a\n").with_directory("/sys/fs/cgroup/cpuacct", 1, 3);
        let tree = tree.with_directory("/sys/fs/cgroup/cpuacct/a", 9, 2);
        let tree = tree.with("/sys/fs/cgroup/cpuacct/a/cpuacct.usage", std::format!("{usage_nsec}\n"));
        files
            .iter()
            .fold(tree, |tree, (name, text)| tree.with(&std::format!("/sys/fs/cgroup/cpuacct/a/cpuacct.{name}"), text))
    }

    #[test]
    fn v2_has_the_times_in_microseconds() {
        let tree = v2("usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\nnr_periods 0\n");
        assert_eq!(times_of(&tree, &cpus(2, 1), HOUR_USEC, 0), Some((300, 200, 720_000 - 500)));
        assert_eq!(times_of(&tree, &cpus(2, 1), HOUR_USEC, 359_000), Some((300, 200, 2000 - 500)));
        assert_eq!(times_of(&tree, &cpus(150_000, 100_000), HOUR_USEC, 359_900), Some((300, 200, 150 - 500)));
    }

    #[test]
    fn the_boards_capacity_replaces_todays() {
        let tree = v2("usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\n");
        let mut places = Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap();
        let host = Host { since_boot_usec: HOUR_USEC, ..Host::default() };
        let idle = |cpus: &Cpus| times(&tree, &places, cpus, &host, Some(7_000_000), &mut [0; 512]).unwrap().idle_ticks;
        assert_eq!(idle(&cpus(2, 1)), 700 - 500);
        assert!(are_of_scope(&places, &cpus(2, 1)));
        assert_eq!(elapsed_usec(&places, &host), HOUR_USEC);
        places.began_ticks = 359_000;
        assert_eq!(elapsed_usec(&places, &host), 10_000_000);
    }

    #[test]
    fn time_at_lower_priority_is_told_apart() {
        let of = |stat: &str| {
            let places = Places::locate(&v2(stat), Whose::Caller, &mut [0; 512]).unwrap();
            let times = times(&v2(stat), &places, &cpus(2, 1), &Host::default(), Some(0), &mut [0; 512])?;
            Some((times.user_ticks, times.nice_ticks, times.system_ticks, times.idle_ticks))
        };
        // From a 6.18 kernel, where nice_usec comes last of the four.
        let stat = "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\nnice_usec 1250000\nnr_periods 0\n";
        assert_eq!(of(stat), Some((175, 125, 200, -500)));
        assert_eq!(of("user_usec 3000000\nsystem_usec 2000000\n"), Some((300, 0, 200, -500)));
        // The kernel adjusts user time to what the scheduler counted, but not time at lower priority.
        assert_eq!(of("user_usec 3000000\nsystem_usec 2000000\nnice_usec 3100000\n"), Some((0, 300, 200, -500)));
        assert_eq!(of("nice_usec x\nuser_usec 3000000\nsystem_usec 2000000\n"), Some((300, 0, 200, -500)));
    }

    #[test]
    fn incomplete_times_are_doubt() {
        assert_eq!(times_of(&v2("usage_usec 5000000\nuser_usec 3000000\n"), &cpus(1, 1), HOUR_USEC, 0), None);
        assert_eq!(times_of(&v2("user_usec 1.5\nsystem_usec 1\n"), &cpus(1, 1), HOUR_USEC, 0), None);
    }

    #[test]
    fn odd_lines_cost_themselves() {
        let expected = Some((300, 200, 360_000 - 500));
        let odd = [
            "",
            "\n",
            "x\n",
            "burst_usec 1 2\n",
            "nr_bursts\t1\n",
            "usage_usec 18446744073709551616\n",
            &"y".repeat(900),
        ];
        for line in odd {
            let stat = std::format!("{line}\nuser_usec 3000000\n{line}\nsystem_usec 2000000\n");
            assert_eq!(times_of(&v2(&stat), &cpus(1, 1), HOUR_USEC, 0), expected, "{line}");
        }
        assert_eq!(
            times_of(&v2("user_usec 3000000\nsystem_usec -5\n"), &cpus(1, 1), HOUR_USEC, 0),
            Some((300, 0, 359_700))
        );
        let v1_of = |stat| times_of(&v1(5_000_000_000, &[("stat", stat)]), &cpus(1, 1), HOUR_USEC, 0);
        assert_eq!(v1_of("system 2\nuser 3\n"), expected);
        assert_eq!(v1_of("guest 1\n\nuser 3\nsystem 2\n"), expected);
        assert_eq!(v1_of("all 5\n"), Some((500, 0, 359_500)));
        assert_eq!(times_of(&v1(5_000_000_000, &[]), &cpus(1, 1), HOUR_USEC, 0), Some((500, 0, 359_500)));
    }

    #[test]
    fn a_quota_below_the_scope_is_held_against_those_who_have_it() {
        let service = "/system.slice/x.service";
        let tree = v2("user_usec 3000000\nsystem_usec 2000000\n")
            .with("/proc/self/cgroup", format!("0::{service}\n"))
            .with("/proc/1/cgroup", "0::/init.scope\n")
            .with("/proc/self/ns/cgroup", "")
            .with_directory("/sys/fs/cgroup", 9, 2)
            .with_directory(&format!("/sys/fs/cgroup{service}"), 11, 2)
            .with("/sys/fs/cgroup/cpu.stat", "user_usec 7000000\nsystem_usec 0\n")
            .with(&format!("/sys/fs/cgroup{service}/cpu.stat"), "user_usec 20000\nsystem_usec 0\n");
        let of_depth = |counted_depth| Cpus { counted_depth, ..cpus(1, 10) };
        assert_eq!(times_of(&tree, &of_depth(0), HOUR_USEC, 0), Some((700, 0, 36_000 - 700)));
        assert_eq!(times_of(&tree, &of_depth(service.len() as u64), HOUR_USEC, 0), Some((2, 0, 36_000 - 2)));
    }

    #[test]
    fn the_machines_root_has_no_times() {
        let tree = v2("user_usec 1\nsystem_usec 1\n").with("/proc/self/cgroup", "0::/\n");
        assert_eq!(times_of(&tree, &cpus(1, 1), HOUR_USEC, 0), None);
    }

    #[test]
    fn v1_scales_the_split_to_the_exact_sum() {
        let tree = v1(4_385_807_342, &[("stat", "user 370\nsystem 67\n")]);
        assert_eq!(times_of(&tree, &cpus(1, 1), HOUR_USEC, 0), Some((370, 68, 360_000 - 438)));
        let stat = ("stat", "user 10\nsystem 30\n");
        assert_eq!(times_of(&v1(100_000_000_000, &[stat]), &cpus(1, 1), HOUR_USEC, 0), Some((2500, 7500, 350_000)));
        let nothing = ("stat", "user 0\nsystem 0\n");
        assert_eq!(times_of(&v1(100_000_000_000, &[nothing]), &cpus(1, 1), HOUR_USEC, 0), Some((10_000, 0, 350_000)));
    }

    #[test]
    fn ten_years_on_2048_cpus_are_exact() {
        let ten_years_usec = 10 * 365 * 24 * HOUR_USEC;
        let tree = v2(&std::format!("user_usec {}\nsystem_usec 0\n", 2048 * (ten_years_usec / 2)));
        let half = i64::try_from(2048 * (ten_years_usec / 2) / 10_000).unwrap();
        assert_eq!(times_of(&tree, &cpus(2048, 1), ten_years_usec, 0).unwrap().2, half);
        assert_eq!(times_of(&tree, &cpus(2048 * 999_999, 999_999), ten_years_usec, 0).unwrap().2, half);
    }

    #[test]
    fn nothing_wraps() {
        let tree = v2("user_usec 18446744073709551615\nsystem_usec 18446744073709551615\n");
        let (user, system, idle) = times_of(&tree, &cpus(u64::MAX, 1), u64::MAX, 0).unwrap();
        assert_eq!((user, system), (u64::MAX / 10_000, u64::MAX / 10_000));
        assert_eq!(idle, i64::MAX - i64::try_from(user + system).unwrap());
    }

    #[test]
    fn the_age_is_known_where_the_beginning_is() {
        let tree = v2("");
        let age = |began_ticks, since_boot_usec| {
            let mut places = Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap();
            places.began_ticks = began_ticks;
            age_ticks(&places, &Host { since_boot_usec, ..Host::default() })
        };
        assert_eq!(age(100, 2_500_000), Some(150));
        assert_eq!(age(250, 2_500_000), Some(1));
        assert_eq!(age(0, 2_500_000), None);
        assert_eq!(age(300, 2_500_000), None);
    }
}
