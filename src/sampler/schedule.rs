//! When to sample: as often as asked, and for the averages at the moments when the kernel updates its own.

use calc::load::TICK_USEC;
use std::time::Duration;

/// The machine's three load averages, as sysinfo(2) has them.
pub(super) type Loads = [u64; 3];

/// The default time between two samples.
pub(crate) const INTERVAL: Duration = Duration::from_micros(TICK_USEC);

/// Upcoming moments, by CLOCK_MONOTONIC in microseconds.
#[derive(Debug)]
pub(super) struct Schedule {
    /// The time between two ticks of the averages.
    period_usec: u64,
    /// The time between two samples.
    interval_usec: u64,
    next_tick_usec: u64,
    next_sample_usec: u64,
    phase: Phase,
}

/// Whether our ticks coincide with the kernel's. If threads wake at regular times, it matters when they are looked at.
#[derive(Debug)]
enum Phase {
    /// The kernel's averages are watched until this time: when they change, the kernel has just updated them.
    Sought {
        until_usec: u64,
    },
    /// They did not change in that time. While they don't, there is no phase to find.
    Unknown,
    Found,
}

impl Schedule {
    /// How often the kernel's averages are read while the phase is sought.
    const LOOK_USEC: u64 = 20_000;

    /// Begins now, with a sample every `interval`. The kernel's period is a jiffy longer than 5 s (`LOAD_FREQ`).
    pub(super) fn new(interval: Duration, jiffy_usec: u64, now_usec: u64) -> Self {
        let period_usec = TICK_USEC + jiffy_usec;
        let asked_usec = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX);
        let interval_usec = if interval == INTERVAL { period_usec } else { asked_usec };
        let mut schedule = Self {
            period_usec,
            interval_usec,
            next_tick_usec: now_usec + period_usec,
            next_sample_usec: now_usec,
            phase: Phase::Unknown,
        };
        schedule.seek(now_usec);
        schedule
    }

    /// How long a sample is valid: at least three intervals, since one may be late.
    pub(super) fn valid_usec(&self) -> u64 {
        const LEAST_USEC: u64 = 15_000_000;
        self.interval_usec.saturating_mul(3).max(LEAST_USEC)
    }

    /// The time between two ticks of the averages.
    pub(super) fn period_usec(&self) -> u64 {
        self.period_usec
    }

    /// The time until there is something to do.
    pub(super) fn pause(&self, now_usec: u64) -> Duration {
        let until_sample = self.next_sample_usec.saturating_sub(now_usec);
        Duration::from_micros(if self.is_seeking() { until_sample.min(Self::LOOK_USEC) } else { until_sample })
    }

    /// Whether the kernel's averages are to be watched.
    pub(super) fn is_seeking(&self) -> bool {
        matches!(self.phase, Phase::Sought { .. })
    }

    /// Compares the kernel's averages before and now.
    pub(super) fn watch(&mut self, before: Loads, loads: Loads, now_usec: u64) {
        match self.phase {
            Phase::Sought { .. } if before != loads => {
                self.phase = Phase::Found;
                (self.next_tick_usec, self.next_sample_usec) = (now_usec, now_usec);
            }
            Phase::Sought { until_usec } if now_usec > until_usec => self.phase = Phase::Unknown,
            Phase::Unknown if before != loads => self.seek(now_usec),
            _ => {}
        }
    }

    /// Whether a sample is due; if so, schedules the next.
    pub(super) fn is_due(&mut self, now_usec: u64) -> bool {
        let passed = passed(&mut self.next_sample_usec, self.interval_usec, now_usec);
        passed > 0
    }

    /// How many ticks have passed since the last call.
    pub(super) fn ticks(&mut self, now_usec: u64) -> u32 {
        passed(&mut self.next_tick_usec, self.period_usec, now_usec)
    }

    fn seek(&mut self, now_usec: u64) {
        self.phase = Phase::Sought { until_usec: now_usec + self.period_usec + TICK_USEC / 5 };
    }
}

/// How many moments, `period_usec` apart, have passed; moves `next_usec` past them.
fn passed(next_usec: &mut u64, period_usec: u64, now_usec: u64) -> u32 {
    let Some(late_usec) = now_usec.checked_sub(*next_usec) else { return 0 };
    let count = late_usec / period_usec.max(1) + 1;
    *next_usec = next_usec.saturating_add(period_usec.saturating_mul(count));
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JIFFY: u64 = 4_000;
    const PERIOD: u64 = 5_004_000;
    const QUIET: Loads = [0; 3];
    const BUSY: Loads = [9; 3];

    /// A schedule whose search for the phase has failed.
    fn out_of_phase(interval: Duration) -> Schedule {
        let mut schedule = Schedule::new(interval, JIFFY, 0);
        schedule.watch(QUIET, QUIET, 10_000_000);
        assert!(!schedule.is_seeking());
        schedule
    }

    #[test]
    fn the_first_sample_is_due_at_once_and_ticks_none() {
        let mut schedule = Schedule::new(INTERVAL, JIFFY, 1_000);
        assert_eq!(schedule.pause(1_000), Duration::ZERO);
        assert!(schedule.is_due(1_000) && !schedule.is_due(1_000));
        assert_eq!(schedule.ticks(1_000), 0);
        assert_eq!((schedule.ticks(1_000 + PERIOD - 1), schedule.ticks(1_000 + PERIOD)), (0, 1));
    }

    #[test]
    fn ticks_do_not_drift_and_none_is_lost_in_a_stall() {
        let mut schedule = out_of_phase(INTERVAL);
        assert!(schedule.is_due(3));
        assert_eq!(schedule.ticks(PERIOD + 900_000), 1);
        assert_eq!(schedule.ticks(2 * PERIOD - 1), 0);
        assert_eq!(schedule.ticks(9 * PERIOD + 7), 8);
        assert!(schedule.is_due(9 * PERIOD + 7));
        assert_eq!(schedule.pause(9 * PERIOD + 7), Duration::from_micros(PERIOD - 7));
    }

    #[test]
    fn other_intervals_leave_the_ticks_where_they_are() {
        let mut often = out_of_phase(Duration::from_secs(1));
        let ticks: u32 = (1..=60).map(|second| often.ticks(second * 1_000_000)).sum();
        assert_eq!(ticks, 11);
        assert_eq!(often.valid_usec(), 15_000_000);
        let mut seldom = out_of_phase(Duration::from_secs(60));
        assert_eq!(seldom.ticks(60_000_000), 11);
        assert_eq!(seldom.valid_usec(), 180_000_000);
    }

    #[test]
    fn a_change_of_the_kernels_averages_is_a_tick() {
        let mut schedule = Schedule::new(INTERVAL, JIFFY, 0);
        assert!(schedule.is_due(0));
        assert_eq!(schedule.pause(0), Duration::from_millis(20));
        schedule.watch(QUIET, QUIET, 20_000);
        assert!(schedule.is_seeking() && !schedule.is_due(20_000));
        schedule.watch(QUIET, BUSY, 1_240_000);
        assert!(schedule.is_due(1_240_000));
        assert_eq!(schedule.ticks(1_240_000), 1);
        assert_eq!(schedule.pause(1_240_000), Duration::from_micros(PERIOD));
    }

    #[test]
    fn it_is_sought_again_once_there_is_something_to_see() {
        let mut schedule = out_of_phase(INTERVAL);
        schedule.watch(QUIET, QUIET, 15_000_000);
        assert!(!schedule.is_seeking());
        schedule.watch(QUIET, BUSY, 20_000_000);
        assert!(schedule.is_seeking());
        schedule.watch(BUSY, QUIET, 21_000_000);
        assert!(!schedule.is_seeking());
        assert_eq!(schedule.ticks(21_000_000), 1);
    }
}
