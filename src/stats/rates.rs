//! What happened between two looks, per second.

use super::sample::{CgroupSample, Sample};
use std::collections::HashMap;

/// The rates of the cgroups that were there at both looks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rates(HashMap<u64, Rate>);

/// What one cgroup did. A figure that one of the looks lacks, or that went backwards, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    /// CPU time per time: how many CPUs were busy.
    pub(crate) cpus: Option<f64>,
    /// The same as a share of what the cgroup could have used: 1 is all of it.
    pub(crate) cpu_share: Option<f64>,
    /// The share of the quota's periods in which it had to wait for the next one.
    pub(crate) throttled_share: Option<f64>,
    /// Bytes per second.
    pub(crate) read_bytes: Option<f64>,
    /// Bytes per second.
    pub(crate) written_bytes: Option<f64>,
}

impl Rates {
    /// The rates from one look to a later one.
    pub(crate) fn between(before: &Sample, now: &Sample) -> Self {
        let known: HashMap<u64, &CgroupSample> = before.cgroups.iter().map(|it| (it.id, it)).collect();
        let both = now.cgroups.iter().filter_map(|it| Some((known.get(&it.id)?, it)));
        Self(both.filter_map(|(before, now)| Some((now.id, Rate::between(before, now)?))).collect())
    }

    /// The rates of the cgroup with this id; nothing is known of one that was not there before.
    pub(crate) fn of(&self, id: u64) -> Rate {
        self.0.get(&id).copied().unwrap_or_default()
    }
}

impl Rate {
    /// `None` if no time has passed. The time is that of these counters: another cgroup's may have been read long before.
    fn between(before: &CgroupSample, now: &CgroupSample) -> Option<Self> {
        const SECOND_USEC: f64 = 1e6;
        let usec = more(Some(before.monotonic_usec), Some(now.monotonic_usec)).filter(|usec| *usec > 0.0)?;
        let used = more(before.cpu.usage_usec, now.cpu.usage_usec);
        let per_second = |before, now| more(before, now).map(|it| it / usec * SECOND_USEC);
        let periods = more(before.cpu.periods, now.cpu.periods).filter(|periods| *periods > 0.0);
        let throttled = more(before.cpu.throttled_periods, now.cpu.throttled_periods);
        Some(Self {
            cpus: used.map(|used| used / usec),
            cpu_share: used.and_then(|used| Some(used / could_use(before, now, usec)?)),
            throttled_share: throttled.zip(periods).map(|(throttled, periods)| (throttled / periods).min(1.0)),
            read_bytes: per_second(before.io.read_bytes, now.io.read_bytes),
            written_bytes: per_second(before.io.written_bytes, now.io.written_bytes),
        })
    }
}

/// The CPU time that a cgroup could have used in `usec`, in microseconds: what the sampler counted, which is true even
/// if the limits have changed, or else what the limits allow now.
fn could_use(before: &CgroupSample, now: &CgroupSample, usec: f64) -> Option<f64> {
    let counted = more(before.capacity_usec, now.capacity_usec);
    let allowed = || now.limits.cpus.map(|cpus| cpus * usec);
    counted.filter(|it| *it > 0.0).or_else(allowed).filter(|it| *it > 0.0)
}

/// How much a counter has grown; `None` if it began anew.
fn more(before: Option<u64>, now: Option<u64>) -> Option<f64> {
    now?.checked_sub(before?).map(|it| it as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::sample::{CpuUse, IoUse, Limits};

    fn look(second: u64, cgroup: CgroupSample) -> Sample {
        let cgroups = vec![CgroupSample { monotonic_usec: second * 1_000_000, ..cgroup }];
        // Rates are not about this time.
        Sample { monotonic_usec: second * 500_000, cgroups, ..Sample::default() }
    }

    fn cgroup(usage_usec: u64) -> CgroupSample {
        CgroupSample { id: 7, cpu: CpuUse { usage_usec: Some(usage_usec), ..CpuUse::default() }, ..Default::default() }
    }

    fn between(before: CgroupSample, now: CgroupSample) -> Rate {
        Rates::between(&look(10, before), &look(12, now)).of(7)
    }

    #[test]
    fn cpus_are_time_per_time() {
        let limits = Limits { cpus: Some(2.0), ..Limits::default() };
        let rate = between(cgroup(5_000_000), CgroupSample { limits, ..cgroup(8_000_000) });
        assert_eq!((rate.cpus, rate.cpu_share), (Some(1.5), Some(0.75)));
        let unlimited = between(cgroup(5_000_000), cgroup(8_000_000));
        assert_eq!((unlimited.cpus, unlimited.cpu_share), (Some(1.5), None));
    }

    #[test]
    fn the_share_is_of_what_was_counted() {
        let with = |capacity_usec, usage| CgroupSample {
            capacity_usec: Some(capacity_usec),
            limits: Limits { cpus: Some(9.0), ..Limits::default() },
            ..cgroup(usage)
        };
        assert_eq!(between(with(0, 0), with(4_000_000, 1_000_000)).cpu_share, Some(0.25));
        let began_anew = between(with(9_000_000, 0), with(4_000_000, 9_000_000));
        assert_eq!(began_anew.cpu_share, Some(0.5), "by the limits");
    }

    #[test]
    fn periods_and_bytes() {
        let with = |periods, throttled, bytes| CgroupSample {
            cpu: CpuUse { periods: Some(periods), throttled_periods: Some(throttled), ..CpuUse::default() },
            io: IoUse { read_bytes: Some(bytes), written_bytes: Some(3 * bytes), ..IoUse::default() },
            ..cgroup(0)
        };
        let rate = between(with(100, 10, 0), with(120, 15, 4096));
        assert_eq!(rate.throttled_share, Some(0.25));
        assert_eq!((rate.read_bytes, rate.written_bytes), (Some(2048.0), Some(6144.0)));
        assert_eq!(between(with(100, 10, 0), with(100, 10, 0)).throttled_share, None, "no period has passed");
    }

    #[test]
    fn what_began_anew_has_no_rate() {
        assert_eq!(between(cgroup(5), cgroup(4)).cpus, None);
        assert_eq!(between(CgroupSample { id: 8, ..cgroup(5) }, cgroup(9)), Rate::default());
        let sample = look(10, cgroup(5));
        assert_eq!(Rates::between(&sample, &sample).of(7), Rate::default(), "no time has passed");
    }
}
