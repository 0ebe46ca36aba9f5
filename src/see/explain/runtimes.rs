//! How runtimes apply the quota themselves. They use the lesser of the quota and the CPUs that they see, so nothing is
//! reduced twice; some use fewer than are shown.

/// A runtime, or a family that counts in the same way.
pub(super) struct Runtime {
    /// The figure's name.
    pub(super) name: &'static str,
    /// How it rounds a quota; `None` if it ignores quotas.
    round: Option<fn(f64) -> f64>,
    /// Whether it can read version 1's files.
    knows_v1: bool,
    /// Whether it asks the kernel for its mask directly, bypassing libc.
    is_past_libc: bool,
}

const fn runtime(name: &'static str, round: Option<fn(f64) -> f64>) -> Runtime {
    Runtime { name, round, knows_v1: true, is_past_libc: false }
}

/// tests/cpus.rs checks these against the runtimes themselves.
pub(super) const RUNTIMES: [Runtime; 7] = [
    runtime("runtimes.jdk", Some(f64::ceil)),
    Runtime { is_past_libc: true, ..runtime("runtimes.go", Some(|quota| quota.ceil().max(2.0))) },
    Runtime { knows_v1: false, ..runtime("runtimes.node", Some(f64::floor)) },
    runtime("runtimes.rust", Some(f64::floor)),
    runtime("runtimes.erlang", Some(f64::floor)),
    Runtime { knows_v1: false, ..runtime("runtimes.nproc", Some(|quota| (quota + 0.5).floor())) },
    runtime("runtimes.others", None),
];

/// What runtimes count by.
pub(super) struct Counted {
    /// The kernel's least visible quota, in CPUs, whatever is declared.
    pub(super) quota: Option<f64>,
    /// Whether it is in version 1's files.
    pub(super) is_version_1: bool,
    /// How many CPUs a program sees that asks libc.
    pub(super) shown: u64,
    /// How many CPUs it may run on.
    pub(super) allowed: u64,
    /// Whether the number shown comes from the quota, and not from a setting.
    pub(super) is_by_quota: bool,
}

impl Runtime {
    /// How many CPUs it takes with us, and how many without.
    pub(super) fn counts(&self, by: &Counted) -> (u64, u64) {
        let known = by.quota.filter(|_| self.knows_v1 || !by.is_version_1);
        let own = self.round.zip(known).map_or(u64::MAX, |(round, quota)| round(quota).max(1.0) as u64);
        let is_cut = !(self.is_past_libc && by.is_by_quota);
        (own.min(if is_cut { by.shown } else { by.allowed }), own.min(by.allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, by: &Counted) -> (u64, u64) {
        RUNTIMES.iter().find(|it| it.name == name).expect(name).counts(by)
    }

    #[test]
    fn each_by_its_own_rule() {
        let quotas = [0.5, 1.0, 1.25, 1.5, 2.4, 3.99];
        for (name, is_version_1, taken) in [
            ("runtimes.jdk", false, [1, 1, 2, 2, 3, 4]),
            ("runtimes.go", true, [2, 2, 2, 2, 3, 4]),
            ("runtimes.node", false, [1, 1, 1, 1, 2, 3]),
            ("runtimes.rust", true, [1, 1, 1, 1, 2, 3]),
            ("runtimes.nproc", false, [1, 1, 1, 2, 2, 4]),
        ] {
            let counts = quotas.map(|quota: f64| {
                let shown = quota.ceil() as u64;
                let by = Counted { quota: Some(quota), is_version_1, shown, allowed: 8, is_by_quota: true };
                of(name, &by).0
            });
            assert_eq!(counts, taken, "{name}");
        }
    }

    #[test]
    fn the_least_of_the_rule_and_of_what_is_seen() {
        let by = |is_version_1| Counted { quota: Some(1.2), is_version_1, shown: 2, allowed: 8, is_by_quota: true };
        assert_eq!(of("runtimes.others", &by(false)), (2, 8));
        assert_eq!(of("runtimes.nproc", &by(false)), (1, 1));
        assert_eq!(of("runtimes.nproc", &by(true)), (2, 8), "it knows no version 1");
        let one = Counted { allowed: 1, shown: 1, ..by(false) };
        assert_eq!(of("runtimes.go", &one), (1, 1));
        let declared = Counted { shown: 1, is_by_quota: false, ..by(false) };
        assert_eq!(of("runtimes.go", &declared), (1, 2), "who declares one has one");
        let none = Counted { quota: None, shown: 8, ..by(false) };
        assert_eq!(of("runtimes.jdk", &none), (8, 8));
    }
}
