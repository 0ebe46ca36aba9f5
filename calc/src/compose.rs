//! The text of each answered file.
//!
//! Every function takes the kernel's own text from `host` (except where none is needed), and gives `None` on any doubt.

use crate::{cgroup::places::Places, cpus::CpuSet, host::Host, source::{Files, Source}, text::{Sink, Text}, view::{cpu::Cpus, time::Times}};

/// `/proc/meminfo`: reads the scope's memory files, then rewrites the host's lines. Only the numbers change.
pub fn meminfo<S: Sink>(files: &impl Files, places: &Places, machine: &Host, host: &mut impl Source, out: &mut Text<'_, S>, scratch: &mut [u8]) -> Option<()> {
    let _ = (files, places, machine, host, out, scratch);
    None
}

/// `/proc/swaps`
pub fn swaps<S: Sink>(swap: &crate::view::memory::Swap, host: &mut impl Source, out: &mut Text<'_, S>, scratch: &mut [u8]) -> Option<()> {
    let _ = (swap, host, out, scratch);
    None
}

/// `/proc/stat`. `times.idle_ticks` is what is to be shown: the caller has made it monotonic.
pub fn stat<S: Sink>(cpus: &Cpus, times: &Times, host: &mut impl Source, out: &mut Text<'_, S>, scratch: &mut [u8]) -> Option<()> {
    let _ = (cpus, times, host, out, scratch);
    None
}

/// `/proc/cpuinfo`
pub fn cpuinfo<S: Sink>(online: &CpuSet, host: &mut impl Source, out: &mut Text<'_, S>, scratch: &mut [u8]) -> Option<()> {
    let _ = (online, host, out, scratch);
    None
}

/// `/proc/uptime`: the age, and the idle time of all CPUs.
pub fn uptime<S: Sink>(age_ticks: u64, idle_ticks: u64, out: &mut Text<'_, S>) -> Option<()> {
    let _ = (age_ticks, idle_ticks, out);
    None
}

/// A CPU list: `/sys/devices/system/cpu/online`, `present`.
pub fn cpu_list<S: Sink>(online: &CpuSet, out: &mut Text<'_, S>) -> Option<()> {
    let _ = (online, out);
    None
}
