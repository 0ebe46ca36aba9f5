//! The places of a block's words. A test compares `docs/board.md` with this table.

/// Words of 64 bits in a block, in the machine's byte order.
pub const BLOCK_WORDS: usize = 32;

/// Bytes in a block.
pub const BLOCK_BYTES: usize = BLOCK_WORDS * size_of::<u64>();

/// The words of a block.
pub type Words = [u64; BLOCK_WORDS];

/// Words of [`Word::Cpus`]: 512 CPUs. On larger machines the CPUs above are unknown.
pub(super) const CPU_WORDS: usize = 8;

/// The places of the words. Words without a name are spare, and 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Word {
    /// The number of the publication: even, and 0 if nothing was ever published.
    Sequence = 0,
    /// A slot's [`super::Kind`].
    Kind = 1,
    /// A slot's cgroup.
    Id = 2,
    /// The time of publication by CLOCK_REALTIME, in microseconds.
    Realtime = 3,
    /// The same by CLOCK_MONOTONIC, only for the next sampler.
    Monotonic = 4,
    /// The same by CLOCK_BOOTTIME in the sampler's time namespace.
    Boottime = 5,
    /// The end of validity, by CLOCK_REALTIME in microseconds. 0 in a slot that is given up.
    VoidAfter = 6,
    /// Bits of [`super::Known`].
    Known = 7,
    /// Load over 1 minute (low half) and 5 minutes, in 1/2048.
    Averages1And5 = 8,
    /// Load over 15 minutes (low half), in 1/2048; threads that are running or wait for a CPU.
    Average15AndRunning = 9,
    /// Threads that wait uninterruptibly (low half); all threads.
    BlockedAndThreads = 10,
    /// CPU time that the cgroup could have used since the machine booted, in microseconds. The first rate found counts
    /// for all time before it was found.
    Capacity = 11,
    /// CPU time a second, in microseconds, since the publication.
    CapacityRate = 12,
    /// The first rate found.
    FirstRate = 13,
    /// Limits of the cgroups above this one; `u64::MAX` for none.
    MemoryLimit = 14,
    MemoryFree = 15,
    SwapLimit = 16,
    SwapFree = 17,
    /// The lowest quota above, and its period; 0 for none.
    Quota = 18,
    Period = 19,
    /// The CPUs that the cgroups above leave, 64 a word; all 0 if unknown.
    Cpus = 20,
    /// The space that the container's files take on disk, in bytes.
    DiskUsed = 28,
    /// The checksum of all words before it.
    Checksum = 31,
}

impl Word {
    /// Names for block 0: [`super::MAGIC`].
    pub(super) const MAGIC: Self = Self::Kind;
    /// [`super::VERSION`].
    pub(super) const VERSION: Self = Self::Id;
    /// The number of slots that follow.
    pub(super) const SLOTS: Self = Self::Known;
    /// 1 once the sampler has ended.
    pub(super) const ENDED: Self = Self::Averages1And5;
}

/// The byte offset of each word, on which other versions of the programs rely.
const OFFSETS: [(Word, usize); 23] = [
    (Word::Sequence, 0x00),
    (Word::Kind, 0x08),
    (Word::Id, 0x10),
    (Word::Realtime, 0x18),
    (Word::Monotonic, 0x20),
    (Word::Boottime, 0x28),
    (Word::VoidAfter, 0x30),
    (Word::Known, 0x38),
    (Word::Averages1And5, 0x40),
    (Word::Average15AndRunning, 0x48),
    (Word::BlockedAndThreads, 0x50),
    (Word::Capacity, 0x58),
    (Word::CapacityRate, 0x60),
    (Word::FirstRate, 0x68),
    (Word::MemoryLimit, 0x70),
    (Word::MemoryFree, 0x78),
    (Word::SwapLimit, 0x80),
    (Word::SwapFree, 0x88),
    (Word::Quota, 0x90),
    (Word::Period, 0x98),
    (Word::Cpus, 0xa0),
    (Word::DiskUsed, 0xe0),
    (Word::Checksum, 0xf8),
];

#[expect(clippy::indexing_slicing, reason = "runs only in the compiler")]
const _: () = {
    assert!(BLOCK_BYTES == 256);
    let mut row = 0;
    while row < OFFSETS.len() {
        assert!(OFFSETS[row].0 as usize * size_of::<u64>() == OFFSETS[row].1);
        row += 1;
    }
    // The seal takes the first and the last word, whatever their names.
    assert!(Word::Sequence as usize == 0);
    assert!(Word::Checksum as usize == BLOCK_WORDS - 1);
    assert!(Word::Cpus as usize + CPU_WORDS <= Word::DiskUsed as usize);
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{MAGIC, VERSION};
    use std::{format, string::String, vec::Vec};

    const PAGE: &str = include_str!("../../../docs/board.md");

    /// The first two columns of the page's table of words.
    fn rows() -> Vec<(String, String)> {
        let cells = |line: &str| {
            let mut cells = line.strip_prefix("| `0x")?.split('|').map(|cell| cell.trim().replace('`', ""));
            Some((format!("0x{}", cells.next()?), cells.next()?))
        };
        PAGE.lines().filter_map(cells).collect()
    }

    #[test]
    fn the_page_names_every_word_at_its_place() {
        let words: Vec<_> =
            OFFSETS.iter().map(|(word, offset)| (format!("0x{offset:02x}"), format!("{word:?}"))).collect();
        assert_eq!(rows(), words);
    }

    #[test]
    fn the_page_names_magic_and_version() {
        assert!(PAGE.contains(&format!("`0x{MAGIC:016x}`")));
        let (_, history) = PAGE.split_once("| version | since |").expect("the page has a history");
        let versions: Vec<_> = history.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()).collect();
        assert!(
            versions.starts_with(&[&format!("{VERSION}")]),
            "the history must begin with this version: {versions:?}"
        );
    }
}
