//! `/proc/uptime`

use crate::{
    host::USER_HZ,
    text::{Sink, Text},
};

/// `/proc/uptime`: the age, and the idle time of all CPUs.
pub fn uptime<S: Sink>(age_ticks: u64, idle_ticks: u64, out: &mut Text<'_, S>) -> Option<()> {
    seconds(age_ticks, out)?;
    out.bytes(b" ")?;
    seconds(idle_ticks, out)?;
    out.bytes(b"\n")
}

/// Seconds with two decimals: a tick is a hundredth.
fn seconds<S: Sink>(ticks: u64, out: &mut Text<'_, S>) -> Option<()> {
    out.number(ticks / USER_HZ)?;
    out.bytes(b".")?;
    out.hundredths(ticks % USER_HZ)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::composed;

    #[test]
    fn seconds_have_two_decimals() {
        assert_eq!(composed(|out| uptime(0, 5, out)).unwrap(), "0.00 0.05\n");
        assert_eq!(composed(|out| uptime(360_001, 99, out)).unwrap(), "3600.01 0.99\n");
        assert_eq!(composed(|out| uptime(u64::MAX, 100, out)).unwrap(), "184467440737095516.15 1.00\n");
    }
}
