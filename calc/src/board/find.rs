//! The reader's side: a cgroup's slot on a board that is lent.

use super::{Above, Block, Key, Kind};
use crate::{
    cgroup::{Controller, Level, Version, places::Places},
    source::Files,
};

/// How far from its home a slot may be.
pub const PROBES: u64 = 8;

/// How often a block is copied in the hope of a whole one: publishing takes a fraction of a microsecond.
const ATTEMPTS: u32 = 3;

/// A board to read from.
pub trait Board {
    /// Copies block `index` as it is now, in one piece; `None` when there is none.
    fn copy(&self, index: u64, into: &mut Block) -> Option<()>;
}

/// The number of slots of a board of our version.
pub fn slots(board: &impl Board) -> Option<u64> {
    let mut header = Block::EMPTY;
    whole(board, 0, &mut header)?;
    header.slots()
}

/// Where the slot of a key may be: the indices of blocks, in the order of the search.
#[derive(Clone, Debug)]
pub struct SlotNumbers {
    home: u64,
    slots: u64,
    step: u64,
}

impl SlotNumbers {
    /// Of `key` on a board with `slots` slots, a power of two.
    pub fn of(key: Key, slots: u64) -> Self {
        Self { home: key.home(slots), slots, step: 0 }
    }
}

impl Iterator for SlotNumbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let step = self.step;
        self.step = step.wrapping_add(1);
        (step < PROBES).then_some((self.home.wrapping_add(step) & self.slots.wrapping_sub(1)).wrapping_add(1))
    }
}

/// Copies the slot of `key` that may be believed at `now_usec` of CLOCK_REALTIME.
pub fn find(board: &impl Board, key: Key, now_usec: u64, into: &mut Block) -> Option<()> {
    for index in SlotNumbers::of(key, slots(board)?) {
        if whole(board, index, into).is_none() {
            if into.is_unused() {
                return None;
            }
            continue;
        }
        if into.is_of(key) && into.is_fresh(now_usec) {
            return Some(());
        }
    }
    None
}

/// Copies a block that is whole.
fn whole(board: &impl Board, index: u64, into: &mut Block) -> Option<()> {
    for _ in 0..ATTEMPTS {
        board.copy(index, into)?;
        if into.is_whole() {
            return Some(());
        }
    }
    None
}

/// Copies the slot of the scope, where its load and its capacity are. `None` too where the scope is the machine's root.
pub fn find_scope(
    files: &impl Files,
    places: &Places,
    board: &impl Board,
    now_usec: u64,
    scratch: &mut [u8],
    into: &mut Block,
) -> Option<()> {
    let place = places.hierarchy(Controller::Cpuacct)?;
    let scope = place.chain_of_scope().next()?;
    find(board, key(files, &scope, place.version, Controller::Cpuacct, scratch)?, now_usec, into)
}

/// The limits above what is visible of the hierarchies. [`Above::NONE`] where nobody publishes any.
pub fn find_above(files: &impl Files, places: &Places, board: &impl Board, now_usec: u64, scratch: &mut [u8]) -> Above {
    let mut all = Above::NONE;
    for controller in [Controller::Memory, Controller::Cpu, Controller::Cpuset] {
        let Some(above) = above_of(controller, files, places, board, now_usec, scratch) else { continue };
        match controller {
            Controller::Cpu => (all.quota_usec, all.period_usec) = (above.quota_usec, above.period_usec),
            Controller::Cpuset => all.cpus = above.cpus,
            _ => all = Above { quota_usec: 0, period_usec: 0, cpus: all.cpus, ..above },
        }
    }
    all
}

/// The limits above the top of `controller`'s hierarchy.
#[inline(never)]
fn above_of(
    controller: Controller,
    files: &impl Files,
    places: &Places,
    board: &impl Board,
    now_usec: u64,
    scratch: &mut [u8],
) -> Option<Above> {
    let place = places.hierarchy(controller)?;
    // The machine's root is no part of the chain: below it everything is visible.
    let top = place.chain().last().filter(|top| top.depth() == 0)?;
    let mut block = Block::EMPTY;
    find(board, key(files, &top, place.version, controller, scratch)?, now_usec, &mut block)?;
    block.above()
}

/// The key of a cgroup that is seen through `files`.
#[inline(never)]
fn key(
    files: &impl Files,
    level: &Level<'_>,
    version: Version,
    controller: Controller,
    scratch: &mut [u8],
) -> Option<Key> {
    const CGROUP_SUPER_MAGIC: u64 = 0x0027_e0eb;
    const CGROUP2_SUPER_MAGIC: u64 = 0x6367_7270;
    let path = level.directory(scratch)?;
    let id = files.directory(path)?.inode;
    let kind = match (version, files.file_system(path)?) {
        (Version::V2, CGROUP2_SUPER_MAGIC) => Kind::Unified,
        (Version::V1, CGROUP_SUPER_MAGIC) => Kind::of(controller),
        (Version::V2, CGROUP_SUPER_MAGIC) | (Version::V1, _) => return None,
        (Version::V2, _) => Kind::Declared,
    };
    Some(Key { kind, id })
}

impl Kind {
    /// That of version 1's hierarchy with `controller`.
    fn of(controller: Controller) -> Self {
        match controller {
            Controller::Memory => Self::Memory,
            Controller::Cpu => Self::Cpu,
            Controller::Cpuacct => Self::Cpuacct,
            Controller::Cpuset => Self::Cpuset,
        }
    }
}
