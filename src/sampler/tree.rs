//! The cgroups of a hierarchy, and what is known about each.

use super::{
    account::Account,
    clock::Now,
    directory::{DIRECTORY, Directory, Status, read_again},
    limits::Limits,
    roots::{Form, Root},
    threads::{List, Threads, numbers},
    watch::{NodeNumber, Watch},
};
use crate::{failure::say, output::plain};
use calc::{
    board::{Above, Key},
    scan,
};
use rustix::{
    fd::OwnedFd,
    fs::{CWD, Mode, openat},
    io::Errno,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// How many samples pass between two looks at a cgroup in which nothing happens.
pub(super) const ROUND: usize = 12;

/// The inode number of a machine's root cgroup (kernfs).
const MACHINE: u64 = 1;

/// Whether a cgroup is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// The machine's root: it has no limits, and the kernel provides its load.
    Machine,
    /// Above the top: only its limits matter.
    Outside,
    Published,
}

/// A cgroup.
pub(crate) struct Node {
    pub(crate) directory: Directory,
    id: u64,
    links: u64,
    parent: Option<usize>,
    depth: usize,
    role: Role,
    /// The topmost cgroup, this one or above, whose owner is not the top's owner: that owner can create cgroups below
    /// it.
    delegated: Option<usize>,
    watch: Option<i32>,
    /// Its limits may have changed.
    is_suspect: bool,
    /// It has not been published yet.
    pub(super) is_new: bool,
    children: BTreeSet<usize>,
    pub(super) limits: Limits,
    /// What is above its children, if it has any.
    below: Option<Box<Above>>,
    /// The CPU time that it can use, in microseconds per second.
    pub(super) rate: u64,
    pub(super) account: Option<Account>,
}

impl Node {
    /// The inode number of its directory.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Whether it has slots.
    pub(crate) fn is_published(&self) -> bool {
        self.role == Role::Published
    }

    /// Whether changes of it are told.
    pub(crate) fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    /// Whether it is here only for its limits; nothing else below it concerns us.
    fn is_above_the_top(&self) -> bool {
        self.directory.path().starts_with("..")
    }

    /// The cgroup above it, if known.
    pub(crate) fn parent(&self) -> Option<usize> {
        self.parent
    }

    /// Whether its turn is in this `round`.
    pub(crate) fn has_turn(index: usize, round: usize) -> bool {
        index % ROUND == round % ROUND
    }
}

/// How many places a cgroup takes: more if its path, which is kept, is long.
fn places(directory: &Directory) -> usize {
    1 + directory.path().as_os_str().len() / 512
}

/// A hierarchy, or the part of it below a top.
pub(crate) struct Hierarchy {
    pub(crate) root: Root,
    /// Hierarchies with the same number were found together: cgroups with the same path belong together.
    pub(super) view: usize,
    number: usize,
    top: OwnedFd,
    nodes: Vec<Option<Node>>,
    free: Vec<usize>,
    by_path: HashMap<PathBuf, usize>,
    /// The inode numbers of all directories.
    ids: HashSet<u64>,
    /// The top's owner.
    owner: u32,
    /// How many places each delegated cgroup and those below it have taken.
    shares: HashMap<usize, usize>,
    /// How many cgroups are left out, by the one above them.
    left_out: HashMap<usize, usize>,
    /// How often cgroups have been added or removed.
    changes: usize,
    /// It has been reported that some are left out.
    is_said: bool,
    /// The nodes, parents before children.
    order: Vec<usize>,
    is_sorted: bool,
    /// Nodes that have not been looked into yet.
    unexplored: Vec<usize>,
    /// Slots of removed cgroups.
    gone: Vec<Key>,
}

impl Hierarchy {
    /// The most cgroups of one hierarchy that are looked at.
    const MOST: usize = 50_000;

    /// The most places for a delegated cgroup and those below it, so that nobody takes the others'.
    const SHARE: usize = 2_000;

    /// Opens the hierarchy of a root; `number` identifies it.
    pub(crate) fn open(root: Root, view: usize, number: usize) -> Result<Self, Errno> {
        let top = openat(CWD, &root.path, DIRECTORY, Mode::empty())?;
        Self::of_open(root, view, number, top)
    }

    /// The hierarchy of an open root.
    pub(super) fn of_open(root: Root, view: usize, number: usize, top: OwnedFd) -> Result<Self, Errno> {
        let mut hierarchy = Self {
            is_said: root.is_quiet,
            root,
            view,
            number,
            top,
            nodes: Vec::new(),
            free: Vec::new(),
            by_path: HashMap::new(),
            ids: HashSet::new(),
            owner: 0,
            shares: HashMap::new(),
            left_out: HashMap::new(),
            changes: 0,
            order: Vec::new(),
            is_sorted: true,
            unexplored: Vec::new(),
            gone: Vec::new(),
        };
        let (top, status) = Directory::open(&hierarchy.top, PathBuf::new())?;
        if hierarchy.root.device.is_some_and(|device| device != status.device) {
            return Err(Errno::XDEV);
        }
        hierarchy.owner = status.owner;
        let parent = hierarchy.add_outside(&status);
        hierarchy.insert(top, &status, parent);
        Ok(hierarchy)
    }

    /// The keys of a cgroup's slots.
    pub(super) fn keys(&self, node: &Node) -> Vec<Key> {
        self.root.kinds.iter().map(|kind| Key { kind: *kind, id: node.id }).collect()
    }

    /// The cgroups, parents before children.
    pub(crate) fn order(&mut self) -> Vec<usize> {
        if !self.is_sorted {
            let mut order: Vec<usize> = (0..self.nodes.len()).filter(|&index| self.nodes[index].is_some()).collect();
            order.sort_by_key(|&index| self.nodes[index].as_ref().map_or(0, |node| node.depth));
            (self.order, self.is_sorted) = (order, true);
        }
        self.order.clone()
    }

    pub(crate) fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)?.as_ref()
    }

    pub(super) fn node_mut(&mut self, index: usize) -> Option<&mut Node> {
        self.nodes.get_mut(index)?.as_mut()
    }

    /// The cgroup at a path, or the nearest one above it.
    pub(crate) fn nearest(&self, path: &Path) -> Option<usize> {
        path.ancestors().find_map(|path| self.by_path.get(path)).copied()
    }

    /// Whether a cgroup has this inode number.
    pub(super) fn has(&self, id: u64) -> bool {
        self.ids.contains(&id)
    }

    /// Its number among hierarchies.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// The directory from which paths lead to its cgroups.
    pub(crate) fn top(&self) -> &OwnedFd {
        &self.top
    }

    /// How often cgroups have been added or removed.
    pub(crate) fn changes(&self) -> usize {
        self.changes
    }

    /// How many cgroups were seen for which there is no room. Those below them are not counted.
    pub(crate) fn left_out(&self) -> usize {
        self.left_out.values().sum()
    }

    /// Whether there are cgroups below one.
    pub(crate) fn has_below(&self, index: usize) -> bool {
        self.node(index).is_some_and(|node| !node.children.is_empty())
    }

    /// The user who made a cgroup, if it is below one that belongs to another than the top's owner; `None` if only the
    /// top's owner can have made it.
    pub(crate) fn maker(&self, index: usize) -> Option<u32> {
        /// A user that nobody is: of what is gone, nothing is known.
        const UNKNOWN: u32 = u32::MAX;
        let owner = |node: &Node| node.directory.status(&self.top).map_or(UNKNOWN, |status| status.owner);
        let Some(made) = self.node(index) else { return Some(UNKNOWN) };
        let above = std::iter::successors(made.parent, |&index| self.node(index)?.parent);
        let mut published = above.filter_map(|index| self.node(index)).filter(|node| node.is_published());
        published.any(|node| owner(node) != self.owner).then(|| owner(made))
    }

    /// Whether a cgroup is the machine's root.
    pub(crate) fn is_machines_root(&self, index: usize) -> bool {
        self.node(index).is_some_and(|node| node.role == Role::Machine)
    }

    /// Whether it contains the machine's root, and with it all cgroups.
    pub(super) fn is_whole(&self) -> bool {
        self.nodes.iter().flatten().any(|node| node.role == Role::Machine)
    }

    /// Whether another hierarchy is a part of this one.
    pub(super) fn includes(&self, other: &Self) -> bool {
        let top = other.by_path.get(Path::new("")).and_then(|&top| other.node(top));
        self.root.kinds == other.root.kinds && top.is_some_and(|top| self.has(top.id))
    }

    /// Whether a process is in one of its cgroups.
    pub(super) fn holds(&self, process: u32) -> bool {
        let mut text = Vec::new();
        let line = process.to_string();
        self.nodes.iter().flatten().filter(|node| node.is_published()).any(|node| {
            let is_read = node.directory.read_all(&self.top, "cgroup.procs", &mut text).is_ok();
            is_read && scan::parts(&text, b'\n').any(|it| it == line.as_bytes())
        })
    }

    /// The first few processes of a cgroup that /proc shows.
    pub(super) fn first_processes(&self, node: &Node) -> Vec<u32> {
        let mut text = [0; 64];
        let listed = node.directory.read(&self.top, "cgroup.procs", &mut text).ok();
        // The last line may be cut.
        let whole = listed.and_then(|text| scan::split_at_last(text, b'\n'));
        whole.map_or_else(Vec::new, |(text, _)| numbers(text).filter(|process| *process != 0).collect())
    }

    /// Removes all of its cgroups.
    pub(crate) fn clear(&mut self, watch: &mut Option<Watch>) {
        for index in self.indices() {
            self.remove(index, watch);
        }
    }

    /// Whether its top, and so everything in it, is gone.
    pub(super) fn is_over(&self) -> bool {
        let exists = |name| openat(&self.top, name, rustix::fs::OFlags::PATH, Mode::empty()).is_ok();
        self.by_path.is_empty() || !exists("cgroup.procs")
    }

    /// Adds the cgroups between the top and the machine's root, as far as the mount shows them. Returns the top's
    /// parent.
    fn add_outside(&mut self, top: &Status) -> Option<usize> {
        const DEEPEST: usize = 64;
        let mut above = Vec::new();
        let mut path = PathBuf::new();
        let mut below = *top;
        while self.root.form != Form::Declared && below.id != MACHINE && above.len() < DEEPEST {
            path.push("..");
            let Ok((directory, status)) = Directory::open(&self.top, path.clone()) else { break };
            if status.device != below.device || status.id == below.id {
                break;
            }
            above.push((directory, status));
            below = status;
        }
        let mut parent = None;
        for (directory, status) in above.into_iter().rev() {
            let role = if status.id == MACHINE { Role::Machine } else { Role::Outside };
            parent = Some(self.put(directory, &status, parent, role));
        }
        parent
    }

    fn insert(&mut self, directory: Directory, status: &Status, parent: Option<usize>) -> usize {
        let path = directory.path().to_owned();
        let role =
            if status.id == MACHINE && self.root.form != Form::Declared { Role::Machine } else { Role::Published };
        let index = self.put(directory, status, parent, role);
        self.by_path.insert(path, index);
        index
    }

    fn put(&mut self, directory: Directory, status: &Status, parent: Option<usize>, role: Role) -> usize {
        let depth = parent.and_then(|parent| self.node(parent)).map_or(0, |parent| parent.depth + 1);
        let has_account = role == Role::Published && self.root.load_kind().is_some();
        let index = self.free.pop().unwrap_or(self.nodes.len());
        let is_strangers = role == Role::Published && status.owner != self.owner;
        let delegated = if is_strangers { self.delegated(parent).or(Some(index)) } else { self.share_of(parent) };
        if let Some(top) = delegated {
            *self.shares.entry(top).or_default() += places(&directory);
        }
        if let Some(parent) = parent.and_then(|parent| self.node_mut(parent)) {
            parent.children.insert(index);
        }
        self.ids.insert(status.id);
        self.changes += 1;
        let node = Node {
            directory,
            id: status.id,
            links: status.links,
            parent,
            depth,
            role,
            delegated,
            watch: None,
            is_suspect: true,
            is_new: true,
            children: BTreeSet::new(),
            limits: Limits::default(),
            below: None,
            rate: 0,
            account: has_account.then(Account::default),
        };
        if index == self.nodes.len() {
            self.nodes.push(None);
        }
        self.nodes[index] = Some(node);
        self.unexplored.push(index);
        self.is_sorted = false;
        index
    }

    /// The delegated cgroup that a cgroup below `parent` counts towards, as far as is known.
    fn share_of(&self, parent: Option<usize>) -> Option<usize> {
        self.node(parent?)?.delegated
    }

    /// The topmost cgroup from `parent` up that has another owner. It may have got that owner after it was created and
    /// seen.
    fn delegated(&mut self, parent: Option<usize>) -> Option<usize> {
        if let Some(top) = self.share_of(parent) {
            return Some(top);
        }
        let above = std::iter::successors(parent, |&index| self.node(index)?.parent);
        let is_strangers = |&index: &usize| {
            let status =
                self.node(index).filter(|node| node.is_published()).map(|node| node.directory.status(&self.top));
            status.is_some_and(|status| status.is_ok_and(|status| status.owner != self.owner))
        };
        let top = above.filter(is_strangers).last()?;
        let mut below = vec![top];
        while let Some(index) = below.pop() {
            let Some(node) = self.node_mut(index) else { continue };
            let before = node.delegated.replace(top);
            let places = places(&node.directory);
            below.extend(&node.children);
            if let Some(share) = before.and_then(|before| self.shares.get_mut(&before)) {
                *share = share.saturating_sub(places);
            }
            *self.shares.entry(top).or_default() += places;
        }
        Some(top)
    }

    /// Adds the directory `name` of a cgroup, and everything below it.
    pub(crate) fn add_name(&mut self, parent: usize, name: &OsStr, watch: &mut Option<Watch>) {
        let Some(path) = self.node(parent).map(|node| node.directory.path().join(name)) else { return };
        self.add_path(path, parent);
        self.explore(watch);
    }

    fn add_path(&mut self, path: PathBuf, parent: usize) {
        if self.by_path.contains_key(&path) {
            return;
        }
        if !self.has_room(parent) {
            *self.left_out.entry(parent).or_default() += 1;
            return;
        }
        if let Ok((directory, status)) = Directory::open(&self.top, path) {
            self.insert(directory, &status, Some(parent));
        }
    }

    /// How many places are left below a cgroup.
    fn room(&self, parent: usize) -> usize {
        let room = Self::MOST.saturating_sub(self.by_path.len());
        let share = self.share_of(Some(parent)).and_then(|top| self.shares.get(&top));
        share.map_or(room, |share| room.min(Self::SHARE.saturating_sub(*share)))
    }

    /// Whether another cgroup fits below this one. If not, says once which ones are left out.
    fn has_room(&mut self, parent: usize) -> bool {
        if self.room(parent) > 0 {
            return true;
        }
        let delegated = self.share_of(Some(parent));
        let share = delegated.filter(|top| self.shares.get(top).is_some_and(|share| *share >= Self::SHARE));
        if !std::mem::replace(&mut self.is_said, true) {
            let whose = share
                .and_then(|top| self.node(top))
                .map_or(self.root.path.clone(), |node| self.root.path.join(node.directory.path()));
            let most = if share.is_some() { Self::SHARE } else { Self::MOST };
            let whose = plain(&whose.display().to_string());
            say(format_args!("{whose}: more than {most} cgroups: further ones below it are not published"));
        }
        false
    }

    /// Watches new cgroups and then looks into them: a directory created meanwhile is seen by one or the other.
    pub(crate) fn explore(&mut self, watch: &mut Option<Watch>) {
        while let Some(index) = self.unexplored.pop() {
            let place: NodeNumber = (self.number, index);
            let Some(node) = self.nodes.get_mut(index).and_then(Option::as_mut) else { continue };
            if node.is_above_the_top() || self.root.form == Form::Declared {
                continue;
            }
            if node.watch.is_none()
                && let Some(watch) = watch
            {
                node.watch = watch.add(&node.directory.name_in_proc(&self.top), place);
            }
            if self.may_have_below(index) {
                self.look(index, watch);
            }
        }
    }

    /// Watches the cgroups that were found while there was no watch.
    pub(crate) fn watch_all(&mut self, watch: &mut Option<Watch>) {
        self.unexplored = self.order();
        self.explore(watch);
    }

    /// Whether a cgroup may have others below it: its directory has a link from each.
    fn may_have_below(&self, index: usize) -> bool {
        let Some(node) = self.node(index) else { return false };
        !node.children.is_empty() || node.directory.status(&self.top).is_ok_and(|status| status.links != 2)
    }

    /// Updates the known directories of a cgroup. There may be any number, so no more names are kept than there is room
    /// for.
    fn look(&mut self, index: usize, watch: &mut Option<Watch>) {
        let Some(node) = self.node(index) else { return };
        // One more, so that it is reported as left out.
        let most = self.room(index) + node.children.len() + 1;
        let mut there = HashSet::new();
        let mut new = Vec::new();
        let mut beyond = 0;
        let listed = node.directory.each_name(&self.top, |name| {
            let path = node.directory.path().join(name);
            match self.by_path.get(&path) {
                Some(child) => drop(there.insert(*child)),
                None if new.len() < most => new.push(name.to_owned()),
                None => beyond += 1,
            }
        });
        if listed.is_err() {
            return;
        }
        // Cgroups above the top are known as `..`, not by their names.
        let is_gone = |&child: &usize| {
            !there.contains(&child) && self.node(child).is_some_and(|child| child.role != Role::Outside)
        };
        let (gone, path): (Vec<usize>, _) =
            (node.children.iter().copied().filter(is_gone).collect(), node.directory.path().to_owned());
        for child in gone {
            self.remove(child, watch);
        }
        self.left_out.remove(&index);
        if beyond > 0 {
            self.left_out.insert(index, beyond);
        }
        for name in new {
            self.add_path(path.join(name), index);
        }
    }

    fn indices(&self) -> std::ops::Range<usize> {
        0..self.nodes.len()
    }

    /// Removes the directory `name` of a cgroup.
    pub(crate) fn remove_name(&mut self, parent: usize, name: &OsStr, watch: &mut Option<Watch>) {
        let path = self.node(parent).map(|node| node.directory.path().join(name));
        if let Some(child) = path.and_then(|path| self.by_path.get(&path).copied()) {
            self.remove(child, watch);
        } else if let Some(left_out) = self.left_out.get_mut(&parent) {
            *left_out = left_out.saturating_sub(1);
        }
    }

    /// Removes a cgroup and those below it; their slots are then to be voided: [`Self::take_gone`].
    pub(super) fn remove(&mut self, index: usize, watch: &mut Option<Watch>) {
        let mut doomed = vec![index];
        while let Some(index) = doomed.pop() {
            let Some(node) = self.nodes.get_mut(index).and_then(Option::take) else { continue };
            doomed.extend(&node.children);
            if let Some(parent) = node.parent.and_then(|parent| self.node_mut(parent)) {
                parent.children.remove(&index);
            }
            if let Some(share) = node.delegated.and_then(|top| self.shares.get_mut(&top)) {
                *share = share.saturating_sub(places(&node.directory));
            }
            self.ids.remove(&node.id);
            self.left_out.remove(&index);
            self.changes += 1;
            self.gone.extend(self.keys(&node));
            if let (Some(number), Some(watch)) = (node.watch, watch.as_mut()) {
                watch.remove(number);
            }
            self.by_path.remove(node.directory.path());
            self.free.push(index);
            self.is_sorted = false;
        }
    }

    /// The slots of removed cgroups. Who has no board drops them: they would pile up.
    pub(crate) fn take_gone(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.gone)
    }

    /// Finds cgroups whose creation or removal was not reported to us.
    pub(crate) fn refresh(&mut self, round: usize, is_lost: bool, watch: &mut Option<Watch>) {
        for index in self.order() {
            let Some(node) = self.node(index).filter(|node| !node.is_above_the_top()) else { continue };
            let has_turn = is_lost || Node::has_turn(index, round);
            if self.root.form == Form::Declared || (node.watch.is_some() && !has_turn) {
                continue;
            }
            let links = node.directory.status(&self.top).map_or(0, |status| status.links);
            let is_other = links != node.links;
            let may_have = links > 2 || !node.children.is_empty();
            if is_other || (has_turn && may_have) {
                self.look(index, watch);
            }
            if let Some(node) = self.node_mut(index) {
                node.links = links;
            }
        }
        self.explore(watch);
    }

    /// Notes that one of its limits was written.
    pub(super) fn suspect(&mut self, index: usize) {
        if let Some(node) = self.node_mut(index) {
            node.is_suspect = true;
        }
    }

    /// Reads limits that may have changed, and combines what is above each cgroup. Returns whether anything changed
    /// that CPU time depends on.
    pub(super) fn limit(&mut self, round: usize) -> bool {
        let mut has_changed = false;
        for index in self.order() {
            let Some(node) = self.node(index) else { continue };
            let is_active = node.account.as_ref().is_some_and(|account| !account.is_idle);
            let is_due = node.is_new
                || node.is_suspect
                || !node.children.is_empty()
                || is_active
                || Node::has_turn(index, round);
            has_changed |= self.limit_one(index, is_due);
        }
        has_changed
    }

    /// See [`Self::limit`]; if `is_due`, reads the cgroup's own limits.
    fn limit_one(&mut self, index: usize, is_due: bool) -> bool {
        let above = self.node(index).and_then(|node| self.above(node)).copied().unwrap_or(Above::NONE);
        let (root, top) = (&self.root, &self.top);
        let Some(node) = self.nodes.get_mut(index).and_then(Option::as_mut) else { return false };
        // The memory that is left matters only to cgroups below.
        let has_below = !node.children.is_empty() || node.role != Role::Published;
        let mut has_changed = node.is_new;
        if is_due && node.role != Role::Machine {
            let limits = Limits::read(&node.directory, top, root, has_below);
            has_changed |= !limits.gives_cpus_as(&node.limits);
            (node.limits, node.is_suspect) = (limits, false);
        }
        if has_below {
            let below = node.limits.below(&above);
            has_changed |= node.below.as_deref().map(cpu_limits) != Some(cpu_limits(&below));
            node.below = Some(Box::new(below));
        }
        has_changed
    }

    /// Reads limits that were written, and combines what is above the cgroups below them. Returns all of these.
    pub(super) fn limit_suspects(&mut self) -> Vec<usize> {
        let mut found = vec![false; self.nodes.len()];
        let mut all = Vec::new();
        for index in self.order() {
            let Some(node) = self.node(index) else { continue };
            let is_below = node.parent.is_some_and(|parent| found[parent]);
            let is_written = node.is_suspect && node.role != Role::Machine;
            if is_written || is_below {
                // If CPUs above have changed, its own files show that.
                let is_due = is_written || node.limits.cpu_count().is_some();
                self.limit_one(index, is_due);
                self.look_for_use(index);
                found[index] = true;
                all.push(index);
            }
        }
        all
    }

    /// Checks whether something has run in a cgroup that had not been used before.
    fn look_for_use(&mut self, index: usize) {
        let (form, top) = (self.root.form, &self.top);
        let Some(node) = self.nodes.get_mut(index).and_then(Option::as_mut) else { return };
        if let Some(account) = node.account.as_mut().filter(|account| !account.has_run) {
            account.has_run = cpu_time(&node.directory, top, form, account) != Some(0);
        }
    }

    /// Reads the limits of a new cgroup, and of its parent, which may not have had children before.
    fn limit_new(&mut self, index: usize) {
        if let Some(parent) = self.node(index).and_then(|node| node.parent) {
            self.limit_one(parent, true);
        }
        self.limit_one(index, true);
    }

    /// The limits above a cgroup; `None` if nothing is visible there.
    pub(super) fn above(&self, node: &Node) -> Option<&Above> {
        self.node(node.parent?)?.below.as_deref()
    }

    /// How many CPUs a cgroup may run on, from its own files or those of the nearest cgroup above that says so.
    pub(super) fn cpu_count(&self, index: usize) -> Option<u64> {
        let nodes = std::iter::successors(self.node(index), |node| self.node(node.parent?));
        nodes.map(|node| node.limits.cpu_count()).find(Option::is_some).flatten()
    }

    /// Counts what runs. If a cgroup has used no CPU time since the last look, and nothing in it was running or blocked
    /// then, nothing can have happened in it or below. Each is still looked at once a round.
    pub(super) fn measure(&mut self, threads: &mut Threads, round: usize, watch: &mut Option<Watch>) {
        let order = self.order();
        for &index in &order {
            let is_spared = self.is_parent_idle(index) && !Node::has_turn(index, round);
            if self.measure_one(index, is_spared, Node::has_turn(index, round), threads).is_err() {
                self.remove(index, watch);
            }
        }
        self.sum(&order);
    }

    /// Counts what runs in a new cgroup.
    fn measure_new(&mut self, index: usize, threads: &mut Threads) {
        let _ = self.measure_one(index, false, true, threads);
        if let Some(account) = self.node_mut(index).and_then(|node| node.account.as_mut()) {
            account.sum = account.own;
        }
    }

    /// Measures new cgroups, and returns them.
    pub(super) fn look_at_new(&mut self, threads: &mut Threads, now: &Now) -> Vec<usize> {
        let mut new = self.order();
        new.retain(|&index| self.node(index).is_some_and(|node| node.is_new));
        for &index in &new {
            self.measure_new(index, threads);
            self.limit_new(index);
            if let Some(account) = self.node_mut(index).and_then(|node| node.account.as_mut()) {
                account.begin(now);
            }
        }
        new
    }

    fn is_parent_idle(&self, index: usize) -> bool {
        let parent = self.node(index).and_then(|node| self.node(node.parent?));
        parent.and_then(|parent| parent.account.as_ref()).is_some_and(|account| account.is_idle)
    }

    /// An error means that the cgroup is gone.
    fn measure_one(
        &mut self,
        index: usize,
        is_spared: bool,
        has_turn: bool,
        threads: &mut Threads,
    ) -> Result<(), Errno> {
        let (form, top) = (self.root.form, &self.top);
        let Some(node) = self.nodes.get_mut(index).and_then(Option::as_mut) else { return Ok(()) };
        let Some(account) = &mut node.account else { return Ok(()) };
        if is_spared && account.time.is_some() {
            account.is_idle = true;
            return Ok(());
        }
        let time = cpu_time(&node.directory, top, form, account);
        if time.is_none() {
            node.directory.file(top, "cgroup.procs")?;
        }
        let is_same = time.is_some() && time == account.time;
        account.is_idle = is_same && account.sum.is_some_and(|sum| sum.active() == 0);
        account.time = time;
        if !account.is_idle || has_turn {
            let asleep = account.own.filter(|own| account.is_idle && own.active() == 0 && form != Form::Declared);
            account.own = match threads.count(&node.directory, top, list(form), asleep) {
                // It disappeared during the look: the sums above it do without it.
                Err(error @ (Errno::NODEV | Errno::NOENT)) => return Err(error),
                counted => counted.unwrap_or_default(),
            };
        }
        account.has_run |= time != Some(0) || account.own.is_none_or(|own| own.threads > 0);
        Ok(())
    }

    /// Adds the threads of each cgroup to those above it.
    fn sum(&mut self, order: &[usize]) {
        for &index in order {
            if let Some(account) = self.node_mut(index).and_then(|node| node.account.as_mut()) {
                account.sum = account.own;
            }
        }
        for &index in order.iter().rev() {
            let Some(node) = self.node(index) else { continue };
            let (Some(account), Some(parent)) = (&node.account, node.parent) else { continue };
            let own = account.sum;
            if let Some(above) = self.node_mut(parent).and_then(|node| node.account.as_mut()) {
                above.sum = above.sum.zip(own).map(|(sum, own)| sum.and(own));
            }
        }
    }
}

/// The limits above that CPU time depends on.
type CpuLimits = (u64, u64, [u64; Above::NONE.cpus.len()]);

fn cpu_limits(above: &Above) -> CpuLimits {
    (above.quota_usec, above.period_usec, above.cpus)
}

/// The file that lists the threads.
fn list(form: Form) -> List {
    match form {
        Form::V1 => List::Threads("tasks"),
        Form::V2 => List::Threads("cgroup.threads"),
        Form::Declared => List::Processes("cgroup.procs"),
    }
}

/// CPU time of a cgroup and those below it, in the unit of its file.
fn cpu_time(directory: &Directory, top: &OwnedFd, form: Form, account: &mut Account) -> Option<u64> {
    let mut text = [0; 256];
    let (name, prefix): (_, &[u8]) = match form {
        Form::V1 => ("cpuacct.usage", b""),
        Form::V2 | Form::Declared => ("cpu.stat", b"usage_usec "),
    };
    // A declared view's files are replaced, so they are not kept open.
    if account.time_file.is_none() && form != Form::Declared {
        account.time_file = directory.file_to_keep(top, name).ok()?;
    }
    let text = match &account.time_file {
        Some(kept) => read_again(kept, &mut text),
        None => directory.read(top, name, &mut text),
    };
    scan::number(text.ok()?.strip_prefix(prefix)?).map(|(time, _)| time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use calc::board::Kind;
    use std::fs;

    #[test]
    fn a_cgroup_below_a_strangers_has_a_maker() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("a")).unwrap();
        let root = Root::new(home.path().to_owned(), vec![Kind::Unified]);
        let mut hierarchy = Hierarchy::open(root, 0, 0).unwrap();
        hierarchy.explore(&mut None);
        let [top, below] = ["", "a"].map(|path| hierarchy.nearest(Path::new(path)).unwrap());
        assert_ne!(top, below);
        assert_eq!([top, below].map(|index| hierarchy.maker(index)), [None, None]);
        // As if the top had been given to us by somebody else.
        let own = std::mem::replace(&mut hierarchy.owner, 4711);
        assert_eq!([top, below].map(|index| hierarchy.maker(index)), [None, Some(own)]);
        assert_ne!(hierarchy.maker(usize::MAX), None, "what is gone is not believed");
    }
}
