//! One block: its words, when they were published, and whether they may be believed.

use super::{
    Key, MAGIC, VERSION,
    layout::{BLOCK_WORDS, Word, Words},
    seal,
};

/// When a block was published, by each clock, and until when it is valid, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// CLOCK_REALTIME, which readers use: the only clock that all time namespaces share.
    pub realtime_usec: u64,
    /// CLOCK_MONOTONIC.
    pub monotonic_usec: u64,
    /// CLOCK_BOOTTIME.
    pub boottime_usec: u64,
    /// By CLOCK_REALTIME.
    pub void_after_usec: u64,
}

/// A block: a copy from the board, or one about to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub(super) words: Words,
}

impl Block {
    /// An unused block.
    pub const EMPTY: Self = Self { words: [0; BLOCK_WORDS] };

    /// Block 0 of a board with this many slots.
    pub fn header(slots: u64) -> Self {
        let mut block = Self::EMPTY;
        block.set(Word::MAGIC, MAGIC);
        block.set(Word::VERSION, VERSION);
        block.set(Word::SLOTS, slots);
        block
    }

    /// The slot of `key`, without figures yet.
    pub fn slot(key: Key) -> Self {
        let mut block = Self::EMPTY;
        block.set(Word::Kind, key.kind as u64);
        block.set(Word::Id, key.id);
        block
    }

    /// The words, to copy a block into; [`Block::is_whole`] then says whether it may be used.
    pub fn words_mut(&mut self) -> &mut Words {
        &mut self.words
    }

    /// Whether nothing was ever published here.
    pub fn is_unused(&self) -> bool {
        self.number() == 0
    }

    /// The number of the publication.
    pub(super) fn number(&self) -> u64 {
        self.get(Word::Sequence)
    }

    /// Whether all words are of one publication.
    pub fn is_whole(&self) -> bool {
        seal::is_whole(&self.words)
    }

    /// The number of slots, if this is block 0 of a board of our version.
    pub fn slots(&self) -> Option<u64> {
        let slots = self.get(Word::SLOTS);
        let is_ours = self.get(Word::MAGIC) == MAGIC && self.get(Word::VERSION) == VERSION && slots.is_power_of_two();
        is_ours.then_some(slots)
    }

    /// Records in block 0 that the sampler has ended: nothing more is published until another begins.
    pub fn set_ended(&mut self) {
        self.set(Word::ENDED, 1);
    }

    /// Whether block 0 records that.
    pub fn has_ended(&self) -> bool {
        self.get(Word::ENDED) == 1
    }

    /// Whether this is the slot of `key`.
    pub fn is_of(&self, key: Key) -> bool {
        self.get(Word::Kind) == key.kind as u64 && self.get(Word::Id) == key.id
    }

    /// Whether it is valid at `now_usec` of CLOCK_REALTIME. The clock may have been set back a little, so a time just
    /// before the publication counts too.
    pub fn is_fresh(&self, now_usec: u64) -> bool {
        const SET_BACK_USEC: u64 = 1_000_000;
        let from = self.get(Word::Realtime).saturating_sub(SET_BACK_USEC);
        let void_after = self.get(Word::VoidAfter);
        void_after != 0 && (from..=void_after).contains(&now_usec)
    }

    /// When it was published.
    pub fn published(&self) -> Published {
        Published {
            realtime_usec: self.get(Word::Realtime),
            monotonic_usec: self.get(Word::Monotonic),
            boottime_usec: self.get(Word::Boottime),
            void_after_usec: self.get(Word::VoidAfter),
        }
    }

    /// Sets when it is published.
    pub fn set_published(&mut self, published: &Published) {
        self.set(Word::Realtime, published.realtime_usec);
        self.set(Word::Monotonic, published.monotonic_usec);
        self.set(Word::Boottime, published.boottime_usec);
        self.set(Word::VoidAfter, published.void_after_usec);
    }

    /// The words to publish under `number`, which is even.
    pub(super) fn sealed(&self, number: u64) -> Words {
        seal::sealed(self.words, number)
    }

    pub(super) fn get(&self, word: Word) -> u64 {
        self.words.get(word as usize).copied().unwrap_or(0)
    }

    pub(super) fn set(&mut self, word: Word, value: u64) {
        if let Some(place) = self.words.get_mut(word as usize) {
            *place = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Kind;
    use proptest::prelude::*;

    const KEY: Key = Key { kind: Kind::Cpuacct, id: 35 };

    fn published(realtime_usec: u64, void_after_usec: u64) -> Block {
        let mut block = Block::slot(KEY);
        block.set_published(&Published { realtime_usec, void_after_usec, ..Published::default() });
        block
    }

    #[test]
    fn a_header_tells_its_slots() {
        assert_eq!(Block::header(1024).slots(), Some(1024));
        assert_eq!(Block::header(1).slots(), Some(1));
        assert_eq!(Block::header(1 << 63).slots(), Some(1 << 63));
        for slots in [0, 3, 1000, u64::MAX] {
            assert_eq!(Block::header(slots).slots(), None, "{slots}");
        }
    }

    #[test]
    fn a_header_of_another_version_or_none_is_not_ours() {
        assert_eq!(Block::EMPTY.slots(), None);
        assert_eq!(Block::slot(KEY).slots(), None);
        for (word, value) in [(Word::MAGIC, MAGIC.swap_bytes()), (Word::VERSION, VERSION + 1), (Word::VERSION, 0)] {
            let mut header = Block::header(8);
            header.set(word, value);
            assert_eq!(header.slots(), None, "{word:?} {value:x}");
        }
    }

    #[test]
    fn a_header_says_when_its_sampler_has_ended() {
        let mut header = Block::header(8);
        assert!(!header.has_ended());
        header.set_ended();
        assert!(header.has_ended());
        assert_eq!(header.slots(), Some(8));
    }

    #[test]
    fn a_slot_is_of_one_key() {
        let block = Block::slot(KEY);
        assert!(block.is_of(KEY));
        assert!(!block.is_of(Key { kind: Kind::Cpu, ..KEY }) && !block.is_of(Key { id: 36, ..KEY }));
    }

    #[test]
    fn it_is_believed_from_a_second_before_its_publication_until_it_is_void() {
        let block = published(10_000_000, 25_000_000);
        for (now, is_fresh) in [
            (0, false),
            (8_999_999, false),
            (9_000_000, true),
            (10_000_000, true),
            (25_000_000, true),
            (25_000_001, false),
            (u64::MAX, false),
        ] {
            assert_eq!(block.is_fresh(now), is_fresh, "{now}");
        }
    }

    #[test]
    fn a_slot_that_is_given_up_is_never_believed() {
        for realtime in [0, 1, 10_000_000, u64::MAX] {
            let block = published(realtime, 0);
            assert!([0, 1, 9_500_000, 10_000_000, u64::MAX].iter().all(|now| !block.is_fresh(*now)), "{realtime}");
        }
    }

    proptest! {
        #[test]
        fn times_come_out_as_they_were_put_in(times: [u64; 4]) {
            let [realtime_usec, monotonic_usec, boottime_usec, void_after_usec] = times;
            let published = Published { realtime_usec, monotonic_usec, boottime_usec, void_after_usec };
            let mut block = Block::slot(KEY);
            block.set_published(&published);
            prop_assert_eq!(block.published(), published);
            prop_assert!(block.is_of(KEY));
        }

        #[test]
        fn random_words_are_judged_without_a_fault(words: [u64; BLOCK_WORDS], now: u64, age: u64) {
            let block = Block { words };
            prop_assert!(block.is_unused() || !block.is_whole());
            let _ = (block.slots(), block.is_fresh(now), block.load(), block.capacity_usec(now, age), block.above(), block.disk_used_bytes());
        }
    }
}
