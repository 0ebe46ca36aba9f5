//! A board in memory, for tests.

use super::{BLOCK_WORDS, Block, Board, Words};
use std::{cell::Cell, vec, vec::Vec};

pub(super) const SLOTS: u64 = 64;

/// A board in memory that counts the copies made of its blocks.
pub(super) struct InMemory {
    pub(super) blocks: Vec<Words>,
    pub(super) copies: Cell<u32>,
}

impl InMemory {
    /// A board with [`SLOTS`] slots, none of them used.
    pub(super) fn new() -> Self {
        let mut blocks = vec![[0; BLOCK_WORDS]; usize::try_from(SLOTS).unwrap() + 1];
        blocks[0] = Block::header(SLOTS).sealed(2);
        Self { blocks, copies: Cell::new(0) }
    }

    /// A block to write to.
    pub(super) fn block(&mut self, index: u64) -> &mut Words {
        &mut self.blocks[usize::try_from(index).unwrap()]
    }
}

impl Board for InMemory {
    fn copy(&self, index: u64, into: &mut Block) -> Option<()> {
        self.copies.set(self.copies.get() + 1);
        *into.words_mut() = *self.blocks.get(usize::try_from(index).ok()?)?;
        Some(())
    }
}
