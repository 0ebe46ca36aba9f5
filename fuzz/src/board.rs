//! A board of any bytes. The first eight are the number of the cgroup that is searched for.

use calc::board::{BLOCK_BYTES, Block, Board, Key, Kind, PROBES, find, slots};
use std::cell::Cell;

/// A board whose copies are counted.
struct Written<'b> {
    blocks: &'b [[u8; BLOCK_BYTES]],
    copies: Cell<u64>,
}

impl Board for Written<'_> {
    fn copy(&self, index: u64, into: &mut Block) -> Option<()> {
        self.copies.set(self.copies.get() + 1);
        *into = Block::from_bytes(self.blocks.get(usize::try_from(index).ok()?)?);
        Some(())
    }
}

const KINDS: [Kind; 6] = [Kind::Unified, Kind::Memory, Kind::Cpu, Kind::Cpuacct, Kind::Cpuset, Kind::Declared];

/// The time of the board's clock.
const NOW_USEC: u64 = 1_000_000_000;

/// As the bytes are, and with seals that hold, as a hostile writer would make them.
pub(crate) fn board(bytes: &[u8]) {
    let Some((id, rest)) = bytes.split_first_chunk::<8>() else { return };
    let (blocks, _) = rest.as_chunks::<BLOCK_BYTES>();
    search(blocks, u64::from_le_bytes(*id));
    let mut sealed = blocks.to_vec();
    for place in &mut sealed {
        Block::from_bytes(place).publish(place);
        assert!(Block::from_bytes(place).is_whole(), "what is published is whole");
    }
    search(&sealed, u64::from_le_bytes(*id));
}

fn search(blocks: &[[u8; BLOCK_BYTES]], id: u64) {
    let board = Written { blocks, copies: Cell::new(0) };
    for kind in KINDS {
        let key = Key { kind, id };
        let (mut block, mut again) = (Block::EMPTY, Block::EMPTY);
        board.copies.set(0);
        let found = find(&board, key, NOW_USEC, &mut block);
        assert!(board.copies.get() <= 3 * (1 + PROBES), "{} copies", board.copies.get());
        assert_eq!(find(&board, key, NOW_USEC, &mut again), found, "found once");
        if found.is_none() {
            continue;
        }
        assert!(slots(&board).is_some_and(u64::is_power_of_two));
        assert!(block == again && block.is_whole() && block.is_of(key) && block.is_fresh(NOW_USEC));
        figures(&block);
    }
}

/// What is read from a slot that somebody else may have written.
fn figures(block: &Block) {
    let until = block.published().void_after_usec;
    assert!(until >= NOW_USEC, "void since {until}");
    // The cgroup grows older with the clock; a clock that ends is nobody's.
    let later = |usec: u64| {
        block.capacity_usec(NOW_USEC + usec, 1 + usec).filter(|_| block.published().boottime_usec >> 60 == 0)
    };
    let (least, more) = (later(0), later(1_000_000));
    assert!(least <= more, "capacity runs back from {least:?} to {more:?}");
    let _ = (block.load(), block.disk_used_bytes());
    if let Some(above) = block.above() {
        assert_eq!(above.quota().is_some(), above.quota_usec > 0 && above.period_usec > 0, "{above:?}");
    }
}
