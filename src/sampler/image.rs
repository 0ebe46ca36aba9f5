//! The board's blocks in the writer's memory, to be written in one piece.

use calc::board::{BLOCK_BYTES, Block, Key, Published, SlotNumbers};
use std::collections::HashMap;

/// Block 0 and the slots.
pub(super) struct Image {
    slots: u64,
    blocks: Vec<[u8; BLOCK_BYTES]>,
    /// The positions of slots in use.
    places: HashMap<Key, usize>,
    /// The key of each block's slot; block 0 has none.
    owners: Vec<Option<Key>>,
    header: Block,
}

/// There is no room for a slot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Image {
    const LEAST: u64 = 256;
    /// A board of 64 MiB: somebody creates cgroups without end.
    const MOST: u64 = 1 << 18;

    /// An image with no slot in use.
    pub(super) fn new() -> Self {
        Self::with(Self::LEAST)
    }

    fn with(slots: u64) -> Self {
        let blocks = usize::try_from(slots).unwrap_or(0) + 1;
        Self {
            slots,
            blocks: vec![[0; BLOCK_BYTES]; blocks],
            places: HashMap::new(),
            owners: vec![None; blocks],
            header: Block::EMPTY,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.blocks.as_flattened()
    }

    /// The offset and the bytes of a key's slot.
    pub(super) fn slot(&self, key: Key) -> Option<(u64, &[u8])> {
        self.written(*self.places.get(&key)?)
    }

    /// Publishes block 0.
    pub(super) fn set_header(&mut self, published: &Published, has_ended: bool) {
        self.header = Block::header(self.slots);
        self.header.set_published(published);
        if has_ended {
            self.header.set_ended();
        }
        self.header.publish(&mut self.blocks[0]);
    }

    /// Publishes a key's slot. `Ok(true)` if the board had to grow, which moves all slots.
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
        block.publish(&mut self.blocks[place]);
        Ok(has_grown)
    }

    /// Voids a key's slot; returns the offset and the bytes to write.
    pub(super) fn void(&mut self, key: Key) -> Option<(u64, &[u8])> {
        let place = self.places.remove(&key)?;
        self.owners[place] = None;
        Block::slot(key).publish(&mut self.blocks[place]);
        self.written(place)
    }

    /// Finds a place for a new key. At most every other slot is used, so that searches are short.
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
                    Block::from_bytes(&self.blocks[place]).publish(&mut larger.blocks[larger.places[key]]);
                }
                larger.set_header(&self.header.published(), self.header.has_ended());
                *self = larger;
                return Ok(());
            }
            slots *= 2;
        }
        Err(Full)
    }

    /// The offset and the bytes of a block.
    fn written(&self, place: usize) -> Option<(u64, &[u8])> {
        Some((u64::try_from(place * BLOCK_BYTES).ok()?, self.blocks.get(place)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calc::board::{Board, Kind, Load, find};

    impl Board for Image {
        fn copy(&self, index: u64, into: &mut Block) -> Option<()> {
            *into = Block::from_bytes(self.blocks.get(index as usize)?);
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

    fn header(image: &Image) -> Block {
        Block::from_bytes(&image.blocks[0])
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
        assert!(header(&image).is_whole() && header(&image).is_fresh(1500));
        assert_eq!(header(&image).slots(), Some(image.slots));
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
            let (_, bytes) = image.slot(key(7)).unwrap();
            assert_eq!(bytes[..8], (times * 2_u64).to_ne_bytes());
        }
    }

    #[test]
    fn the_end_is_in_the_header() {
        let mut image = Image::new();
        image.set_header(&PUBLISHED, true);
        assert!(header(&image).is_whole() && header(&image).has_ended());
        image.set_header(&PUBLISHED, false);
        assert!(!header(&image).has_ended());
    }
}
