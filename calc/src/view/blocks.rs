//! Which of the machine's memory blocks the container sees.

use crate::{
    answer::BLOCKS,
    lines::Lines,
    path, scan,
    source::{self, Files},
};
use core::num::NonZero;

/// The number of the machine's first memory block (`/sys/devices/system/memory/memoryN`). It is the only one that a
/// container is shown, with the size of all its memory.
///
/// It is 0 unless RAM begins elsewhere, as on many arm64 machines; then it is the block in which the first zone
/// begins.
pub fn first(files: &impl Files, scratch: &mut [u8]) -> Option<u64> {
    if exists(files, 0, scratch)? {
        return Some(0);
    }
    let block_bytes = NonZero::new(block_bytes(files, scratch)?)?;
    let start_pfn = start_pfn(files, scratch)?;
    // If the page size is too small, the result is a block below the first, which does not exist.
    for page_bytes in PAGE_BYTES {
        let block = start_pfn.checked_mul(page_bytes)? / block_bytes;
        if exists(files, block, scratch)? {
            return Some(block);
        }
    }
    None
}

/// The possible page sizes: 4, 16 and 64 KiB.
const PAGE_BYTES: [u64; 3] = [4 << 10, 16 << 10, 64 << 10];

fn exists(files: &impl Files, block: u64, scratch: &mut [u8]) -> Option<bool> {
    let path = path::below_member(scratch, BLOCKS, b"memory", block, b"")?;
    Some(files.directory(path).is_some())
}

/// The size of the machine's own blocks, which the file has in hexadecimal.
fn block_bytes(files: &impl Files, scratch: &mut [u8]) -> Option<u64> {
    let mut file = files.open(c"/sys/devices/system/memory/block_size_bytes")?;
    let digits = scan::without_newline(source::read_whole(&mut file, scratch)?);
    scan::whole_hexadecimal(digits)
}

/// The number of the first page of the first populated zone (`zoneinfo_show_print`, `mm/vmstat.c`): a zone without
/// pages has a 0 there, or no such line.
#[inline(never)]
fn start_pfn(files: &impl Files, scratch: &mut [u8]) -> Option<u64> {
    let mut file = files.open(c"/proc/zoneinfo")?;
    let mut lines = Lines::new(&mut file, scratch);
    loop {
        let Some(line) = lines.next().ok()??.whole() else { continue };
        let value = scan::after_blanks(line).strip_prefix(b"start_pfn:");
        let pfn = value.and_then(|value| scan::whole_number(scan::after_blanks(value)));
        if let Some(pfn) = pfn.filter(|pfn| *pfn > 0) {
            return Some(pfn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Tree;
    use proptest::prelude::*;
    use std::format;

    /// As a 6.x kernel prints it; RAM begins at the page `start_pfn`.
    fn machine(block_bytes: u64, start_pfn: u64, blocks: &[u64]) -> Tree {
        let zones = format!(
            "Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 1\n  pages free     7\n        present  9\n  \
             node_unreclaimable:  0\n  start_pfn:           {start_pfn}\nNode 0, zone    DMA32\n  pages free     0\n"
        );
        let tree = Tree::default()
            .with("/proc/zoneinfo", zones)
            .with("/sys/devices/system/memory/block_size_bytes", format!("{block_bytes:x}\n"));
        blocks
            .iter()
            .fold(tree, |tree, block| tree.with_directory(&format!("/sys/devices/system/memory/memory{block}"), 9, 3))
    }

    fn block(tree: &Tree) -> Option<u64> {
        first(tree, &mut [0; 512])
    }

    #[test]
    fn mostly_it_is_0() {
        assert_eq!(block(&machine(128 << 20, 1, &[0, 1, 2])), Some(0));
        assert_eq!(block(&Tree::default().with_directory("/sys/devices/system/memory/memory0", 9, 3)), Some(0));
    }

    #[test]
    fn ram_may_begin_elsewhere_with_pages_of_any_size() {
        assert_eq!(block(&machine(128 << 20, 0x40000, &[8, 9])), Some(8));
        assert_eq!(block(&machine(512 << 20, 0x4000, &[2, 3])), Some(2));
        assert_eq!(block(&machine(32 << 20, 0x200000, &[1024, 1025])), Some(1024));
    }

    #[test]
    fn an_odd_line_of_the_zones_costs_itself() {
        for odd in ["start_pfn: many".into(), "start_pfn:".into(), "x".repeat(700)] {
            let tree =
                machine(128 << 20, 0x40000, &[8]).with("/proc/zoneinfo", format!("{odd}\n  start_pfn:  262144\n"));
            assert_eq!(block(&tree), Some(8), "{odd}");
        }
    }

    #[test]
    fn doubt() {
        assert_eq!(block(&Tree::default()), None);
        assert_eq!(block(&machine(128 << 20, 0x40000, &[3])), None);
        assert_eq!(block(&machine(0, 0x40000, &[8])), None);
        assert_eq!(block(&machine(128 << 20, 0, &[8])), None);
        assert_eq!(block(&machine(128 << 20, u64::MAX, &[8])), None);
    }

    proptest! {
        #[test]
        fn the_first_block_is_found(first in 1_u64..5000, shift in 27_u32..32, page in 0..3_usize, into in 0.0..1.0) {
            let start = ((first as f64 + into) * (1_u64 << shift) as f64) as u64;
            let tree = machine(1 << shift, start / PAGE_BYTES[page], &[first, first + 1]);
            prop_assert_eq!(block(&tree), Some(first));
        }
    }
}
