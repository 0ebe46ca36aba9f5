//! The writer's side of the protocol: a block is published in the writer's own copy of the board, from which one
//! `pwrite` writes it to the file, alone or with all others.

use super::{BLOCK_BYTES, Block, layout::Word, seal};

impl Block {
    /// Stores the block at its place in the writer's copy, under the number after the present one.
    pub fn publish(&self, place: &mut [u8; BLOCK_BYTES]) {
        let words = place.as_chunks_mut::<8>().0;
        let present = words.get(Word::Sequence as usize).map_or(0, |word| u64::from_ne_bytes(*word));
        for (to, word) in words.iter_mut().zip(self.sealed(seal::next_number(present))) {
            *to = word.to_ne_bytes();
        }
    }

    /// Reads a block from a board's bytes; [`Block::is_whole`] then says whether it may be used.
    pub fn from_bytes(bytes: &[u8; BLOCK_BYTES]) -> Self {
        let mut block = Self::EMPTY;
        for (word, bytes) in block.words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Key, Kind, Load};

    const KEY: Key = Key { kind: Kind::Unified, id: 7 };

    #[test]
    fn what_is_published_is_whole() {
        let mut place = [0; BLOCK_BYTES];
        let mut block = Block::slot(KEY);
        block.set_load(&Load { running: 3, ..Load::default() });
        assert!(Block::from_bytes(&place).is_unused());
        for number in [2, 4, 6] {
            block.publish(&mut place);
            let found = Block::from_bytes(&place);
            assert!(found.is_whole() && found.is_of(KEY) && !found.is_unused());
            assert_eq!((found.number(), found.load()), (number, block.load()));
        }
    }

    #[test]
    fn a_number_of_before_is_none_of_its_figures() {
        let (mut place, mut other) = ([0; BLOCK_BYTES], [0; BLOCK_BYTES]);
        Block::slot(KEY).publish(&mut place);
        Block::from_bytes(&place).publish(&mut other);
        assert_eq!(place, other);
    }

    /// What a writer leaves that is killed within its `pwrite`.
    #[test]
    fn a_part_of_a_publication_is_not_whole() {
        let mut before = [0; BLOCK_BYTES];
        Block::slot(Key { id: 6, ..KEY }).publish(&mut before);
        let mut after = before;
        Block::slot(KEY).publish(&mut after);
        for written in 1..BLOCK_BYTES - 1 {
            let mut found = before;
            found[..written].copy_from_slice(&after[..written]);
            assert!(!Block::from_bytes(&found).is_whole() || [before, after].contains(&found), "{written} bytes");
        }
    }
}
