//! The reader's side of the protocol: it finds a key's slot on a board.

use super::{Block, Key};

/// How far from its home a slot may lie.
pub const PROBES: u64 = 16;

/// How often a block is copied until the copy is whole. Publishing takes a fraction of a microsecond.
const ATTEMPTS: u32 = 3;

/// A board to read from.
pub trait Board {
    /// Copies block `index` as it is now, in one read; `None` if there is none.
    fn copy(&self, index: u64, into: &mut Block) -> Option<()>;
}

/// The number of slots, if this is a board of our version.
pub fn slots(board: &impl Board) -> Option<u64> {
    let mut room = Block::EMPTY;
    slots_by(board, &mut room)
}

/// The same, with a block lent as room.
fn slots_by(board: &impl Board, room: &mut Block) -> Option<u64> {
    whole(board, 0, room)?;
    room.slots()
}

/// The indices of the blocks that may hold the slot of a key, in the order of the search.
#[derive(Clone, Debug)]
pub struct SlotNumbers {
    home: u64,
    slots: u64,
    step: u64,
}

impl SlotNumbers {
    /// Those of `key` on a board with `slots` slots, a power of two.
    pub fn of(key: Key, slots: u64) -> Self {
        Self { home: key.home(slots), slots, step: 0 }
    }
}

impl Iterator for SlotNumbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let step = self.step;
        self.step = step.saturating_add(1);
        let index = (self.home.wrapping_add(step) & self.slots.wrapping_sub(1)).wrapping_add(1);
        (step < PROBES.min(self.slots)).then_some(index)
    }
}

/// Copies the slot of `key` that is valid at `now_usec` of CLOCK_REALTIME.
pub fn find(board: &impl Board, key: Key, now_usec: u64, into: &mut Block) -> Option<()> {
    for index in SlotNumbers::of(key, slots_by(board, into)?) {
        if whole(board, index, into).is_none() {
            // Nothing was ever stored beyond a block that was never used.
            if into.is_unused() {
                return None;
            }
            continue;
        }
        if into.is_of(key) && into.is_fresh(now_usec) {
            return Some(());
        }
    }
    None
}

/// Copies a whole block, or leaves an unused one if there is none.
fn whole(board: &impl Board, index: u64, into: &mut Block) -> Option<()> {
    for _ in 0..ATTEMPTS {
        if board.copy(index, into).is_none() {
            *into = Block::EMPTY;
        }
        if into.is_whole() {
            return Some(());
        }
        if into.is_unused() {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{
        BLOCK_WORDS, Kind, Load, Published, Words,
        in_memory::{InMemory, SLOTS},
    };
    use proptest::prelude::*;
    use std::cell::Cell;

    const NOW: u64 = 1_000_000_000;
    const KEY: Key = Key { kind: Kind::Unified, id: 4711 };

    impl InMemory {
        /// The block at step `step` of the search for [`KEY`].
        fn at(&mut self, step: usize) -> &mut Words {
            let index = SlotNumbers::of(KEY, SLOTS).nth(step).unwrap();
            self.block(index)
        }

        /// The number of running threads in the slot that is found.
        fn running(&self) -> Option<u32> {
            let mut block = Block::EMPTY;
            find(self, KEY, NOW, &mut block)?;
            assert!(block.is_whole() && block.is_of(KEY) && block.is_fresh(NOW));
            block.load().map(|load| load.running)
        }
    }

    /// A fresh slot with `running` running threads.
    fn slot(key: Key, running: u32) -> Block {
        let mut block = Block::slot(key);
        let published = Published { realtime_usec: NOW, void_after_usec: NOW + 1, ..Published::default() };
        block.set_published(&published);
        block.set_load(&Load { running, ..Load::default() });
        block
    }

    fn other(id: u64) -> Words {
        slot(Key { id, ..KEY }, 99).sealed(2)
    }

    fn given_up() -> Words {
        let mut block = slot(KEY, 98);
        block.set_published(&Published { realtime_usec: NOW, ..Published::default() });
        block.sealed(4)
    }

    fn torn() -> Words {
        let mut words = slot(KEY, 97).sealed(4);
        words[9] += 1;
        words
    }

    #[test]
    fn a_slot_is_found_at_home_and_as_far_as_it_may_be() {
        for step in 0..usize::try_from(PROBES).unwrap() {
            let mut board = InMemory::new();
            (0..step).for_each(|before| *board.at(before) = other(before as u64));
            assert_eq!(board.running(), None);
            *board.at(step) = slot(KEY, 5).sealed(8);
            assert_eq!(board.running(), Some(5), "{step}");
        }
    }

    #[test]
    fn beyond_the_last_step_nothing_is_looked_at() {
        let mut board = InMemory::new();
        for block in &mut board.blocks[1..] {
            *block = other(1);
        }
        let last = SlotNumbers::of(KEY, SLOTS).last().unwrap();
        let beyond = usize::try_from(last % SLOTS + 1).unwrap();
        board.blocks[beyond] = slot(KEY, 5).sealed(8);
        assert_eq!(board.running(), None);
    }

    #[test]
    fn slots_given_up_torn_or_stale_are_passed() {
        let stale = {
            let mut block = slot(KEY, 96);
            let published = Published { realtime_usec: NOW - 9, void_after_usec: NOW - 1, ..Published::default() };
            block.set_published(&published);
            block.sealed(6)
        };
        let mut odd = slot(KEY, 95).sealed(6);
        odd[0] = 7;
        for passed in [given_up(), torn(), stale, odd, [u64::MAX; BLOCK_WORDS]] {
            let mut board = InMemory::new();
            *board.at(0) = passed;
            assert_eq!(board.running(), None);
            *board.at(1) = slot(KEY, 5).sealed(8);
            assert_eq!(board.running(), Some(5));
        }
    }

    #[test]
    fn a_block_that_was_never_used_ends_the_search() {
        let mut board = InMemory::new();
        *board.at(0) = other(1);
        *board.at(2) = slot(KEY, 5).sealed(8);
        assert_eq!(board.running(), None);
        assert_eq!(board.copies.get(), 3, "the header, the other key's slot, the unused one");
    }

    #[test]
    fn another_kinds_slot_with_the_same_number_is_not_taken() {
        let mut board = InMemory::new();
        *board.at(0) = slot(Key { kind: Kind::Memory, ..KEY }, 9).sealed(2);
        assert_eq!(board.running(), None);
    }

    #[test]
    fn a_board_that_is_not_ours_has_no_slots() {
        let headers = [
            [0; BLOCK_WORDS],
            slot(KEY, 1).sealed(2),
            Block::header(SLOTS).sealed(3),
            Block::header(SLOTS - 1).sealed(2),
            [0x5a; BLOCK_WORDS],
        ];
        for header in headers {
            let mut board = InMemory::new();
            *board.at(0) = slot(KEY, 5).sealed(8);
            assert_eq!(board.running(), Some(5));
            board.blocks[0] = header;
            assert_eq!((slots(&board), board.running()), (None, None));
        }
    }

    #[test]
    fn a_board_that_ends_early_has_no_slots_beyond() {
        let mut board = InMemory::new();
        *board.at(0) = slot(KEY, 5).sealed(8);
        board.blocks.truncate(1);
        assert_eq!((slots(&board), board.running()), (Some(SLOTS), None));
        board.blocks.clear();
        assert_eq!((slots(&board), board.running()), (None, None));
    }

    #[test]
    fn a_header_that_promises_too_much_leads_nowhere() {
        let mut board = InMemory::new();
        board.blocks[0] = Block::header(1 << 63).sealed(2);
        assert_eq!(board.running(), None);
    }

    /// A board whose slot is torn in its first copies.
    struct Torn {
        board: InMemory,
        times: Cell<u32>,
    }

    impl Board for Torn {
        fn copy(&self, index: u64, into: &mut Block) -> Option<()> {
            self.board.copy(index, into)?;
            if index > 0 && self.times.get() > 0 {
                self.times.set(self.times.get() - 1);
                *into.words_mut() = torn();
            }
            Some(())
        }
    }

    #[test]
    fn a_torn_slot_is_copied_again_but_not_for_ever() {
        for (times, is_found) in [(0, true), (ATTEMPTS - 1, true), (ATTEMPTS, false)] {
            let mut board = InMemory::new();
            *board.at(0) = slot(KEY, 5).sealed(8);
            let board = Torn { board, times: Cell::new(times) };
            assert_eq!(find(&board, KEY, NOW, &mut Block::EMPTY.clone()).is_some(), is_found, "{times}");
        }
    }

    proptest! {
        #[test]
        fn a_hostile_board_gives_nothing_and_takes_few_copies(words: [u64; BLOCK_WORDS], number: u64) {
            let mut board = InMemory::new();
            board.blocks[1..].fill(words);
            for block in &mut board.blocks[1..] {
                block[0] = number;
            }
            prop_assert_eq!(board.running(), None);
            prop_assert!(u64::from(board.copies.get()) <= 1 + PROBES * u64::from(ATTEMPTS));
        }
    }
}
