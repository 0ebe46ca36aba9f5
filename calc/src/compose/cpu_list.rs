//! CPU lists under `/sys/devices/system/cpu`.

use crate::{
    cpus::CpuSet,
    text::{Sink, Text},
};

/// A CPU list: `/sys/devices/system/cpu/online`, `present`.
pub fn cpu_list<S: Sink>(online: &CpuSet, out: &mut Text<'_, S>) -> Option<()> {
    let mut cpus = online.iter().peekable();
    while let Some(first) = cpus.next() {
        let mut last = first;
        while let Some(next) = cpus.next_if(|next| *next == last.saturating_add(1)) {
            last = next;
        }
        out.number(first)?;
        if last > first {
            out.bytes(b"-")?;
            out.number(last)?;
        }
        out.bytes(if cpus.peek().is_some() { b"," } else { b"" })?;
    }
    out.bytes(b"\n")
}
