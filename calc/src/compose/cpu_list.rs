//! CPU lists under `/sys/devices/system/cpu`.

use crate::{
    cpus::CpuSet,
    text::{Sink, Text},
};

/// A CPU list: `/sys/devices/system/cpu/online`, `present`.
pub fn cpu_list<S: Sink>(online: &CpuSet, out: &mut Text<'_, S>) -> Option<()> {
    let mut cpus = online.iter();
    let mut upcoming = cpus.next();
    while let Some(first) = upcoming {
        let mut last = first;
        upcoming = cpus.next();
        while let Some(next) = upcoming
            && next == last.saturating_add(1)
        {
            last = next;
            upcoming = cpus.next();
        }
        out.number(first)?;
        if last > first {
            out.bytes(b"-")?;
            out.number(last)?;
        }
        out.bytes(if upcoming.is_some() { b"," } else { b"" })?;
    }
    out.bytes(b"\n")
}
