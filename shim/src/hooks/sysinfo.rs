//! sysinfo(2)

use super::by_kernel;
use crate::{clock, options, scope, signature};
use calc::view::memory::Memory;
use core::ffi::{c_int, c_long};

/// The kernel's averages have 11 fraction bits, sysinfo's 16 (`SI_LOAD_SHIFT`).
const SHIFT: u32 = 16 - 11;

pub(crate) unsafe fn sysinfo(next: Option<signature::sysinfo>, to: *mut libc::sysinfo) -> c_int {
    // SAFETY: the caller's argument; on success it is written.
    unsafe {
        let result = match next {
            Some(next) => next(to),
            None => by_kernel(libc::SYS_sysinfo, [to as usize, 0, 0, 0, 0, 0]) as c_int,
        };
        if result == 0 {
            as_the_container(to);
        }
        result
    }
}

/// Replaces the machine's figures by the container's.
///
/// # Safety
/// `info` was written by a successful sysinfo, or is null: qemu-user succeeds with null.
pub(crate) unsafe fn as_the_container(info: *mut libc::sysinfo) {
    // SAFETY: the caller guarantees it.
    let Some(info) = (unsafe { info.as_mut() }) else { return };
    if options::off() {
        return;
    }
    if let Some(memory) = scope::memory(&clock::memory(info)) {
        put(&memory, info);
    }
    if let Some(load) = scope::load() {
        info.procs = u16::try_from(load.threads.max(1)).unwrap_or(u16::MAX);
        for (to, average) in info.loads.iter_mut().zip(load.averages) {
            *to = u64::from(average) << SHIFT;
        }
    }
    if let Some(ticks) = scope::age_ticks() {
        // Rounded up, as in the kernel (`do_sysinfo`): programs divide by it.
        info.uptime = c_long::try_from(ticks.div_ceil(calc::host::USER_HZ)).unwrap_or(info.uptime);
    }
}

fn put(memory: &Memory, info: &mut libc::sysinfo) {
    let unit = u64::from(info.mem_unit.max(1));
    let in_units = |bytes: u64| bytes.checked_div(unit).unwrap_or(bytes);
    info.totalram = in_units(memory.total_bytes);
    info.freeram = in_units(memory.free_bytes);
    info.sharedram = in_units(memory.shared_bytes);
    info.bufferram = 0;
    info.totalhigh = 0;
    info.freehigh = 0;
    if let Some(swap) = memory.swap {
        info.totalswap = in_units(swap.total_bytes);
        info.freeswap = in_units(swap.free_bytes);
    }
}
