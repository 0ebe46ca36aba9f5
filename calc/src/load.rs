//! The load averages' arithmetic, which is the kernel's (`kernel/sched/loadavg.c`, `include/linux/sched/loadavg.h`).

/// Bits behind the point of an average (`FSHIFT`).
const SHIFT: u32 = 11;

/// An average of 1 (`FIXED_1`).
pub const ONE: u32 = 1 << SHIFT;

/// How much of an average is left after a tick: 1/exp(5 s / 1, 5, 15 min), in 1/2048 (`EXP_1`, `EXP_5`, `EXP_15`).
const KEPT: [u32; 3] = [1884, 2014, 2037];

/// Time from one tick to the next. The kernel's is a jiffy longer (`LOAD_FREQ`).
pub const TICK_USEC: u64 = 5_000_000;

/// The averages `ticks` later, when `active` threads ran or waited uninterruptibly at each of them
/// (`calc_load`, `calc_load_n`).
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

/// `base` to the power of `exponent`, both with the point of an average (`fixed_power_int`).
fn power(base: u32, exponent: u32) -> u32 {
    let multiplied = |a: u64, b: u64| a.wrapping_mul(b).wrapping_add(u64::from(ONE / 2)) >> SHIFT;
    let (mut result, mut base, mut rest) = (u64::from(ONE), u64::from(base), exponent);
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
