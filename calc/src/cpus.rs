//! Sets of CPUs, in the form of the kernel's bitmaps and lists (`0-3,7`).

mod list;

use crate::source::{Source, is_end};
use list::List;
use zerocopy::{FromBytes, IntoBytes};

/// The largest CPU number we support, plus one; larger machines get the kernel's own answers.
pub const MAX_CPUS: usize = 2048;

/// CPUs in a word of the bitmap.
const BITS: u64 = 64;

/// A set of CPU numbers below [`MAX_CPUS`].
///
/// ```
/// use calc::cpus::CpuSet;
///
/// let allowed = CpuSet::parse(b"0-3,7\n").expect("a list of the kernel's");
/// assert_eq!(allowed.count(), 5);
/// assert_eq!(Some(allowed.first(2)), CpuSet::parse(b"0-1"));
/// assert_eq!(Some(allowed.and(&CpuSet::parse(b"3-15").unwrap())), CpuSet::parse(b"3,7"));
/// assert_eq!(CpuSet::parse(b"3-1"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C)]
pub struct CpuSet {
    words: [u64; MAX_CPUS / 64],
}

impl CpuSet {
    /// The empty set.
    pub const EMPTY: Self = Self { words: [0; MAX_CPUS / 64] };

    /// Parses a kernel list, `0-3,7`, with or without a final newline. `None` if it is not one or names a CPU beyond
    /// [`MAX_CPUS`].
    pub fn parse(list: &[u8]) -> Option<Self> {
        let mut set = Self::EMPTY;
        let mut read = List::default();
        read.read(list, &mut set)?;
        read.end(&mut set)?;
        Some(set)
    }

    /// Adds the CPUs of the kernel list in `file`; if that fails, some may have been added.
    pub(crate) fn read(&mut self, file: &mut impl Source, scratch: &mut [u8]) -> Option<()> {
        let mut list = List::default();
        loop {
            let len = file.read(scratch)?;
            list.read(scratch.get(..len)?, self)?;
            if is_end(scratch, len, file.short_read_is_end()) {
                return list.end(self);
            }
        }
    }

    /// Adds the CPUs from `first` to `last`.
    pub(crate) fn insert(&mut self, first: u64, last: u64) -> Option<()> {
        let known = usize::try_from(last).is_ok_and(|last| last < MAX_CPUS);
        if !known || first > last {
            return None;
        }
        for cpu in first..=last {
            *self.words.get_mut(usize::try_from(cpu / BITS).ok()?)? |= bit(cpu);
        }
        Some(())
    }

    /// Whether `cpu` is in the set.
    pub fn contains(&self, cpu: u64) -> bool {
        let word = usize::try_from(cpu / BITS).ok().and_then(|word| self.words.get(word));
        word.is_some_and(|word| word & bit(cpu) != 0)
    }

    /// How many CPUs are in the set.
    #[inline(never)]
    pub fn count(&self) -> u64 {
        let mut count = 0_u64;
        for word in &self.words {
            // Most words are 0, and others have few CPUs: counting them one by one is less work than any trick.
            let mut left = *word;
            while left != 0 {
                left &= left.wrapping_sub(1);
                count = count.saturating_add(1);
            }
        }
        count
    }

    /// The `count` CPUs with the lowest numbers.
    pub fn first(&self, count: u64) -> Self {
        let mut set = *self;
        set.keep_first(count);
        set
    }

    /// Keeps only the `count` CPUs with the lowest numbers.
    pub(crate) fn keep_first(&mut self, count: u64) {
        keep_first(&mut self.words, count, &[]);
    }

    /// The same, but the CPUs in `preferred` come before the others.
    pub(crate) fn keep_first_preferring(&mut self, count: u64, preferred: &Self) {
        keep_first(&mut self.words, count, &preferred.words);
    }

    /// Keeps only the CPUs in the bitmap `words`, unless none would be left. Returns whether any is left out.
    pub(crate) fn narrow(&mut self, words: &[u64]) -> bool {
        let mut left_out = 0;
        if self.words.iter().zip(words).any(|(own, theirs)| own & theirs != 0) {
            for (index, word) in self.words.iter_mut().enumerate() {
                let theirs = words.get(index).copied().unwrap_or(0);
                left_out |= *word & !theirs;
                *word &= theirs;
            }
        }
        left_out != 0
    }

    /// The CPUs in both sets.
    pub fn and(&self, other: &Self) -> Self {
        let mut set = *self;
        set.keep(other);
        set
    }

    /// Whether the set is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Keeps only the CPUs that are also in `other`.
    pub(crate) fn keep(&mut self, other: &Self) {
        for (word, theirs) in self.words.iter_mut().zip(&other.words) {
            *word &= theirs;
        }
    }

    /// Removes the CPUs of `other`.
    pub(crate) fn remove(&mut self, other: &Self) {
        for (word, theirs) in self.words.iter_mut().zip(&other.words) {
            *word &= !theirs;
        }
    }

    /// Which of the four CPUs from 4 × `index` are in the set: the hexadecimal digit at that place in the kernel's
    /// bitmaps.
    pub(crate) fn digit(&self, index: usize) -> u8 {
        let word = self.words.get(index / 16).copied().unwrap_or(0);
        (word.rotate_right((index % 16).saturating_mul(4) as u32) & 0xf) as u8
    }

    /// The CPUs, in ascending order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { words: self.words.iter(), left: 0, next_base: 0 }
    }

    /// The bitmap, with CPU 0 in bit 0 of word 0, as in `sched_getaffinity(2)`.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The same, for writing.
    pub fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    /// The set of a bitmap; `None` if it has a CPU beyond [`MAX_CPUS`].
    pub fn from_words(words: &[u64]) -> Option<Self> {
        let mut set = Self::EMPTY;
        let mut theirs = words.iter();
        for (word, their) in set.words.iter_mut().zip(theirs.by_ref()) {
            *word = *their;
        }
        theirs.all(|beyond| *beyond == 0).then_some(set)
    }
}

/// Keeps `count` CPUs of a bitmap: the lowest that are in `preferred`, then the lowest of the others. Returns whether
/// any is left out.
#[inline(never)]
pub fn keep_first(words: &mut [u64], count: u64, preferred: &[u64]) -> bool {
    let (mut room, mut left_out) = (count, false);
    for flipped in [0, u64::MAX] {
        for (index, word) in words.iter_mut().enumerate() {
            let chosen = preferred.get(index).copied().unwrap_or(0) ^ flipped;
            let kept = lowest(*word & chosen, &mut room) | *word & !chosen;
            left_out |= kept != *word;
            *word = kept;
        }
    }
    left_out
}

/// The lowest CPUs of a word, at most `room` of them.
fn lowest(mut word: u64, room: &mut u64) -> u64 {
    let mut kept = 0;
    while word != 0 && *room > 0 {
        kept |= word & word.wrapping_neg();
        word &= word.wrapping_sub(1);
        *room = room.saturating_sub(1);
    }
    kept
}

/// The bit of `cpu` in its word.
fn bit(cpu: u64) -> u64 {
    1_u64.rotate_left((cpu % BITS) as u32)
}

/// The CPUs of a set, in ascending order.
pub struct Iter<'s> {
    words: core::slice::Iter<'s, u64>,
    /// The bits of the current word that are left.
    left: u64,
    /// The number of the first CPU in the word after the current one.
    next_base: u64,
}

impl Iterator for Iter<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        while self.left == 0 {
            self.left = *self.words.next()?;
            self.next_base = self.next_base.saturating_add(BITS);
        }
        let lowest = u64::from(self.left.trailing_zeros());
        self.left &= self.left.wrapping_sub(1);
        Some(self.next_base.saturating_sub(BITS).saturating_add(lowest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Bytes;
    use proptest::prelude::*;
    use std::{collections::BTreeSet, vec::Vec};

    fn cpus(list: &str) -> Option<Vec<u64>> {
        CpuSet::parse(list.as_bytes()).map(|set| set.iter().collect())
    }

    #[test]
    fn lists() {
        assert_eq!(cpus("0\n"), Some([0].into()));
        assert_eq!(cpus("0-3,7"), Some([0, 1, 2, 3, 7].into()));
        assert_eq!(cpus("5,1-2\n"), Some([1, 2, 5].into()));
        assert_eq!(cpus("63-64,2047"), Some([63, 64, 2047].into()));
        assert_eq!(cpus("0-1\n\0"), Some([0, 1].into()));
        assert_eq!(cpus("\n"), Some([].into()));
        assert_eq!(cpus(""), Some([].into()));
    }

    #[test]
    fn no_lists() {
        for list in [
            "x",
            "1-",
            "-1",
            "3-1",
            "1,",
            ",1",
            "1 2",
            "0-7:2/4",
            "2048",
            "0-2048",
            "1\n2",
            "1\0\n",
            "1\n\n",
            "1\n\x002",
            "1-2-3",
            "\0",
            "18446744073709551616",
        ] {
            assert_eq!(cpus(list), None, "{list:?}");
        }
    }

    #[test]
    fn the_first_have_the_lowest_numbers() {
        let set = CpuSet::parse(b"3,64-66,200").unwrap();
        assert_eq!(set.first(0), CpuSet::EMPTY);
        assert_eq!(set.first(3), CpuSet::parse(b"3,64-65").unwrap());
        assert_eq!(set.first(9), set);
    }

    #[test]
    fn preferred_ones_come_first() {
        let with = |preferred: &str, count| {
            let mut set = CpuSet::parse(b"0-3,64-66").unwrap();
            set.keep_first_preferring(count, &CpuSet::parse(preferred.as_bytes()).unwrap());
            set.iter().collect::<Vec<_>>()
        };
        assert_eq!(with("1-3", 2), [1, 2]);
        assert_eq!(with("2,65,99", 2), [2, 65]);
        assert_eq!(with("3", 2), [0, 3], "others fill the rest");
        assert_eq!(with("", 2), [0, 1]);
        assert_eq!(with("66", 0), [0; 0]);
        assert_eq!(with("66", 9), [0, 1, 2, 3, 64, 65, 66]);
    }

    #[test]
    fn words_name_the_cpus_that_the_kernel_means() {
        let set = CpuSet::parse(b"0,65").unwrap();
        assert_eq!(set.words()[..2], [1, 2]);
        assert_eq!(CpuSet::from_words(&[1, 2]), Some(set));
        assert_eq!(CpuSet::from_words(&[0; 40]), Some(CpuSet::EMPTY));
        let mut beyond = [0; 33];
        beyond[32] = 1;
        assert_eq!(CpuSet::from_words(&beyond), None);
    }

    proptest! {
        #[test]
        fn sets_are_sets(one in prop::collection::btree_set(0_u64..2048, 0..50), other in prop::collection::btree_set(0_u64..2048, 0..50)) {
            let set = |cpus: &BTreeSet<u64>| {
                let list: Vec<_> = cpus.iter().map(std::string::ToString::to_string).collect();
                CpuSet::parse(list.join(",").as_bytes()).unwrap()
            };
            prop_assert_eq!(set(&one).count(), one.len() as u64);
            prop_assert!(set(&one).iter().eq(one.iter().copied()));
            prop_assert!((0..2100).all(|cpu| set(&one).contains(cpu) == one.contains(&cpu)));
            prop_assert!(set(&one).and(&set(&other)).iter().eq(one.intersection(&other).copied()));
            let mut difference = set(&one);
            difference.remove(&set(&other));
            prop_assert!(difference.iter().eq(one.difference(&other).copied()));
            let digit = |index: usize| (0..4).filter(|bit| one.contains(&(4 * index as u64 + bit))).map(|bit| 1 << bit).sum::<u8>();
            prop_assert!((0..520).all(|index| set(&one).digit(index) == digit(index)));
        }

        #[test]
        fn files_are_read_in_pieces(cpus in prop::collection::btree_set(0_u64..2048, 0..400), step in 1_usize..40, size in 1_usize..40, end in "\n?") {
            let list = cpus.iter().map(std::string::ToString::to_string).collect::<Vec<_>>().join(",") + &end;
            let mut set = CpuSet::EMPTY;
            set.read(&mut Bytes::in_steps(list, step), &mut std::vec![0; size]).unwrap();
            prop_assert!(set.iter().eq(cpus.iter().copied()));
            prop_assert_eq!(set.is_empty(), cpus.is_empty());
        }

        #[test]
        fn any_bytes_are_judged(list in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = CpuSet::parse(&list);
        }
    }
}
