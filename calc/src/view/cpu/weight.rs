//! What a cgroup's weight stands for: the number of CPUs that whoever made the container had in mind.
//!
//! Container tools count in version 1's shares, 1024 for a CPU. Since runc 1.3.2 and crun 1.23, version 2's weight is
//! 10 ^ ((L² + 125 L − 126) ÷ 612), rounded up, where L is the binary logarithm of the shares. Older releases used 1 +
//! (shares − 2) × 9999 ÷ 262142. A weight does not show which formula it comes from. We assume the newer, as the JDK
//! does (`CgroupV2CpuController::cpu_shares`), so a weight by the older one gives fewer CPUs than intended, never
//! more.

use crate::cgroup::{CgroupFiles, Version, cpu};

/// The shares of a cgroup that was given no weight.
const DEFAULT_SHARES: u64 = 1024;
/// The same in version 2.
const DEFAULT_WEIGHT: u64 = 100;

/// The CPUs that the cgroup's weight stands for, rounded up; `None` if it has none that we understand.
///
/// A weight for exactly one CPU is the default, and looks like no weight.
#[inline(never)]
pub(super) fn cpus(group: &impl CgroupFiles, version: Version, scratch: &mut [u8]) -> Option<u64> {
    let weight = cpu::weight(group, version, scratch)?;
    let (cpus, default) = match version {
        Version::V1 => (weight.div_ceil(DEFAULT_SHARES), DEFAULT_SHARES),
        Version::V2 => (cpus_of_weight(weight), DEFAULT_WEIGHT),
    };
    (weight != default).then_some(cpus.max(1))
}

/// The number of CPUs to which this weight belongs.
fn cpus_of_weight(weight: u64) -> u64 {
    let (mut cpus, mut of_cpus) = (1_u64, 0_u64);
    for step in &STEPS {
        of_cpus = of_cpus.saturating_add((*step).into());
        if of_cpus >= weight {
            break;
        }
        cpus = cpus.saturating_add(1);
    }
    cpus
}

/// By how much each of [`WEIGHTS`] is more than the one before: in half of the room.
static STEPS: [u8; WEIGHTS.len()] = steps();

#[expect(clippy::indexing_slicing, reason = "runs only in the compiler")]
#[expect(clippy::arithmetic_side_effects, reason = "runs only in the compiler")]
const fn steps() -> [u8; WEIGHTS.len()] {
    let mut steps = [0; WEIGHTS.len()];
    let (mut index, mut before) = (0, 0);
    while index < WEIGHTS.len() {
        let step = WEIGHTS[index] - before;
        assert!(step <= u8::MAX as u16);
        (steps[index], before) = (step as u8, WEIGHTS[index]);
        index += 1;
    }
    steps
}

/// The weights of 1, 2, 3 … CPUs.
#[rustfmt::skip]
const WEIGHTS: [u16; 256] = [
    100, 174, 240, 303, 363, 421, 477, 532, 586, 639, 691, 742, 793, 843, 893, 942, 991, 1039, 1087, 1134,
    1181, 1228, 1275, 1321, 1367, 1412, 1458, 1503, 1548, 1592, 1637, 1681, 1725, 1769, 1813, 1856, 1900,
    1943, 1986, 2029, 2072, 2114, 2157, 2199, 2242, 2284, 2326, 2368, 2409, 2451, 2492, 2534, 2575, 2616,
    2657, 2698, 2739, 2780, 2821, 2862, 2902, 2943, 2983, 3023, 3063, 3104, 3144, 3184, 3223, 3263, 3303,
    3343, 3382, 3422, 3461, 3501, 3540, 3579, 3619, 3658, 3697, 3736, 3775, 3814, 3853, 3891, 3930, 3969,
    4007, 4046, 4084, 4123, 4161, 4200, 4238, 4276, 4314, 4353, 4391, 4429, 4467, 4505, 4543, 4581, 4619,
    4656, 4694, 4732, 4769, 4807, 4845, 4882, 4920, 4957, 4995, 5032, 5069, 5107, 5144, 5181, 5218, 5256,
    5293, 5330, 5367, 5404, 5441, 5478, 5515, 5552, 5588, 5625, 5662, 5699, 5735, 5772, 5809, 5845, 5882,
    5919, 5955, 5992, 6028, 6064, 6101, 6137, 6174, 6210, 6246, 6282, 6319, 6355, 6391, 6427, 6463, 6499,
    6536, 6572, 6608, 6644, 6680, 6715, 6751, 6787, 6823, 6859, 6895, 6931, 6966, 7002, 7038, 7074, 7109,
    7145, 7180, 7216, 7252, 7287, 7323, 7358, 7394, 7429, 7465, 7500, 7535, 7571, 7606, 7641, 7677, 7712,
    7747, 7783, 7818, 7853, 7888, 7923, 7959, 7994, 8029, 8064, 8099, 8134, 8169, 8204, 8239, 8274, 8309,
    8344, 8379, 8414, 8449, 8483, 8518, 8553, 8588, 8623, 8657, 8692, 8727, 8762, 8796, 8831, 8866, 8900,
    8935, 8970, 9004, 9039, 9073, 9108, 9142, 9177, 9211, 9246, 9280, 9315, 9349, 9384, 9418, 9452, 9487,
    9521, 9555, 9590, 9624, 9658, 9693, 9727, 9761, 9795, 9830, 9864, 9898, 9932, 9966, 10000,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The weight for `shares` by runc's `ConvertCPUSharesToCgroupV2Value`.
    fn weight(shares: f64) -> f64 {
        let log = shares.log2();
        // A whole number except for the last bits of the logarithm counts as that number.
        (10_f64.powf((log * log + 125.0 * log - 126.0) / 612.0) - 1e-6).ceil()
    }

    #[test]
    fn the_weights_are_those_that_container_tools_set() {
        for (cpus, of_cpus) in (1..).zip(WEIGHTS) {
            assert_eq!(f64::from(of_cpus), weight(f64::from(cpus) * 1024.0), "{cpus} CPUs");
        }
    }

    #[test]
    fn a_weight_stands_for_what_was_asked_rounded_up() {
        for milli in (100_u32..256_000).step_by(50) {
            let weight = weight((f64::from(milli) * 1024.0 / 1000.0).floor());
            assert_eq!(cpus_of_weight(weight as u64), milli.div_ceil(1000).into(), "{milli}m: {weight}");
        }
        assert_eq!([0, 1, 10_000, u64::MAX].map(cpus_of_weight), [1, 1, 256, 257]);
    }

    #[test]
    fn an_older_tools_weight_stands_for_no_more_than_was_asked() {
        for cpus in 1..=256 {
            let older = 1 + (cpus * 1024 - 2) * 9999 / 262_142;
            assert!(cpus_of_weight(older) <= cpus, "{cpus}");
        }
    }
}
