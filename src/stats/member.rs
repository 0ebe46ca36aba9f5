//! A mounted hierarchy, with what is kept about its cgroups between two looks.

use super::{
    files::{Group, Kept, Room},
    own::Own,
    starts::Starts,
};
use crate::{
    host::mounts::{self, Mount},
    sampler::{Event, Form, Hierarchy, Node, Root, Watch, table},
};
use anyhow::{Context, Result};
use calc::{
    board::Key,
    cgroup::{CgroupFiles as _, Controller, Version},
};
use std::{collections::HashSet, path::Path, sync::Arc};

/// One of the hierarchies.
pub(super) struct Member {
    pub(super) hierarchy: Hierarchy,
    pub(super) version: Version,
    /// The controllers that it has.
    pub(super) controllers: Vec<Controller>,
    /// What is kept, by the cgroup's index in the hierarchy.
    kept: Vec<Option<Memory>>,
    /// Cgroups whose limits were written since the last look.
    suspects: HashSet<usize>,
    /// For open files.
    room: Arc<Room>,
}

/// What is kept about a cgroup.
struct Memory {
    id: u64,
    files: Kept,
    /// Its limits, unless they may have changed.
    limits: Option<Own>,
    /// When its processes started.
    starts: Starts,
}

/// After so many looks, what is kept about a cgroup is forgotten: its files are opened anew, and its limits are read
/// again. Not everything is told, the files of a controller appear and go as it is switched on and off, and the kernel
/// gives numbers of processes again.
const REOPENED: usize = 12;

impl Member {
    /// All hierarchies that are mounted here, in the order of their use.
    pub(super) fn all() -> Result<Vec<Self>> {
        const TABLE: &str = "/proc/self/mountinfo";
        let table = table(TABLE).context(TABLE)?;
        let mut mounts = mounts::in_sight(&table);
        // Of several mounts of one hierarchy, the one that shows most.
        mounts.sort_by_key(|mount| mount.root().as_os_str().len());
        let mut members: Vec<Self> = Vec::new();
        let room = Arc::default();
        for mount in &mounts {
            let Some((root, version, controllers)) = described(mount) else { continue };
            if !members.iter().any(|it| it.version == version && it.controllers == controllers) {
                members.extend(Self::open(root, version, controllers, members.len(), &room));
            }
        }
        Ok(in_order(members))
    }

    /// The hierarchy of `root`; `None` if another mount hides it. There is `room` for the open files of all hierarchies
    /// together.
    pub(super) fn open(
        root: Root,
        version: Version,
        controllers: Vec<Controller>,
        number: usize,
        room: &Arc<Room>,
    ) -> Option<Self> {
        let mut hierarchy = Hierarchy::open(Root { is_quiet: true, ..root }, 0, number).ok()?;
        hierarchy.explore(&mut None);
        let (kept, suspects, room) = (Vec::new(), HashSet::new(), Arc::clone(room));
        Some(Self { hierarchy, version, controllers, kept, suspects, room })
    }

    /// Whether it has a controller.
    pub(super) fn has(&self, controller: Controller) -> bool {
        self.controllers.contains(&controller)
    }

    /// Watches the cgroups, so that those made and removed are told. Until then, there is no watch: the first look may be
    /// the only one.
    pub(super) fn watch(&mut self, watch: &mut Option<Watch>) {
        self.hierarchy.watch_all(watch);
    }

    /// Does what an event asks for.
    pub(super) fn hear(&mut self, index: usize, event: &Event, watch: &mut Option<Watch>) {
        match event {
            Event::Made(name) => self.hierarchy.add_name(index, name, watch),
            Event::Removed(name) => self.hierarchy.remove_name(index, name, watch),
            Event::Limited => drop(self.suspects.insert(index)),
            Event::Lost => {}
        }
    }

    /// Gets ready for a look: finds out what was not reported, and forgets what is gone or old.
    pub(super) fn prepare(&mut self, round: usize, is_lost: bool, watch: &mut Option<Watch>) {
        self.hierarchy.refresh(round, is_lost, watch);
        drop(self.hierarchy.take_gone());
        let order = self.hierarchy.order();
        let length = order.iter().max().map_or(0, |last| last + 1);
        self.kept.resize_with(length, || None);
        for (index, kept) in self.kept.iter_mut().enumerate() {
            let id = self.hierarchy.node(index).map(Node::id);
            let is_old = round % REOPENED == index % REOPENED;
            if is_old || kept.as_ref().is_some_and(|kept| Some(kept.id) != id) {
                *kept = None;
            }
            // The first look may be the only one.
            if let (None, Some(id), true) = (&kept, id, round > 0) {
                let files = Kept::new(&self.room);
                *kept = Some(Memory { id, files, limits: None, starts: Starts::default() });
            }
        }
        self.forget_limits(&order, is_lost);
    }

    /// Forgets limits that may have changed: those of cgroups that are not watched, those that were written, and those
    /// below, whose CPUs follow.
    fn forget_limits(&mut self, order: &[usize], is_lost: bool) {
        let mut suspects = std::mem::take(&mut self.suspects);
        for &index in order {
            let Some(node) = self.hierarchy.node(index) else { continue };
            let is_below = !suspects.is_empty() && node.parent().is_some_and(|parent| suspects.contains(&parent));
            if is_below {
                suspects.insert(index);
            }
            let is_known = !is_lost && node.is_watched() && !suspects.contains(&index);
            if let Some(kept) = self.kept[index].as_mut().filter(|_| !is_known) {
                kept.limits = None;
            }
        }
    }

    /// A cgroup's own limits.
    pub(super) fn own(&mut self, index: usize) -> Option<Own> {
        let has_below = self.hierarchy.has_below(index);
        let known = self.kept.get(index)?.as_ref().and_then(|kept| kept.limits.as_ref());
        if let Some(own) = known.filter(|own| own.has_below == has_below) {
            return Some(own.clone());
        }
        let own = Own::read(&self.group(index)?, self.version, &self.controllers, has_below);
        if let Some(kept) = self.kept.get_mut(index)?.as_mut() {
            kept.limits = Some(own.clone());
        }
        Some(own)
    }

    /// The memory that a cgroup uses.
    pub(super) fn memory_in_use(&self, index: usize) -> Option<u64> {
        let name: &[u8] = match self.version {
            Version::V1 => b"memory.usage_in_bytes",
            Version::V2 => b"memory.current",
        };
        if self.has(Controller::Memory) { self.group(index)?.number(name, &mut [0; 64]) } else { None }
    }

    /// When the processes of a cgroup started, as far as it is kept.
    pub(super) fn starts(&mut self, index: usize) -> Option<&mut Starts> {
        Some(&mut self.kept.get_mut(index)?.as_mut()?.starts)
    }

    /// One more than the highest index of a cgroup.
    pub(super) fn length(&self) -> usize {
        self.kept.len()
    }

    /// The files of a cgroup.
    pub(super) fn group(&self, index: usize) -> Option<Group<'_>> {
        let kept = self.kept.get(index)?.as_ref().map(|kept| &kept.files);
        let directory = &self.hierarchy.node(index)?.directory;
        Some(Group { directory, top: self.hierarchy.top(), kept })
    }

    /// The keys of a cgroup's slots on the board.
    pub(super) fn keys(&self, index: usize) -> Vec<Key> {
        let id = self.hierarchy.node(index).map(Node::id);
        id.map_or_else(Vec::new, |id| self.hierarchy.root.kinds.iter().map(|kind| Key { kind: *kind, id }).collect())
    }

    /// The key of the slot with a cgroup's load.
    pub(super) fn load_key(&self, index: usize) -> Option<Key> {
        Some(Key { kind: self.hierarchy.root.load_kind()?, id: self.hierarchy.node(index)?.id() })
    }
}

/// The root, the version and the controllers of a mount that shows a hierarchy.
fn described(mount: &Mount<'_>) -> Option<(Root, Version, Vec<Controller>)> {
    let root = Root::of_any(mount, Path::new("/"))?;
    if root.form == Form::V2 {
        return Some((root, Version::V2, Controller::ALL.to_vec()));
    }
    let has = |controller: &Controller| str::from_utf8(controller.name()).is_ok_and(|it| mount.has(it));
    let controllers: Vec<Controller> = Controller::ALL.into_iter().filter(has).collect();
    (!controllers.is_empty()).then_some((root, Version::V1, controllers))
}

/// A controller is in one hierarchy: version 2 has those that version 1 has not. The hierarchy that counts CPU time comes
/// first.
fn in_order(mut members: Vec<Member>) -> Vec<Member> {
    let taken: Vec<Controller> =
        members.iter().filter(|it| it.version == Version::V1).flat_map(|it| it.controllers.clone()).collect();
    for member in members.iter_mut().filter(|it| it.version == Version::V2) {
        member.controllers.retain(|it| !taken.contains(it));
    }
    members.sort_by_key(|it| !it.has(Controller::Cpuacct));
    members
}
