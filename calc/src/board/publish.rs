//! The writer's side of the protocol.

use super::{BLOCK_WORDS, Block, seal};

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
        publish(self.0, |number| block.sealed(number));
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

/// Publishes what `seal` makes of the publication's number.
#[doc(hidden)]
pub fn publish<const N: usize>(to: &[Atomic; N], seal: impl FnOnce(u64) -> [u64; N]) {
    let Some((number, rest)) = to.split_first() else { return };
    let next = seal::next_number(number.load(Relaxed));
    let sealed = seal(next);
    number.store(next.wrapping_sub(1), Relaxed);
    // What a reader sees of the new words comes with the odd number, if its loads are in order; the checksum does not
    // need it.
    fence(Release);
    for (to, from) in rest.iter().zip(sealed.iter().skip(1)) {
        to.store(*from, Relaxed);
    }
    number.store(next, Release);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::board::{Key, Kind, Load};

    const KEY: Key = Key { kind: Kind::Unified, id: 7 };

    fn words() -> [Atomic; BLOCK_WORDS] {
        [const { Atomic::new(0) }; BLOCK_WORDS]
    }

    #[test]
    fn what_is_published_is_whole() {
        let (words, mut block) = (words(), Block::slot(KEY));
        block.set_load(&Load { running: 3, ..Load::default() });
        let cell = Cell(&words);
        assert!(cell.copy().is_unused());
        cell.publish(&block);
        assert!(cell.copy().is_whole() && cell.copy().is_of(KEY) && !cell.copy().is_unused());
        assert_eq!(cell.copy().load(), block.load());
        assert_eq!(words[0].load(Relaxed), 2);
        cell.publish(&cell.copy());
        assert_eq!(words[0].load(Relaxed), 4);
    }

    #[test]
    fn a_block_that_a_writer_left_half_written_is_taken_over() {
        let words = words();
        words[0].store(5, Relaxed);
        words[9].store(77, Relaxed);
        assert!(!Cell(&words).copy().is_whole());
        Cell(&words).publish(&Block::slot(KEY));
        assert!(Cell(&words).copy().is_whole());
        assert_eq!((words[0].load(Relaxed), words[9].load(Relaxed)), (8, 0));
    }

    #[test]
    fn a_writer_that_dies_at_any_word_leaves_nothing_whole() {
        let (words, block) = (words(), Block::slot(KEY));
        Cell(&words).publish(&Block::slot(Key { id: 6, ..KEY }));
        let sealed = block.sealed(4);
        words[0].store(3, Relaxed);
        for at in 1..BLOCK_WORDS {
            assert!(!Cell(&words).copy().is_whole(), "died before word {at}");
            words[at].store(sealed[at], Relaxed);
        }
        assert!(!Cell(&words).copy().is_whole());
        words[0].store(4, Relaxed);
        assert!(Cell(&words).copy().is_of(KEY) && Cell(&words).copy().is_whole());
    }

    #[test]
    fn whatever_number_a_stranger_put_there_is_followed_by_a_good_one() {
        for number in [0, 1, 2, 0x8000_0000_0000_0001, u64::MAX - 1, u64::MAX] {
            let words = words();
            words[0].store(number, Relaxed);
            Cell(&words).publish(&Block::slot(KEY));
            assert!(Cell(&words).copy().is_whole(), "{number}");
        }
    }
}
