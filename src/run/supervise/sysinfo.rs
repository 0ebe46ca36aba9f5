//! sysinfo(2): figures written into the program's memory.

use super::{
    call::{Call, Response},
    seen::{Its, Known, Seen},
};
use crate::see::view::View;
use calc::{answer::Answer, host::USER_HZ, view::memory::Memory};

/// The kernel's averages have 11 fractional bits, sysinfo's have 16 (`SI_LOAD_SHIFT`).
const SHIFT: u32 = 16 - 11;

pub(super) fn sysinfo(call: &Call<'_>, known: &mut Known<'_>) -> Option<Response> {
    if call.target.is_answered_elsewhere(call.instruction) {
        return None;
    }
    let Seen { settings, view } = known.seen_by(call.target)?;
    if settings.passes_all().is_some() {
        return None;
    }
    let has = |answer| settings.answered.has(answer);
    let mut info = rustix::system::sysinfo();
    if info.totalram == 0 {
        // A sandbox around us refused it.
        return None;
    }
    if let Some(memory) = view.memory().filter(|_| has(Answer::Meminfo)) {
        put_memory(&memory, &mut info);
    }
    if has(Answer::Loadavg) {
        put_load(&view, &mut info);
    }
    if let Some(ticks) = view.age_ticks().filter(|_| has(Answer::Uptime) && !settings.uptime_is_the_hosts) {
        info.uptime = i64::try_from(ticks.div_ceil(USER_HZ)).unwrap_or(info.uptime);
    }
    call.write(call.arguments[0], &bytes_of(&words(&info)))?;
    Some(Response::Number(0))
}

/// `struct sysinfo` as 64-bit kernels lay it out: one word per field, short fields padded.
fn words(info: &rustix::system::Sysinfo) -> [u64; 14] {
    let [one, five, fifteen] = info.loads;
    [
        info.uptime.cast_unsigned(),
        one,
        five,
        fifteen,
        info.totalram,
        info.freeram,
        info.sharedram,
        info.bufferram,
        info.totalswap,
        info.freeswap,
        info.procs.into(),
        info.totalhigh,
        info.freehigh,
        info.mem_unit.into(),
    ]
}

pub(super) fn bytes_of(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn put_memory(memory: &Memory, info: &mut rustix::system::Sysinfo) {
    let unit = u64::from(info.mem_unit.max(1));
    info.totalram = memory.total_bytes / unit;
    info.freeram = memory.free_bytes / unit;
    info.sharedram = memory.shared_bytes / unit;
    info.bufferram = 0;
    info.totalhigh = 0;
    info.freehigh = 0;
    if let Some(swap) = memory.swap {
        info.totalswap = swap.total_bytes / unit;
        info.freeswap = swap.free_bytes / unit;
    }
}

fn put_load(view: &View<Its>, info: &mut rustix::system::Sysinfo) {
    let Some(load) = view.load() else { return };
    info.procs = u16::try_from(load.threads).unwrap_or(u16::MAX);
    for (to, average) in info.loads.iter_mut().zip(load.averages) {
        *to = u64::from(average) << SHIFT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_is_the_kernels() {
        let info = rustix::system::sysinfo();
        let bytes = bytes_of(&words(&info));
        assert_eq!(bytes.len(), size_of::<libc::sysinfo>());
        let at = std::mem::offset_of!(libc::sysinfo, mem_unit);
        assert_eq!(bytes[at..at + 4], info.mem_unit.to_ne_bytes());
        let at = std::mem::offset_of!(libc::sysinfo, procs);
        assert_eq!(bytes[at..at + 2], info.procs.to_ne_bytes());
    }
}
