//! sysinfo(2)

use super::by_kernel;
use crate::{figures, options, scope, signature};
use core::{
    ffi::{c_int, c_long},
    mem::MaybeUninit,
};

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
    if let Some(memory) = figures::memory(Some(info), &mut MaybeUninit::uninit()) {
        put(memory, info);
    }
    if let Some(load) = figures::load(&mut MaybeUninit::uninit()) {
        info.procs = u16::try_from(load.threads.max(1)).unwrap_or(u16::MAX);
        info.loads = load.averages.map(|average| u64::from(average) << SHIFT);
    }
    if let Some(ticks) = scope::age_ticks() {
        // Rounded up, as in the kernel (`do_sysinfo`): programs divide by it.
        info.uptime = c_long::try_from(ticks.div_ceil(calc::host::USER_HZ)).unwrap_or(info.uptime);
    }
}

fn put(memory: &figures::Memory, info: &mut libc::sysinfo) {
    let unit = info.mem_unit.max(1);
    let [total, free, shared, swap, swap_free] = *memory;
    info.totalram = in_units(total, unit);
    info.freeram = in_units(free, unit);
    info.sharedram = in_units(shared, unit);
    info.bufferram = 0;
    info.totalhigh = 0;
    info.freehigh = 0;
    if swap != figures::NONE {
        info.totalswap = in_units(swap, unit);
        info.freeswap = in_units(swap_free, unit);
    }
}

#[inline(never)]
fn in_units(bytes: u64, unit: u32) -> u64 {
    bytes.checked_div(unit.into()).unwrap_or(bytes)
}
