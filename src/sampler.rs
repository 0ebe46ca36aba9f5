//! The sampler: it observes the cgroups from outside, and publishes on the board what cannot be known inside.
//!
//! `roots` and `neighbours` find the hierarchies; `tree` keeps their cgroups and observes what runs in each (`threads`,
//! `limits`); `account` keeps what lasts between samples; `schedule` says when to sample; `image` and `board` publish.
//! `disk` measures what containers use on disk. `service` makes it a service, for the command `cgproc sampler`, and
//! `check` says whether one is at work.

mod account;
mod board;
mod check;
mod clock;
mod directory;
mod disk;
mod image;
mod limits;
mod lock;
mod neighbours;
mod rights;
mod roots;
mod sampling;
mod schedule;
mod service;
mod threads;
mod tree;
mod watch;

pub(crate) use board::{Board, TakenOver, is_running};
pub(crate) use check::check;
pub(crate) use directory::Directory;
pub(crate) use roots::{Form, Root, mounted, table};
pub(crate) use sampling::Sampling;
pub(crate) use schedule::INTERVAL;
pub(crate) use service::{SamplerOptions, run};
pub(crate) use tree::{Hierarchy, Node};
pub(crate) use watch::{Event, Watch};

use crate::{failure::say, see::view::machine_cpus};
use anyhow::{Context, Result};
use calc::board::{Above, Block, Key, Kind};
use clock::Now;
use disk::Disk;
use limits::quota_rate;
use rustix::fd::BorrowedFd;
use schedule::{Loads, Schedule};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    time::Duration,
};
use threads::Threads;

/// A sampler with its board.
pub(crate) struct Sampler {
    board: Board,
    hierarchies: Vec<Hierarchy>,
    threads: Threads,
    watch: Option<Watch>,
    schedule: Schedule,
    loads: Loads,
    disk: Option<Disk>,
    /// How many samples have been taken.
    round: usize,
    /// How many hierarchies there have ever been.
    numbers: usize,
    /// How often hierarchies have been found together.
    views: usize,
    /// The machine's CPUs.
    cpus: u64,
    has_lost_events: bool,
    /// It has been said that the board is full, or must not be.
    is_said: bool,
}

impl Sampler {
    /// A sampler that publishes what is below `roots`, every [`INTERVAL`] or as often as asked. It publishes nothing
    /// yet.
    pub(crate) fn new(board: Board, roots: Vec<Root>, interval: Duration) -> Result<Self> {
        let mut sampler = Self {
            board,
            hierarchies: Vec::new(),
            threads: Threads::new().context("/proc")?,
            watch: Watch::new(),
            schedule: Schedule::new(interval, clock::jiffy_usec(), Now::read().monotonic_usec),
            loads: loads(),
            disk: None,
            round: 0,
            numbers: 0,
            views: 0,
            cpus: machine_cpus().unwrap_or(1),
            has_lost_events: false,
            is_said: !roots.is_empty() && roots.iter().all(|root| root.is_quiet),
        };
        for root in roots {
            let path = root.path.display().to_string();
            let is_of_mounts = root.device.is_some();
            match Hierarchy::open(root, 0, sampler.numbers) {
                Ok(hierarchy) => sampler.add(hierarchy),
                // It is hidden by another mount.
                Err(_) if is_of_mounts => {}
                Err(error) => return Err(error).context(path),
            }
        }
        Ok(sampler)
    }

    /// Starts measuring what containers use on disk, each at most once in six `interval`s.
    pub(crate) fn measure_disk(&mut self, interval: Duration) -> Result<()> {
        self.disk = Some(Disk::start(interval.saturating_mul(6)).context("measuring disk use")?);
        Ok(())
    }

    /// Does what is due; the first call takes a sample and publishes it.
    pub(crate) fn tick(&mut self) -> Result<()> {
        let now = Now::read();
        let before = std::mem::replace(&mut self.loads, loads());
        self.schedule.watch(before, self.loads, now.monotonic_usec);
        self.hear()?;
        if !self.schedule.is_due(now.monotonic_usec) {
            return Ok(());
        }
        let ticks = self.schedule.ticks(now.monotonic_usec);
        self.sample(ticks, &now);
        self.publish(false)
    }

    /// The time until there is something to do, unless [`Sampler::news`] becomes readable first.
    pub(crate) fn pause(&self) -> Duration {
        self.schedule.pause(Now::read().monotonic_usec)
    }

    /// Becomes readable when cgroups are created or removed.
    pub(crate) fn news(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(Watch::as_fd)
    }

    /// Marks the board as ended.
    pub(crate) fn end(mut self) -> Result<()> {
        self.publish(true)
    }

    fn add(&mut self, mut hierarchy: Hierarchy) {
        hierarchy.explore(&mut self.watch);
        self.hierarchies.push(hierarchy);
        self.numbers += 1;
    }

    /// Adds a hierarchy if a process is in one of its cgroups. Returns whether it is.
    fn add_of(&mut self, process: u32, hierarchy: Hierarchy) -> bool {
        self.add(hierarchy);
        let Some((new, others)) = self.hierarchies.split_last_mut() else { return false };
        if !new.holds(process) {
            new.clear(&mut self.watch);
            return false;
        }
        // It may show more than the one that we had.
        for other in others.iter_mut().filter(|other| new.includes(other)) {
            other.clear(&mut self.watch);
        }
        true
    }

    /// A number shared by hierarchies that are found together.
    fn new_view(&mut self) -> usize {
        self.views += 1;
        self.views
    }

    /// Whether it sees all cgroups of the machine.
    fn sees_machine(&self) -> bool {
        self.hierarchies.iter().any(Hierarchy::is_whole)
    }

    /// Whether a root's cgroup is in one of the hierarchies.
    fn has(&self, root: &Root, id: u64) -> bool {
        self.hierarchies.iter().any(|hierarchy| hierarchy.root.kinds == root.kinds && hierarchy.has(id))
    }

    /// Whether there is nothing to observe.
    fn has_nothing(&self) -> bool {
        self.hierarchies.is_empty()
    }

    /// Removes hierarchies whose top is gone.
    fn remove_ended(&mut self) {
        for hierarchy in &mut self.hierarchies {
            if hierarchy.is_over() {
                hierarchy.clear(&mut self.watch);
            }
        }
        self.give_up_slots();
        self.hierarchies.retain(|hierarchy| !hierarchy.is_over());
    }

    /// Handles cgroups that were created or removed and limits that were changed, and publishes at once.
    fn hear(&mut self) -> Result<()> {
        let events = self.watch.as_ref().map(Watch::events).unwrap_or_default();
        if events.is_empty() {
            return Ok(());
        }
        let is_limited = events.iter().any(|(_, event)| *event == Event::Limited);
        for ((number, index), event) in events {
            let hierarchy = self.hierarchies.iter_mut().find(|hierarchy| hierarchy.number() == number);
            match (event, hierarchy) {
                (Event::Lost, _) => self.has_lost_events = true,
                (_, None) => {}
                (Event::Made(name), Some(hierarchy)) => hierarchy.add_name(index, &name, &mut self.watch),
                (Event::Removed(name), Some(hierarchy)) => hierarchy.remove_name(index, &name, &mut self.watch),
                (Event::Limited, Some(hierarchy)) => hierarchy.suspect(index),
            }
        }
        self.give_up_slots();
        self.publish_changed(is_limited)
    }

    /// Publishes new cgroups, unless nothing has been published yet: the first sample will contain all of them.
    fn publish_new(&mut self) -> Result<()> {
        self.publish_changed(false)
    }

    /// Publishes new cgroups and, if a limit was written, the cgroups that it applies to.
    fn publish_changed(&mut self, is_limited: bool) -> Result<()> {
        if self.round == 0 {
            return Ok(());
        }
        let now = Now::read();
        // All limits are read first, because a cgroup's rate depends on limits in other hierarchies.
        let mut changed: Vec<Vec<usize>> = Vec::new();
        for hierarchy in &mut self.hierarchies {
            let mut these = hierarchy.look_at_new(&mut self.threads, &now);
            if is_limited {
                these.extend(hierarchy.limit_suspects());
            }
            changed.push(these);
        }
        let mut keys = Vec::new();
        for (at, index) in self.concerned(&changed) {
            self.set_rate(at, index);
            keys.extend(self.set_slots(at, index, &now));
        }
        if keys.is_empty() { Ok(()) } else { self.board.write_slots(&keys) }
    }

    /// The changed cgroups of each hierarchy, and those whose rate depends on them: cgroups with the same path or a
    /// path below, in hierarchies that were found together.
    fn concerned(&mut self, changed: &[Vec<usize>]) -> Vec<(usize, usize)> {
        let mut paths: HashMap<usize, HashSet<PathBuf>> = HashMap::new();
        for (hierarchy, changed) in self.hierarchies.iter().zip(changed).filter(|(_, changed)| !changed.is_empty()) {
            let nodes = changed.iter().filter_map(|index| hierarchy.node(*index));
            paths.entry(hierarchy.view).or_default().extend(nodes.map(|node| node.directory.path().to_owned()));
        }
        let mut all = Vec::new();
        for (at, (hierarchy, changed)) in self.hierarchies.iter_mut().zip(changed).enumerate() {
            let is_changed: HashSet<usize> = changed.iter().copied().collect();
            let Some(paths) = paths.get(&hierarchy.view) else { continue };
            let is_below = |path: &Path| path.ancestors().any(|it| paths.contains(it));
            let mut these = hierarchy.order();
            these.retain(|index| {
                let node = hierarchy.node(*index);
                is_changed.contains(index)
                    || node.is_some_and(|it| it.account.is_some() && is_below(it.directory.path()))
            });
            all.extend(these.into_iter().map(|index| (at, index)));
        }
        all
    }

    /// Observes all cgroups, `ticks` of the averages after the last sample.
    fn sample(&mut self, ticks: u32, now: &Now) {
        let round = self.round;
        let is_lost = std::mem::take(&mut self.has_lost_events);
        let is_first = round == 0;
        let mut has_changed = false;
        for hierarchy in &mut self.hierarchies {
            hierarchy.refresh(round, is_lost, &mut self.watch);
            hierarchy.measure(&mut self.threads, round, &mut self.watch);
            has_changed |= hierarchy.limit(round);
        }
        self.give_up_slots();
        if let Some(disk) = &mut self.disk {
            disk.look(&mut self.hierarchies, round);
        }
        for at in 0..self.hierarchies.len() {
            for index in self.hierarchies[at].order() {
                if is_first {
                    self.take_over(at, index, now);
                }
                if has_changed {
                    self.set_rate(at, index);
                }
                if let Some(account) = self.hierarchies[at].node_mut(index).and_then(|node| node.account.as_mut()) {
                    account.tick(ticks);
                }
                self.set_slots(at, index, now);
            }
        }
        self.board.forget();
        self.round += 1;
    }

    /// Continues from what a previous sampler published about a cgroup.
    fn take_over(&mut self, at: usize, index: usize, now: &Now) {
        let period_usec = self.schedule.period_usec();
        let hierarchy = &mut self.hierarchies[at];
        let Some(kind) = hierarchy.root.load_kind() else { return };
        let Some(node) = hierarchy.node_mut(index) else { return };
        let Some(block) = self.board.before(Key { kind, id: node.id() }) else { return };
        if let (Some(since_usec), Some(account)) = (now.since(&block.published()), &mut node.account) {
            account.take_over(&block, since_usec, period_usec);
        }
    }

    /// Determines the CPU time that a cgroup can use. On version 1 the limits are in other hierarchies, in the cgroup
    /// with the same path or the nearest one above.
    fn set_rate(&mut self, at: usize, index: usize) {
        let hierarchy = &self.hierarchies[at];
        let Some(node) = hierarchy.node(index).filter(|node| node.account.is_some()) else { return };
        let with = |kind| {
            let is_it = |other: &&Hierarchy| other.view == hierarchy.view && other.root.kinds.contains(&kind);
            let other = self.hierarchies.iter().find(is_it)?;
            Some((other, other.nearest(node.directory.path())?))
        };
        let here = Some((hierarchy, index)).filter(|_| hierarchy.root.load_kind() != Some(Kind::Cpuacct));
        let quota = here.or_else(|| with(Kind::Cpu)).and_then(|(it, index)| {
            let node = it.node(index)?;
            quota_rate(&node.limits, it.above(node).unwrap_or(&Above::NONE))
        });
        let cpus = here.or_else(|| with(Kind::Cpuset)).and_then(|(it, index)| it.cpu_count(index)).unwrap_or(self.cpus);
        let rate = cpus.saturating_mul(1_000_000).min(quota.unwrap_or(u64::MAX));
        if let Some(node) = self.hierarchies[at].node_mut(index) {
            node.rate = rate;
        }
    }

    /// Puts a cgroup's figures into its slots, which are written later.
    fn set_slots(&mut self, at: usize, index: usize, now: &Now) -> Vec<Key> {
        let published = now.published(self.schedule.valid_usec());
        let hierarchy = &mut self.hierarchies[at];
        let load_kind = hierarchy.root.load_kind();
        let Some(node) = hierarchy.node_mut(index) else { return Vec::new() };
        node.is_new = false;
        if let Some(account) = &mut node.account {
            account.accrue(node.rate, now);
        }
        let Some(node) = hierarchy.node(index).filter(|node| node.is_published()) else { return Vec::new() };
        let keys = hierarchy.keys(node);
        for key in &keys {
            let mut block = Block::slot(*key);
            block.set_published(&published);
            if let Some(account) = node.account.as_ref().filter(|_| load_kind == Some(key.kind)) {
                account.publish(&mut block);
                if let Some(bytes) = self.disk.as_ref().and_then(|disk| disk.used_bytes(hierarchy, node)) {
                    block.set_disk_used(bytes);
                }
            }
            if let Some(above) = hierarchy.above(node) {
                block.set_above(above);
            }
            if self.board.set(*key, block).is_err() && !std::mem::replace(&mut self.is_said, true) {
                say("the board is full: some cgroups are not published");
            }
        }
        keys
    }

    /// Voids the slots of removed cgroups, unless another hierarchy has those cgroups too.
    fn give_up_slots(&mut self) {
        let gone: Vec<Key> = self.hierarchies.iter_mut().flat_map(Hierarchy::take_gone).collect();
        for key in gone {
            if !self.hierarchies.iter().any(|it| it.root.kinds.contains(&key.kind) && it.has(key.id)) {
                self.board.void(key);
            }
        }
    }

    fn publish(&mut self, has_ended: bool) -> Result<()> {
        self.board.write(&Now::read(), self.schedule.valid_usec(), has_ended)
    }
}

/// The machine's load averages, read past libc: a preloaded object would answer with the container's.
fn loads() -> Loads {
    rustix::system::sysinfo().loads.map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Makes a cgroup out of plain files; nothing runs in it.
    fn make(directory: &Path) {
        fs::create_dir_all(directory).unwrap();
        for (name, text) in [("cgroup.procs", ""), ("cgroup.threads", ""), ("cpu.stat", "usage_usec 0\n")] {
            fs::write(directory.join(name), text).unwrap();
        }
    }

    fn node<'s>(sampler: &'s Sampler, path: &str) -> &'s tree::Node {
        let hierarchy = &sampler.hierarchies[0];
        let node = hierarchy.nearest(Path::new(path)).and_then(|index| hierarchy.node(index)).unwrap();
        assert_eq!(node.directory.path(), Path::new(path));
        node
    }

    #[test]
    fn quiet_roots_make_a_quiet_sampler() {
        let home = tempfile::tempdir_in("/dev/shm").unwrap();
        make(&home.path().join("top"));
        let root = |is_quiet| Root { is_quiet, ..Root::new(home.path().join("top"), vec![Kind::Unified]) };
        let is_quiet = |roots: &[bool]| {
            let board = Board::create(&home.path().join("board")).unwrap();
            let roots = roots.iter().map(|it| root(*it)).collect();
            Sampler::new(board, roots, INTERVAL).unwrap().is_said
        };
        assert_eq!([is_quiet(&[true, true]), is_quiet(&[true, false]), is_quiet(&[])], [true, false, false]);
    }

    #[test]
    fn limits_that_are_written_after_a_birth_count_at_once() {
        limits_count_at_once_below(&std::env::temp_dir());
    }

    /// The root of a tmpfs has the same inode number as the machine's root cgroup.
    #[test]
    fn what_is_above_the_top_is_not_looked_into() {
        limits_count_at_once_below(Path::new("/dev/shm"));
    }

    fn limits_count_at_once_below(directory: &Path) {
        let home = tempfile::tempdir_in(directory).unwrap();
        let boards = tempfile::tempdir_in("/dev/shm").unwrap();
        let top = home.path().join("top");
        make(&top);
        let board = Board::create(&boards.path().join("board")).unwrap();
        let mut sampler = Sampler::new(board, vec![Root::new(top.clone(), vec![Kind::Unified])], INTERVAL).unwrap();
        sampler.tick().unwrap();
        make(&top.join("a/b"));
        make(&top.join("a"));
        sampler.tick().unwrap();
        let unlimited = machine_cpus().expect("a list of CPUs") * 1_000_000;
        assert_eq!(["a", "a/b"].map(|path| node(&sampler, path).rate), [unlimited; 2]);
        fs::write(top.join("a/cpu.max"), "50000 100000\n").unwrap();
        sampler.tick().unwrap();
        assert_eq!(["a", "a/b"].map(|path| node(&sampler, path).rate), [500_000; 2]);
        assert_eq!(sampler.hierarchies[0].above(node(&sampler, "a/b")).map(|above| above.quota_usec), Some(50_000));
    }
}
