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

/// Seconds with two decimals, which a tick just fills.
fn seconds<S: Sink>(ticks: u64, out: &mut Text<'_, S>) -> Option<()> {
    out.number(ticks / USER_HZ)?;
    out.bytes(b".")?;
    out.hundredths(ticks % USER_HZ)
}
