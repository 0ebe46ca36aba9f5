//! The figures of memory, remembered for a tick of the kernel's clock: programs read the files that show them in loops.

use crate::remembered::Remembered;
use calc::compose::{KeptMemory, MemoryFigures};
use core::mem::MaybeUninit;

static KEPT: Remembered<KeptMemory, { size_of::<KeptMemory>() / 8 }> = Remembered::new();

/// Sets `figures` to those of this `tick` of the clock, if they are remembered.
#[inline(never)]
pub(super) fn recall(tick: Option<u64>, figures: &mut MemoryFigures) -> bool {
    let mut kept = MaybeUninit::uninit();
    let is_known = KEPT.recall_of(tick, &mut kept);
    if is_known {
        // SAFETY: recalled.
        unsafe { kept.assume_init_ref() }.put(figures);
    }
    is_known
}

/// Remembers `figures`, read since `tick`.
#[inline(never)]
pub(super) fn keep(tick: Option<u64>, figures: &MemoryFigures) {
    if let Some(kept) = KeptMemory::of(figures) {
        KEPT.keep_of(tick, &kept);
    }
}
