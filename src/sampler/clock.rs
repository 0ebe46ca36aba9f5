//! The clocks, in microseconds.

use crate::host::clocks::{now_usec, resolution_usec};
use calc::board::Published;

/// A point in time, by each clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Now {
    pub(super) realtime_usec: u64,
    pub(super) monotonic_usec: u64,
    pub(super) boottime_usec: u64,
}

impl Now {
    /// The present.
    pub(super) fn read() -> Self {
        Self {
            realtime_usec: now_usec(libc::CLOCK_REALTIME),
            monotonic_usec: now_usec(libc::CLOCK_MONOTONIC),
            boottime_usec: now_usec(libc::CLOCK_BOOTTIME),
        }
    }

    /// The stamp of what is published now, valid for `valid_usec`.
    pub(super) fn published(&self, valid_usec: u64) -> Published {
        Published {
            realtime_usec: self.realtime_usec,
            monotonic_usec: self.monotonic_usec,
            boottime_usec: self.boottime_usec,
            void_after_usec: self.realtime_usec.saturating_add(valid_usec),
        }
    }

    /// The time since something was published, by CLOCK_MONOTONIC; `None` if that was before the last boot, or before
    /// the clocks were set.
    pub(super) fn since(&self, published: &Published) -> Option<u64> {
        const SET_USEC: u64 = 60_000_000;
        let booted = |realtime: u64, boottime: u64| realtime.saturating_sub(boottime);
        let difference = booted(self.realtime_usec, self.boottime_usec)
            .abs_diff(booted(published.realtime_usec, published.boottime_usec));
        let in_order = published.boottime_usec <= self.boottime_usec && difference < SET_USEC;
        self.monotonic_usec.checked_sub(published.monotonic_usec).filter(|_| in_order)
    }
}

/// The tick of the kernel's clock, in microseconds: the resolution of its coarse clocks.
pub(super) fn jiffy_usec() -> u64 {
    resolution_usec(libc::CLOCK_MONOTONIC_COARSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_of_this_boot_lies_behind() {
        let (now, valid) = (Now::read(), 15_000_000);
        let mut then = now.published(valid);
        assert_eq!(then.void_after_usec, now.realtime_usec + valid);
        assert_eq!(now.since(&then), Some(0));
        then.monotonic_usec -= 7;
        then.realtime_usec -= 7;
        then.boottime_usec -= 7;
        assert_eq!(now.since(&then), Some(7));
    }

    #[test]
    fn other_boots_are_told_by_their_clocks() {
        let now = Now { realtime_usec: 9_000_000_000, monotonic_usec: 500_000_000, boottime_usec: 600_000_000 };
        let before = Now { realtime_usec: 7_000_000_000, monotonic_usec: 400_000_000, boottime_usec: 400_000_000 };
        assert_eq!(now.since(&before.published(0)), None);
        let later = Now { boottime_usec: now.boottime_usec + 1, ..now };
        assert_eq!(now.since(&later.published(0)), None);
        let ahead = Now { monotonic_usec: now.monotonic_usec + 1, ..now };
        assert_eq!(now.since(&ahead.published(0)), None);
    }

    #[test]
    fn a_jiffy_is_what_kernels_are_built_with() {
        assert!([1_000, 3_333, 4_000, 10_000].contains(&jiffy_usec()), "{}", jiffy_usec());
    }
}
