//! CPU counts and CPU lists on the command line.

use calc::{cpus::CpuSet, settings};
use std::fmt;

/// The period that quotas are given for, in microseconds: the default of the kernel and of Docker.
pub(crate) const PERIOD_USEC: u64 = 100_000;

/// CPU time allowed in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CpuQuota {
    pub(crate) usec: u64,
}

impl fmt::Display for CpuQuota {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.usec as f64 / PERIOD_USEC as f64).fmt(to)
    }
}

/// The least quota that the kernel takes (`min_cfs_quota_period`, kernel/sched/core.c).
const LEAST: CpuQuota = CpuQuota { usec: 1000 };

/// Parses a number of CPUs, `1.5` or `1500m`.
pub(crate) fn parse_quota(text: &str) -> Result<CpuQuota, String> {
    match settings::cpus_milli(text.as_bytes()).and_then(|milli| milli.checked_mul(PERIOD_USEC / 1000)) {
        Some(usec) if usec < LEAST.usec => {
            Err(format!("the kernel limits to {LEAST} CPUs at least (10m in Kubernetes' units)"))
        }
        Some(usec) => Ok(CpuQuota { usec }),
        None => Err(
            "a number of CPUs is above 0 with at most three decimals, such as 1.5, or in thousandths, such as 1500m"
                .to_owned(),
        ),
    }
}

/// A list of CPUs in a form that the kernel is known to accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CpuList {
    pub(crate) text: String,
}

/// Parses a list of CPUs, `0-1,3`.
pub(crate) fn parse_list(text: &str) -> Result<CpuList, String> {
    match CpuSet::parse(text.as_bytes()) {
        Some(set) if set.count() > 0 => Ok(CpuList { text: text.to_owned() }),
        _ => Err("a list of CPUs is made of numbers and ranges, such as 0-1,3".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas() {
        for (text, usec) in
            [("1.5", 150_000), ("2", 200_000), ("0.01", 1000), ("10m", 1000), ("500m", 50_000), ("1500m", 150_000)]
        {
            assert_eq!(parse_quota(text), Ok(CpuQuota { usec }), "{text}");
        }
        for text in ["0.001", "0.009", "9m"] {
            assert!(parse_quota(text).is_err_and(|reason| reason.contains("0.01 CPUs at least")), "{text}");
        }
        for text in ["", "0", "0.0", "-1", "1,5", "many", "1.5x", "0.0001", "0m", "1.5m", "500M", "m"] {
            assert!(parse_quota(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn lists() {
        for text in ["0", "0-1,3", "0,2,4", "7-9"] {
            assert!(parse_list(text).is_ok(), "{text}");
        }
        for text in ["", "a", "1-", "-1", "3-1", "1,,2", "0x1", "1 2"] {
            assert!(parse_list(text).is_err(), "{text:?} was taken");
        }
    }
}
