//! The board: what a container cannot learn from inside, published by `cgproc sampler` in shared memory.
//!
//! A file of [`BLOCK_BYTES`] blocks. Block 0 describes the board; every other block is the *slot* of a cgroup, found
//! by its [`Key`]. `docs/board.md` shows the layout, the protocol and the units; the writer and the readers share this
//! code.
//!
//! The writer seals a block and writes it with one `pwrite`; a reader copies it with one `pread`. Neither is atomic:
//! words may arrive in any order and from several publications. The checksum, over all words of one publication and
//! its number, says whether they belong together. So no reader waits, and nothing in the file can harm one.
//!
//! ```
//! use calc::board::{BLOCK_BYTES, Block, Board, Key, Kind, Load, Published, SlotNumbers, find};
//!
//! struct InMemory([[u8; BLOCK_BYTES]; 5]);
//!
//! impl Board for InMemory {
//!     fn copy(&self, index: u64, into: &mut Block) -> Option<()> {
//!         *into = Block::from_bytes(self.0.get(usize::try_from(index).ok()?)?);
//!         Some(())
//!     }
//! }
//!
//! let now = 1_000_000;
//! let key = Key { kind: Kind::Unified, id: 4711 };
//! let mut slot = Block::slot(key);
//! slot.set_load(&Load { running: 3, ..Load::default() });
//! slot.set_published(&Published { realtime_usec: now, void_after_usec: now + 1, ..Published::default() });
//!
//! let mut board = InMemory([[0; BLOCK_BYTES]; 5]);
//! Block::header(4).publish(&mut board.0[0]);
//! let place = SlotNumbers::of(key, 4).next().expect("a place to begin at");
//! slot.publish(&mut board.0[usize::try_from(place).expect("one of five")]);
//!
//! let mut found = Block::EMPTY;
//! assert!(find(&board, key, now, &mut found).is_some());
//! assert_eq!(found.load().map(|load| load.running), Some(3));
//! assert!(find(&board, key, now + 2, &mut found).is_none(), "void");
//! ```

mod block;
mod cgroups;
mod figures;
mod find;
#[cfg(test)]
mod in_memory;
mod layout;
mod publish;
mod seal;

pub use block::{Block, Published};
pub use cgroups::{each_scope, find_above, find_scope};
pub use figures::{Above, Known, Load};
pub use find::{Board, PROBES, SlotNumbers, find, slots};
pub use layout::{BLOCK_BYTES, BLOCK_WORDS, Words};

use core::ffi::CStr;

/// The path of the board, unless `CGPROC_BOARD` names another.
pub const DEFAULT_PATH: &CStr = c"/run/cgproc/board";

/// As long as a file of root's, or of the program's own user, is here, nothing is answered: the switch for all programs
/// that see it (`cgproc off --all`). It lies beside the board, so it is in every container that has the board's directory, whether a sampler runs or not.
pub const OFF_PATH: &CStr = c"/run/cgproc/off";

/// The first word of block 0 after its number: `cgprocbd`.
pub const MAGIC: u64 = u64::from_be_bytes(*b"cgprocbd");

/// The version of the layout. Readers accept no other: new fields take spare words, any other change makes a new
/// version.
pub const VERSION: u64 = 1;

/// The hierarchy that a cgroup's number belongs to: two hierarchies may use the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Kind {
    /// Version 2.
    Unified = 1,
    /// Version 1's with this controller; hierarchies that are mounted together have a slot for each.
    Memory = 2,
    /// See [`Kind::Memory`].
    Cpu = 3,
    /// See [`Kind::Memory`]. These slots have the load and the capacity.
    Cpuacct = 4,
    /// See [`Kind::Memory`].
    Cpuset = 5,
    /// A directory of files in version 2's form, on any other file system.
    Declared = 6,
}

/// What a slot is searched by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The hierarchy.
    pub kind: Kind,
    /// The inode number of the cgroup's directory, which is the same inside and outside a container.
    pub id: u64,
}

impl Key {
    /// The slot where the search for this key begins, among `slots`, a power of two.
    pub fn home(&self, slots: u64) -> u64 {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        // Fibonacci hashing takes the upper bits, which spreads consecutive numbers such as inodes evenly. The kinds
        // lie far apart, because version 1's hierarchies number their cgroups alike.
        let number = self.id.wrapping_add((self.kind as u64).rotate_right(u8::BITS));
        number.wrapping_mul(GOLDEN).rotate_left(slots.trailing_zeros()) & slots.wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{vec, vec::Vec};

    const V1: [Kind; 4] = [Kind::Memory, Kind::Cpu, Kind::Cpuacct, Kind::Cpuset];

    /// How many of `keys` find a slot before the first that does not.
    fn placed(keys: impl Iterator<Item = Key>, slots: u64) -> usize {
        let mut taken = vec![false; usize::try_from(slots).unwrap() + 1];
        let mut put = |key| {
            let free = SlotNumbers::of(key, slots).find(|index| !taken[usize::try_from(*index).unwrap()]);
            free.map(|index| taken[usize::try_from(index).unwrap()] = true)
        };
        keys.take_while(|key| put(*key).is_some()).count()
    }

    #[test]
    fn a_home_is_among_the_slots() {
        for slots in (0..64).map(|bits| 1 << bits) {
            for id in [0, 1, 2, u64::from(u32::MAX), u64::MAX] {
                assert!(Key { kind: Kind::Declared, id }.home(slots) < slots);
            }
        }
    }

    #[test]
    fn a_search_visits_each_slot_once() {
        let visited = |slots| SlotNumbers::of(Key { kind: Kind::Cpu, id: 99 }, slots).collect::<Vec<_>>();
        for slots in [1, 2, 8, 16, 1024] {
            let mut indices = visited(slots);
            assert_eq!(indices.len() as u64, slots.min(PROBES));
            indices.sort_unstable();
            indices.dedup();
            assert_eq!(indices.len() as u64, slots.min(PROBES));
            assert!(indices.iter().all(|index| (1..=slots).contains(index)));
        }
    }

    #[test]
    fn cgroups_made_one_after_the_other_fill_half_a_board() {
        for slots in [256, 1024, 4096, 16384_u64] {
            let unified = (2..).map(|id| Key { kind: Kind::Unified, id });
            assert!(placed(unified.take(slots as usize), slots) as u64 > slots / 2, "{slots}");
            let four = (2..).flat_map(|id| V1.map(|kind| Key { kind, id }));
            assert!(placed(four.take(slots as usize), slots) as u64 > slots / 2, "{slots}");
        }
    }

    #[test]
    fn survivors_of_many_cgroups_fill_a_quarter_of_a_board() {
        // As after days of short containers: the remainders of the squares choose which are left.
        let left = |id: &u64| id.wrapping_mul(*id) % 1009 < 101;
        for slots in [1024, 4096, 16384_u64] {
            let keys = (2..).filter(left).flat_map(|id| V1.map(|kind| Key { kind, id }));
            assert!(placed(keys.take(slots as usize), slots) as u64 > slots / 4, "{slots}");
        }
    }
}
