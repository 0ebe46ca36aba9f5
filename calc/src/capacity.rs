//! The CPU time that may be used.

use core::num::NonZero;
use zerocopy::{FromBytes, IntoBytes};

/// CPU time allowed per time: `quota_usec / period_usec` CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C)]
pub struct Capacity {
    /// CPU time per period, in microseconds.
    pub quota_usec: u64,
    /// Length of the period, in microseconds, never 0.
    pub period_usec: u64,
}

impl Capacity {
    /// `None` if the quota or the period is 0.
    pub(crate) fn new(quota_usec: u64, period_usec: u64) -> Option<Self> {
        (quota_usec > 0 && period_usec > 0).then_some(Self { quota_usec, period_usec })
    }

    /// `count` whole CPUs.
    pub(crate) fn of_whole(count: u64) -> Self {
        Self { quota_usec: count, period_usec: 1 }
    }

    pub(crate) fn is_less(&self, other: &Self) -> bool {
        let product = |quota: u64, period: u64| u128::from(quota).saturating_mul(u128::from(period));
        product(self.quota_usec, other.period_usec) < product(other.quota_usec, self.period_usec)
    }

    /// The number of CPUs needed to use all of it.
    pub(crate) fn cpus_needed(&self) -> Option<u64> {
        let period = NonZero::new(self.period_usec)?;
        (self.quota_usec / period).checked_add(u64::from(self.quota_usec % period != 0))
    }

    /// The CPU time that it allows within `time`, in the same unit.
    pub fn within(&self, time: u64) -> u64 {
        NonZero::new(self.period_usec).map_or(u64::MAX, |period| scale(time, self.quota_usec, period))
    }
}

/// `value × numerator ÷ denominator`, rounded down; exact whenever the result fits.
#[inline(never)]
pub(crate) fn scale(value: u64, numerator: u64, denominator: NonZero<u64>) -> u64 {
    if let Some(product) = value.checked_mul(numerator) {
        return product / denominator;
    }
    let (mut quotient, mut remainder) = (0_u64, 0_u128);
    let divisor = u128::from(denominator.get());
    // Long division, one bit of `value` at a time: a 128-bit division would call into the compiler's library.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn scaling_is_exact(value: u64, numerator: u64, denominator in 1..u64::MAX, less in (0_u32..64, 0_u32..64)) {
            // Products of all lengths.
            let (value, numerator) = (value >> less.0, numerator >> less.1);
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
    }
}
