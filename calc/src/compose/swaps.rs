//! `/proc/swaps`

use crate::{
    lines::Lines,
    source::Source,
    text::{Sink, Text},
    view::memory::Swap,
};

/// Below this many KiB the kernel puts a second tab behind a number (`swap_show`, `mm/swapfile.c`).
const TWO_TABS_BELOW_KIB: u64 = 10_000_000;

/// `/proc/swaps`: the kernel's heading, and one area that stands for all the swap there is.
pub fn swaps<S: Sink>(swap: &Swap, host: &mut impl Source, out: &mut Text<'_, S>, scratch: &mut [u8]) -> Option<()> {
    let mut lines = Lines::new(host, scratch);
    let heading = lines.next()??.whole()?;
    if !heading.starts_with(b"Filename\t") {
        return None;
    }
    out.bytes(heading)?;
    let total_kib = swap.total_bytes / 1024;
    if total_kib == 0 {
        return Some(());
    }
    // Kernels before 5.8 have a single tab everywhere.
    let wide = heading.ends_with(b"Size\t\tUsed\t\tPriority\n");
    let used_kib = swap.total_bytes.saturating_sub(swap.free_bytes) / 1024;
    out.bytes(b"none                                    virtual\t\t")?;
    for kib in [total_kib, used_kib] {
        out.number(kib)?;
        out.bytes(if wide && kib < TWO_TABS_BELOW_KIB { b"\t\t" } else { b"\t" })?;
    }
    out.bytes(b"-1\n")
}
