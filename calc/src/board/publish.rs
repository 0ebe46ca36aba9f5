//! The writer's side of the protocol.

use super::{BLOCK_WORDS, Block};

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU64, Ordering::*, fence};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering::*, fence};

/// A word of the mapped file.
pub type Atomic = AtomicU64;

/// A block of the mapped file, to which one writer publishes.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'m>(pub &'m [Atomic; BLOCK_WORDS]);

impl Cell<'_> {
    /// Publishes `block`. The number of the publication is odd before the first word changes and until the last one has:
    /// a writer that dies meanwhile leaves a block that nobody takes for whole.
    pub fn publish(&self, block: &Block) {
        let [number, rest @ ..] = self.0;
        // Also from an odd one, which a writer left that is no more.
        let odd = number.load(Relaxed) | 1;
        let [sequence, words @ ..] = block.sealed(odd.wrapping_add(1).max(2));
        number.store(odd, Relaxed);
        fence(Release);
        for (to, from) in rest.iter().zip(words) {
            to.store(from, Relaxed);
        }
        number.store(sequence, Release);
    }

    /// The words as they are, whoever wrote them.
    pub fn copy(&self) -> Block {
        let mut block = Block::EMPTY;
        for (to, from) in block.words_mut().iter_mut().zip(self.0) {
            *to = from.load(Relaxed);
        }
        block
    }
}
