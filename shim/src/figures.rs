//! The container's memory and load as calls return them. They are remembered for a tick of the kernel's clock, because
//! programs ask for them in loops.

use crate::{clock, options, remembered::Remembered, scope};
use calc::{
    answer::Answer,
    board::{Block, Load},
    view::memory,
};
use core::mem::MaybeUninit;

/// Bytes: all memory, free memory, shared memory, all swap, free swap. Swap of [`NONE`] is the machine's.
pub(crate) type Memory = [u64; 5];

/// In place of an amount, that there is none.
pub(crate) const NONE: u64 = u64::MAX;

static MEMORY: Remembered<Memory, { size_of::<Memory>() / 8 }> = Remembered::new();

static LOAD: Remembered<Load, { size_of::<Load>() / 8 }> = Remembered::new();

/// The container's memory, if it is limited and answered. `machine` has the machine's, if the caller knows it.
#[inline(never)]
pub(crate) fn memory<'t>(machine: Option<&libc::sysinfo>, to: &'t mut MaybeUninit<Memory>) -> Option<&'t Memory> {
    if !options::answers(Answer::Meminfo) {
        return None;
    }
    MEMORY.in_this_tick(to, || measure(machine))
}

#[cold]
#[inline(never)]
fn measure(machine: Option<&libc::sysinfo>) -> Option<Memory> {
    let machine = machine.map_or_else(clock::machine, |info| Some(clock::memory(info)))?;
    scope::look()?;
    // Nothing is kept if this fails, because that does not tell whether there is a limit.
    let memory = scope::measured(&machine)?;
    let swap = memory.swap.unwrap_or(memory::Swap { total_bytes: NONE, free_bytes: NONE });
    Some([memory.total_bytes, memory.free_bytes, memory.shared_bytes, swap.total_bytes, swap.free_bytes])
}

/// The scope's load, if the board has it.
#[inline(never)]
pub(crate) fn load(to: &mut MaybeUninit<Load>) -> Option<&Load> {
    if !options::answers(Answer::Loadavg) {
        return None;
    }
    LOAD.in_this_tick(to, published)
}

#[cold]
#[inline(never)]
fn published() -> Option<Load> {
    scope::look()?;
    scope::published(Block::load)
}
