//! The board's blocks as the writer has them, to be written in one piece.

use calc::board::{BLOCK_BYTES, Block, Key, Published, SlotNumbers, Words, sealed};
use std::collections::HashMap;

/// Block 0 and the slots.
pub(super) struct Image {
    slots: u64,
    bytes: Vec<u8>,
    /// Where the slots of the living are.
    places: HashMap<Key, usize>,
    /// Whose slot each block is; that of block 0 is nobody's.
    owners: Vec<Option<Key>>,
    header: Block,
}

/// There is no room for a slot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Image {
    const LEAST: u64 = 256;
    /// A board of 64 MiB: somebody makes cgroups without end.
    const MOST: u64 = 1 << 18;

    /// One without any slot in use.
    pub(super) fn new() -> Self {
        Self::with(Self::LEAST)
    }

    fn with(slots: u64) -> Self {
        let blocks = usize::try_from(slots).unwrap_or(0) + 1;
        Self {
            slots,
            bytes: vec![0; blocks * BLOCK_BYTES],
            places: HashMap::new(),
            owners: vec![None; blocks],
            header: Block::EMPTY,
        }
    }

    /// All of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where a key's slot is in it, and its bytes.
    pub(super) fn slot(&self, key: Key) -> Option<(u64, &[u8])> {
        let offset = self.places.get(&key)? * BLOCK_BYTES;
        Some((u64::try_from(offset).ok()?, self.bytes.get(offset..offset + BLOCK_BYTES)?))
    }

    /// Publishes block 0.
    pub(super) fn set_header(&mut self, published: &Published, has_ended: bool) {
        self.header = Block::header(self.slots);
        self.header.set_published(published);
        if has_ended {
            self.header.set_ended();
        }
        self.seal(0, self.header);
    }

    /// Publishes a key's slot. `Ok(true)` when the board had to be made larger for it, so that all of it has moved.
    pub(super) fn set(&mut self, key: Key, block: Block) -> Result<bool, Full> {
        let mut has_grown = false;
        let place = loop {
            match self.places.get(&key).copied() {
                Some(place) => break place,
                None if self.place(key) => {}
                None => {
                    self.grow()?;
                    has_grown = true;
                }
            }
        };
        self.seal(place, block);
        Ok(has_grown)
    }

    /// Gives a key's slot up, and returns what is to be written where.
    pub(super) fn void(&mut self, key: Key) -> Option<(u64, &[u8])> {
        let place = self.places.remove(&key)?;
        self.owners[place] = None;
        self.seal(place, Block::slot(key));
        let offset = place * BLOCK_BYTES;
        Some((u64::try_from(offset).ok()?, self.bytes.get(offset..offset + BLOCK_BYTES)?))
    }

    /// Finds a place for a new key: at most every other slot is taken, so that searches are short.
    fn place(&mut self, key: Key) -> bool {
        let has_room = (self.places.len() as u64) < self.slots / 2;
        let candidates = SlotNumbers::of(key, self.slots).filter_map(|index| usize::try_from(index).ok());
        let free = has_room.then_some(candidates).into_iter().flatten().find(|&index| self.owners[index].is_none());
        free.is_some_and(|place| {
            self.owners[place] = Some(key);
            self.places.insert(key, place).is_none()
        })
    }

    fn grow(&mut self) -> Result<(), Full> {
        let mut slots = self.slots * 2;
        while slots <= Self::MOST {
            let mut larger = Self::with(slots);
            if self.places.keys().all(|key| larger.place(*key)) {
                for (key, &place) in &self.places {
                    larger.seal(larger.places[key], self.block(place));
                }
                larger.set_header(&self.header.published(), self.header.has_ended());
                *self = larger;
                return Ok(());
            }
            slots *= 2;
        }
        Err(Full)
    }

    fn block(&self, place: usize) -> Block {
        let mut block = Block::EMPTY;
        let bytes = self.bytes.get(place * BLOCK_BYTES..).unwrap_or_default();
        put_words(block.words_mut(), bytes);
        block
    }

    /// Puts a block in its place, under the number after that of the one before.
    fn seal(&mut self, place: usize, mut block: Block) {
        let (bytes, _) = self.bytes[place * BLOCK_BYTES..].as_chunks_mut();
        let number = bytes.first().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
        let words = sealed(*block.words_mut(), number.wrapping_add(2).max(2));
        for (bytes, word) in bytes.iter_mut().zip(words) {
            *bytes = word.to_ne_bytes();
        }
    }
}

/// The words of a block's bytes.
pub(super) fn put_words(words: &mut Words, bytes: &[u8]) {
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calc::board::{Board, Kind, Load, find};

    impl Board for Image {
        fn copy(&self, index: u64, into: &mut Block) -> Option<()> {
            *into = (index <= self.slots).then(|| self.block(index as usize))?;
            Some(())
        }
    }

    const PUBLISHED: Published =
        Published { realtime_usec: 1000, monotonic_usec: 0, boottime_usec: 0, void_after_usec: 2000 };

    fn key(id: u64) -> Key {
        Key { kind: Kind::Cpuacct, id }
    }

    fn block(id: u64) -> Block {
        let mut block = Block::slot(key(id));
        block.set_load(&Load { threads: id as u32, ..Load::default() });
        block.set_published(&PUBLISHED);
        block
    }

    fn threads(image: &Image, id: u64) -> Option<u32> {
        let mut found = Block::EMPTY;
        find(image, key(id), 1500, &mut found)?;
        found.load().map(|load| load.threads)
    }

    #[test]
    fn readers_find_what_is_set_however_much_that_is() {
        let mut image = Image::new();
        let grown: Vec<bool> = (2..2002).map(|id| image.set(key(id), block(id)).unwrap()).collect();
        image.set_header(&PUBLISHED, false);
        assert!(grown.contains(&true));
        assert!((2..2002).all(|id| threads(&image, id) == Some(id as u32)));
        assert_eq!(threads(&image, 2002), None);
        assert_eq!(image.bytes().len() as u64, (image.slots + 1) * 256);
        assert!(image.slots >= 4000 && image.slots <= 16384);
    }

    #[test]
    fn a_board_that_has_grown_is_one_at_once() {
        let mut image = Image::new();
        image.set_header(&PUBLISHED, false);
        while !image.set(key(image.owners.len() as u64 + image.places.len() as u64), block(9)).unwrap() {}
        assert!(image.block(0).is_whole() && image.block(0).is_fresh(1500));
        assert_eq!(image.block(0).slots(), Some(image.slots));
    }

    #[test]
    fn what_is_given_up_is_not_found_and_leaves_room() {
        let mut image = Image::new();
        image.set_header(&PUBLISHED, false);
        for id in 2..100_000 {
            assert_eq!(image.set(key(id), block(id)), Ok(false));
            let written = image.slot(key(id)).map(|(offset, bytes)| (offset, bytes.len()));
            assert_eq!(image.void(key(id)).map(|(offset, bytes)| (offset, bytes.len())), written);
            assert_eq!(threads(&image, id), None);
        }
        assert!(image.void(key(5)).is_none());
        assert_eq!(image.slots, Image::LEAST);
    }

    #[test]
    fn a_publication_follows_the_one_before() {
        let mut image = Image::new();
        for times in 1..4 {
            image.set(key(7), block(7)).unwrap();
            let mut words = [0; 32];
            put_words(&mut words, image.slot(key(7)).unwrap().1);
            assert_eq!(words[0], times * 2);
        }
    }

    #[test]
    fn the_end_is_in_the_header() {
        let mut image = Image::new();
        image.set_header(&PUBLISHED, true);
        assert!(image.block(0).is_whole() && image.block(0).has_ended());
        image.set_header(&PUBLISHED, false);
        assert!(!image.block(0).has_ended());
    }
}
