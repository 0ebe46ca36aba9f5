//! The board: what a container cannot learn from inside, published by `cgproc sampler` in shared memory.
//!
//! A file of [`BLOCK_BYTES`] blocks. Block 0 describes the board, every other one is the *slot* of a cgroup, found by its
//! [`Key`]. The layout, the protocol and the units are drawn in `docs/board.md`; writer and readers share what is here.
//!
//! The writer stores words through a mapping. A reader copies a block with one `pread`, which is no atomic load: words may
//! come in any order and from several publications. The checksum, over all words of one publication and its number, says
//! whether they belong together. So no reader waits, and none is harmed by whatever the file holds.

mod block;
mod find;
mod publish;

pub use block::{Above, BLOCK_BYTES, BLOCK_WORDS, Block, Known, Load, Published, Words};
pub use find::{Board, PROBES, SlotNumbers, find, find_above, find_scope, slots};
pub use publish::{Atomic, Cell};

use core::ffi::CStr;

/// Where the board is, unless `CGPROC_BOARD` says otherwise.
pub const DEFAULT_PATH: &CStr = c"/run/cgproc/board";

/// What block 0 begins with: `cgprocbd`.
pub const MAGIC: u64 = u64::from_be_bytes(*b"cgprocbd");

/// The version of the layout. A reader takes no other: fields are added where words are spare, any other change is a new
/// version.
pub const VERSION: u64 = 1;

/// Which hierarchy a cgroup's number is of: the numbers of two may be alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Kind {
    /// Version 2.
    Unified = 1,
    /// Version 1's with this controller; hierarchies mounted together have a slot for each.
    Memory = 2,
    /// See [`Kind::Memory`].
    Cpu = 3,
    /// See [`Kind::Memory`]. Load and capacity are in these slots.
    Cpuacct = 4,
    /// See [`Kind::Memory`].
    Cpuset = 5,
    /// A directory of files in version 2's form, on any other file system.
    Declared = 6,
}

/// What a slot is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The hierarchy.
    pub kind: Kind,
    /// The inode number of the cgroup's directory, which is the same inside and outside a container.
    pub id: u64,
}

impl Key {
    /// The slot at which the search for this key begins, among `slots`, a power of two.
    pub fn home(&self, slots: u64) -> u64 {
        // Fibonacci hashing: numbers that follow each other, as inodes do, are spread evenly.
        let mixed =
            self.id.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add((self.kind as u64).wrapping_mul(0x6a09_e667));
        (mixed >> 32) & slots.wrapping_sub(1)
    }
}
