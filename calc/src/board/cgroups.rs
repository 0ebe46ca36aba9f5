//! The slots of the cgroups that a program is in.

use super::{Above, Block, Board, Key, Kind, find};
use crate::{
    cgroup::{Controller, Hierarchy, Level, Version, places::Places},
    source::Files,
};
use core::ffi::CStr;

/// Copies the scope's slot, which has its load and its capacity. `None` if it has none, or if the scope is the
/// machine's root.
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

/// Calls `found` with the key and the directory of the scope in the hierarchy of each controller present, except for
/// the machine's root.
pub fn each_scope(files: &impl Files, places: &Places, scratch: &mut [u8], mut found: impl FnMut(Key, &CStr)) {
    for controller in Controller::ALL {
        let Some(place) = places.hierarchy(controller) else { continue };
        let Some(scope) = place.chain_of_scope().next() else { continue };
        let Some(key) = key(files, &scope, place.version, controller, scratch) else { continue };
        if let Some(directory) = scope.directory(scratch) {
            found(key, directory);
        }
    }
}

/// Adds the limits above the visible part of the hierarchies to `above`, if a sampler publishes them.
///
/// Everything is put in place, and one block serves all, because a hook's stack is small.
pub fn find_above(
    files: &impl Files,
    places: &Places,
    board: &impl Board,
    now_usec: u64,
    scratch: &mut [u8],
    above: &mut Above,
) {
    let mut block = Block::EMPTY;
    // Version 2's controllers have one directory, and one slot.
    let mut unified: Option<&[u8]> = None;
    for controller in [Controller::Memory, Controller::Cpu, Controller::Cpuset] {
        let Some(place) = places.hierarchy(controller) else { continue };
        if unified != Some(place.mount)
            && find_top(controller, &place, files, board, now_usec, scratch, &mut block).is_none()
        {
            block = Block::EMPTY;
        }
        unified = Some(place.mount).filter(|_| place.version == Version::V2);
        match controller {
            Controller::Cpu => block.take_quota(above),
            Controller::Cpuset => block.take_cpus(above),
            _ => block.take_memory(above),
        }
    }
}

/// Copies the slot of the top of `controller`'s hierarchy.
#[inline(never)]
fn find_top(
    controller: Controller,
    place: &Hierarchy<'_>,
    files: &impl Files,
    board: &impl Board,
    now_usec: u64,
    scratch: &mut [u8],
    into: &mut Block,
) -> Option<()> {
    // The machine's root is not in the chain: below it everything is visible.
    let top = place.chain().last().filter(|top| top.depth() == 0)?;
    find(board, key(files, &top, place.version, controller, scratch)?, now_usec, into)
}

/// The key of a cgroup seen through `files`.
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
        (Version::V1, CGROUP_SUPER_MAGIC) => Kind::of(controller)?,
        (Version::V2, CGROUP_SUPER_MAGIC) | (Version::V1, _) => return None,
        (Version::V2, _) => Kind::Declared,
    };
    Some(Key { kind, id })
}

impl Kind {
    /// The kind of version 1's hierarchy with `controller`; some have no slots.
    fn of(controller: Controller) -> Option<Self> {
        Some(match controller {
            Controller::Memory => Self::Memory,
            Controller::Cpu => Self::Cpu,
            Controller::Cpuacct => Self::Cpuacct,
            Controller::Cpuset => Self::Cpuset,
            Controller::Io | Controller::Pids => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        board::{
            BLOCK_WORDS, Load, Published, SlotNumbers,
            in_memory::{InMemory, SLOTS},
        },
        cgroup::places::Whose,
        fixture::Tree,
    };
    use std::string::String;

    const NOW: u64 = 1_000_000_000;
    const V1: u64 = 0x0027_e0eb;
    const V2: u64 = 0x6367_7270;
    const TMPFS: u64 = 0x0102_1994;

    /// A board with these slots.
    fn board(slots: &[Block]) -> InMemory {
        let mut board = InMemory::new();
        for slot in slots {
            let indices = Kind::ALL.into_iter().find_map(|kind| {
                let key = Key { kind, id: slot.words[2] };
                slot.is_of(key).then(|| SlotNumbers::of(key, SLOTS))
            });
            let free = indices.unwrap().find(|index| *board.block(*index) == [0; BLOCK_WORDS]);
            *board.block(free.unwrap()) = slot.sealed(2);
        }
        board
    }

    impl Kind {
        const ALL: [Self; 6] = [Self::Unified, Self::Memory, Self::Cpu, Self::Cpuacct, Self::Cpuset, Self::Declared];
    }

    fn slot(kind: Kind, id: u64) -> Block {
        let mut block = Block::slot(Key { kind, id });
        let published = Published { realtime_usec: NOW, void_after_usec: NOW + 1, ..Published::default() };
        block.set_published(&published);
        block
    }

    /// A slot in which `running` threads run.
    fn with_load(kind: Kind, id: u64, running: u32) -> Block {
        let mut block = slot(kind, id);
        block.set_load(&Load { running, ..Load::default() });
        block
    }

    fn with_above(kind: Kind, id: u64, above: Above) -> Block {
        let mut block = slot(kind, id);
        block.set_above(&above);
        block
    }

    /// A limit of each controller.
    fn limits(seed: u64) -> Above {
        let cpus = core::array::from_fn(|at| if at == 0 { seed } else { 0 });
        Above { memory_limit_bytes: seed, quota_usec: seed, period_usec: 100, cpus, ..Above::NONE }
    }

    fn process(own: &str, init: &str) -> Tree {
        Tree::default().with("/proc/self/cgroup", own).with("/proc/1/cgroup", init).with("/proc/self/ns/cgroup", "")
    }

    /// A process on a v2 machine, in `/a/b` of what it sees; the top has this number.
    fn v2(own: &str, init: &str, top: u64) -> Tree {
        let tree = process(own, init).with_directory("/sys/fs/cgroup", top, 3).with_file_system("/sys/fs/cgroup", V2);
        let tree = tree.with("/sys/fs/cgroup/cgroup.procs", "");
        [("/a", 70), ("/a/b", 71)].iter().fold(tree, |tree, (path, inode)| {
            let path = String::from("/sys/fs/cgroup") + path;
            tree.with_directory(&path, *inode, 2).with_file_system(&path, V2)
        })
    }

    /// A process on a v1 machine. The tops of its mounts are numbered from `top`: memory, cpu with cpuacct, cpuset.
    fn v1(own: &str, top: u64, magic: u64) -> Tree {
        let own = ["9:memory:", own, "\n8:cpu,cpuacct:", own, "\n7:cpuset:", own, "\n"].concat();
        let mounts = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpuset"];
        mounts.iter().zip(top..).fold(process(&own, &own), |tree, (mount, inode)| {
            let path = String::from(*mount) + "/a";
            let tree = tree.with_directory(mount, inode, 2).with_file_system(mount, magic);
            tree.with(&(String::from(*mount) + "/cgroup.procs"), "")
                .with_directory(&path, inode + 50, 2)
                .with_file_system(&path, magic)
        })
    }

    fn running(tree: &Tree, whose: Whose<'_>, board: &impl Board) -> Option<u32> {
        let mut block = Block::EMPTY;
        let scratch = &mut [0; 512];
        let places = Places::locate(tree, whose, scratch).unwrap();
        find_scope(tree, &places, board, NOW, scratch, &mut block)?;
        block.load().map(|load| load.running)
    }

    fn above(tree: &Tree, board: &impl Board) -> Above {
        let scratch = &mut [0; 512];
        let places = Places::locate(tree, Whose::Caller, scratch).unwrap();
        let mut above = Above::NONE;
        find_above(tree, &places, board, NOW, scratch, &mut above);
        above
    }

    #[test]
    fn on_v2_the_scope_is_found_by_its_own_number() {
        let board = board(&[with_load(Kind::Unified, 70, 2), with_load(Kind::Unified, 71, 3)]);
        let tree = v2("0::/a/b\n", "0::/a/b\n", 1);
        assert_eq!(running(&tree, Whose::Caller, &board), Some(3));
        let below_init = v2("0::/a/b\n", "0::/a\n", 1);
        assert_eq!(running(&below_init, Whose::Caller, &board), Some(2), "pid 1's cgroup is the scope");
    }

    #[test]
    fn a_namespaces_root_is_a_scope_and_the_machines_is_none() {
        let board = board(&[with_load(Kind::Unified, 40, 4), with_load(Kind::Unified, 1, 9)]);
        let namespace = v2("0::/a\n", "0::/\n", 40);
        let namespace = namespace.with("/proc/self/mountinfo", "");
        assert_eq!(running(&namespace, Whose::Caller, &board), Some(4));
        let machine = v2("0::/\n", "0::/\n", 1);
        assert_eq!(running(&machine, Whose::Caller, &board), None);
    }

    #[test]
    fn on_v1_load_is_in_the_slot_of_cpuacct() {
        let board = board(&[
            with_load(Kind::Memory, 81, 1),
            with_load(Kind::Cpu, 82, 2),
            with_load(Kind::Cpuacct, 82, 3),
            with_load(Kind::Unified, 82, 4),
        ]);
        assert_eq!(running(&v1("/a", 31, V1), Whose::Caller, &board), Some(3));
    }

    #[test]
    fn a_number_counts_only_on_a_cgroup_file_system() {
        let board = board(&[with_load(Kind::Cpuacct, 82, 3), with_load(Kind::Declared, 82, 5)]);
        assert_eq!(running(&v1("/a", 31, TMPFS), Whose::Caller, &board), None);
        let named_as_v2 = v2("0::/a\n", "0::/a\n", 1).with_file_system("/sys/fs/cgroup/a", V1);
        assert_eq!(running(&named_as_v2, Whose::Caller, &board), None);
    }

    #[test]
    fn a_declared_directory_has_slots_of_its_own() {
        let tree = Tree::default().with_directory("/run/view", 9, 2).with_file_system("/run/view", TMPFS);
        let board = board(&[with_load(Kind::Unified, 9, 1), with_load(Kind::Declared, 9, 6)]);
        assert_eq!(running(&tree, Whose::Directory(b"/run/view"), &board), Some(6));
    }

    #[test]
    fn on_v2_all_limits_are_in_one_slot_that_is_looked_up_once() {
        let board = board(&[with_above(Kind::Unified, 40, limits(6))]);
        assert_eq!(above(&v2("0::/a\n", "0::/\n", 40), &board), limits(6));
        assert_eq!(board.copies.get(), 2, "the header and the slot");
    }

    #[test]
    fn on_v1_each_controllers_limits_are_in_its_own_slot() {
        let memory = Above { swap_limit_bytes: 3, memory_free_bytes: 4, swap_free_bytes: 5, ..limits(2) };
        let board = board(&[
            with_above(Kind::Memory, 31, memory),
            with_above(Kind::Cpu, 32, limits(3)),
            with_above(Kind::Cpuacct, 32, limits(4)),
            with_above(Kind::Cpuset, 33, limits(5)),
        ]);
        let expected = Above { quota_usec: 3, period_usec: 100, cpus: limits(5).cpus, ..memory };
        assert_eq!(above(&v1("/a", 31, V1), &board), expected);
    }

    #[test]
    fn what_one_controller_lacks_leaves_the_others() {
        let board = board(&[with_above(Kind::Cpuset, 33, limits(5)), with_load(Kind::Memory, 31, 1)]);
        let expected = Above { cpus: limits(5).cpus, ..Above::NONE };
        assert_eq!(above(&v1("/a", 31, V1), &board), expected);
    }

    #[test]
    fn nothing_is_above_the_machines_root() {
        let board = board(&[with_above(Kind::Unified, 1, limits(6)), with_above(Kind::Unified, 70, limits(7))]);
        assert_eq!(above(&v2("0::/a/b\n", "0::/\n", 1), &board), Above::NONE);
        assert_eq!(above(&v2("0::/\n", "0::/\n", 1), &board), Above::NONE);
    }
}
