//! The arithmetic of the load averages: the kernel's own (`kernel/sched/loadavg.c`, `include/linux/sched/loadavg.h`).

/// Fraction bits of an average (`FSHIFT`).
const SHIFT: u32 = 11;

/// An average of 1 (`FIXED_1`).
pub const ONE: u32 = 1 << SHIFT;

/// The part of an average that remains after a tick: 1/exp(5 s / 1, 5, 15 min), in 1/2048 (`EXP_1`, `EXP_5`,
/// `EXP_15`).
const KEPT: [u32; 3] = [1884, 2014, 2037];

/// The time between ticks. The kernel's is a jiffy longer (`LOAD_FREQ`).
pub const TICK_USEC: u64 = 5_000_000;

/// The averages after `ticks` ticks at which `active` threads were running or waiting uninterruptibly (`calc_load`,
/// `calc_load_n`).
///
/// ```
/// use calc::load::{averages_after, hundredths};
///
/// // One thread ran for a minute, which has 12 ticks, and then none for another.
/// let busy = averages_after([0; 3], 1, 12);
/// assert_eq!(busy.map(hundredths), [63, 18, 6]);
/// assert_eq!(averages_after(busy, 0, 12).map(hundredths), [23, 15, 6]);
/// ```
pub fn averages_after(averages: [u32; 3], active: u32, ticks: u32) -> [u32; 3] {
    let mut after = averages;
    for (average, kept) in after.iter_mut().zip(KEPT) {
        *average = average_after(*average, kept, active, ticks);
    }
    after
}

fn average_after(average: u32, kept: u32, active: u32, ticks: u32) -> u32 {
    if ticks == 0 {
        return average;
    }
    let kept = u64::from(power(kept, ticks));
    let active = u64::from(active) << SHIFT;
    let (one, average) = (u64::from(ONE), u64::from(average));
    let rounding = if active >= average { one.wrapping_sub(1) } else { 0 };
    let sum = average.saturating_mul(kept).saturating_add(active.saturating_mul(one.saturating_sub(kept)));
    u32::try_from(sum.saturating_add(rounding) >> SHIFT).unwrap_or(u32::MAX)
}

/// `base` to the power of `exponent`, both in the fixed point of averages (`fixed_power_int`).
fn power(base: u32, exponent: u32) -> u32 {
    let multiplied = |a: u64, b: u64| a.wrapping_mul(b).wrapping_add(u64::from(ONE / 2)) >> SHIFT;
    let mut result = u64::from(ONE);
    let mut base = u64::from(base);
    let mut rest = exponent;
    while rest > 0 {
        if rest & 1 == 1 {
            result = multiplied(result, base);
        }
        rest >>= 1;
        base = multiplied(base, base);
    }
    result as u32
}

/// An average in hundredths, rounded as `/proc/loadavg` rounds it (`get_avenrun`, `LOAD_INT`, `LOAD_FRAC`).
pub fn hundredths(average: u32) -> u64 {
    u64::from(average).wrapping_add(u64::from(ONE / 200)).wrapping_mul(100) >> SHIFT
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The kernel's functions, word for word, in a width in which nothing overflows.
    mod kernel {
        const FSHIFT: u32 = 11;
        const FIXED_1: u128 = 1 << FSHIFT;

        /// `active` is in fixed point here, as in the kernel.
        pub(super) fn calc_load(load: u128, exp: u128, active: u128) -> u128 {
            let mut newload = load * exp + active * (FIXED_1 - exp);
            if active >= load {
                newload += FIXED_1 - 1;
            }
            newload / FIXED_1
        }

        fn fixed_power_int(mut x: u128, frac_bits: u32, mut n: u32) -> u128 {
            let mut result = 1 << frac_bits;
            if n > 0 {
                loop {
                    if n & 1 == 1 {
                        result *= x;
                        result += 1 << (frac_bits - 1);
                        result >>= frac_bits;
                    }
                    n >>= 1;
                    if n == 0 {
                        break;
                    }
                    x *= x;
                    x += 1 << (frac_bits - 1);
                    x >>= frac_bits;
                }
            }
            result
        }

        pub(super) fn calc_load_n(load: u128, exp: u128, active: u128, n: u32) -> u128 {
            calc_load(load, fixed_power_int(exp, FSHIFT, n), active)
        }

        /// `LOAD_INT` and `LOAD_FRAC` of the result of `get_avenrun(loads, FIXED_1 / 200, 0)`.
        pub(super) fn int_and_frac(load: u128) -> (u128, u128) {
            let x = load + FIXED_1 / 200;
            (x >> FSHIFT, ((x & (FIXED_1 - 1)) * 100) >> FSHIFT)
        }
    }

    /// The averages in hundredths after each of `ticks`, starting from 0, with `active(tick)` threads at each tick.
    fn sampled<const N: usize>(ticks: [u32; N], active: fn(u32) -> u32) -> [[u64; 3]; N] {
        let mut averages = [0; 3];
        let mut now = 0;
        ticks.map(|tick| {
            while now < tick {
                now += 1;
                averages = averages_after(averages, active(now), 1);
            }
            averages.map(hundredths)
        })
    }

    #[test]
    fn four_busy_threads_for_five_minutes_and_then_none() {
        // Computed by another program, from kernel/sched/loadavg.c.
        let seen = sampled([1, 2, 12, 24, 60, 61, 72, 84, 120], |tick| if tick <= 60 { 4 } else { 0 });
        let expected = [
            [32, 7, 2],
            [62, 13, 4],
            [253, 73, 25],
            [346, 133, 49],
            [398, 254, 112],
            [366, 250, 111],
            [146, 208, 104],
            [53, 170, 98],
            [2, 92, 80],
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn five_minutes_are_within_a_twentieth_of_the_exponentials() {
        // 4 (1 - exp(-t/T)) in hundredths for t = 1 to 5 minutes, T = 1, 5, 15 minutes.
        let exact = [[253, 73, 26], [346, 132, 50], [380, 180, 73], [393, 220, 94], [397, 253, 113]];
        for (seen, exact) in sampled([12, 24, 36, 48, 60], |_| 4).iter().zip(exact) {
            assert!(seen.iter().zip(exact).all(|(seen, exact)| seen.abs_diff(exact) <= 5), "{seen:?} {exact:?}");
        }
    }

    #[test]
    fn a_constant_load_is_reached_and_left_whole() {
        for active in [1, 4, 64, 10_000] {
            let mut averages = [0; 3];
            for _ in 0..10_000 {
                averages = averages_after(averages, active, 1);
            }
            assert_eq!(averages, [active * ONE; 3]);
            for _ in 0..10_000 {
                averages = averages_after(averages, 0, 1);
            }
            assert_eq!(averages, [0; 3]);
        }
    }

    #[test]
    fn catching_up_differs_by_the_kernels_own_rounding_alone() {
        // A rising average is rounded up at each tick, which adds at most 1/11 over 15 minutes.
        for (start, active) in [(0, 1), (0, 64), (100, 4), (8192, 0), (8192, 4), (131_072, 0), (131_072, 1)] {
            let mut stepped = [start; 3];
            for ticks in 1..=720 {
                stepped = averages_after(stepped, active, 1);
                let at_once = averages_after([start; 3], active, ticks);
                let most = start.max(active * ONE) / 200 + ONE / 10;
                let is_near = stepped.iter().zip(at_once).all(|(one, other)| one.abs_diff(other) <= most);
                assert!(is_near, "{start} {active} {ticks}: {stepped:?} {at_once:?}");
            }
        }
    }

    #[test]
    fn after_a_day_nothing_is_left_but_the_present() {
        assert_eq!(averages_after([131_072; 3], 3, 17_280), [3 * ONE; 3]);
        assert_eq!(averages_after([u32::MAX; 3], 0, u32::MAX), [0; 3]);
    }

    #[test]
    fn no_tick_changes_nothing() {
        assert_eq!(averages_after([1, 2, u32::MAX], 9, 0), [1, 2, u32::MAX]);
    }

    #[test]
    fn hundredths_are_rounded_as_the_kernel_rounds_them() {
        for (average, expected) in
            [(0, 0), (10, 0), (11, 1), (93, 5), (ONE - 10, 100), (ONE, 100), (64 * ONE, 6400), (u32::MAX, 209_715_200)]
        {
            assert_eq!(hundredths(average), expected, "{average}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_kernels_arithmetic(averages: [u32; 3], active in 0..2_000_000_u32, ticks in 1..100_000_u32) {
            let fixed = u128::from(active) * u128::from(ONE);
            let exp = [1884, 2014, 2037];
            for (at, after) in averages_after(averages, active, ticks).into_iter().enumerate() {
                prop_assert_eq!(u128::from(after), kernel::calc_load_n(averages[at].into(), exp[at], fixed, ticks));
            }
            for (at, after) in averages_after(averages, active, 1).into_iter().enumerate() {
                prop_assert_eq!(u128::from(after), kernel::calc_load(averages[at].into(), exp[at], fixed));
            }
        }

        #[test]
        fn no_number_of_threads_wraps(averages: [u32; 3], active: u32, ticks: u32) {
            let after = averages_after(averages, active, ticks);
            let least = u64::from(active) * u64::from(ONE);
            for (before, after) in averages.into_iter().zip(after) {
                let (low, high) = (u64::from(before).min(least), u64::from(before).max(least));
                prop_assert!((low..=high).contains(&after.into()) || after == u32::MAX && high > u32::MAX.into());
            }
        }

        #[test]
        fn hundredths_are_those_of_the_kernels_text(average: u32) {
            let (int, frac) = kernel::int_and_frac(average.into());
            prop_assert_eq!(u128::from(hundredths(average)), int * 100 + frac);
        }
    }
}
