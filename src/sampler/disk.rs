//! What containers use on disk. The upper layers of their overlays are measured by a thread of its own, which a slow
//! disk may delay. It works a hundredth of the time.
//!
//! `candidates` finds the overlay that a cgroup's processes have as their root, `overlay` finds its upper layer, `walk`
//! adds up what is in it, `trees` schedules walks and keeps their results, and `worker` is the thread.

mod candidates;
mod overlay;
mod rootfs;
mod trees;
mod trouble;
mod walk;
mod worker;

use super::tree::{Hierarchy, Node};
use candidates::Candidates;
use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use trees::Trees;

/// The measurements, and the thread that makes them.
pub(super) struct Disk {
    shared: Arc<Shared>,
    candidates: Candidates,
    /// The file system of our own root: processes that share it are in no container.
    own_device: u64,
}

/// What the thread and the sampler share.
struct Shared {
    trees: Mutex<Trees>,
    news: Condvar,
}

impl Disk {
    /// Starts the thread, which pauses for at least `pause` between two walks of the same tree.
    pub(super) fn start(pause: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared { trees: Mutex::new(Trees::new(pause)), news: Condvar::new() });
        let worker = worker::Worker::new(Arc::clone(&shared));
        thread::Builder::new().name("disk".into()).spawn(|| worker.run())?;
        Ok(Self { shared, candidates: Candidates::default(), own_device: rustix::fs::stat("/")?.st_dev })
    }

    /// Finds out which cgroups are containers, and has new ones measured.
    pub(super) fn look(&mut self, hierarchies: &mut [Hierarchy], round: usize) {
        let with_load = hierarchies.iter_mut().filter(|hierarchy| hierarchy.root.load_kind().is_some());
        let overlays = self.candidates.look(with_load, round, self.own_device);
        let now = Instant::now();
        let mut trees = self.shared.trees();
        trees.keep(overlays, now);
        if trees.next_due().is_some_and(|due| due <= now) {
            self.shared.news.notify_one();
        }
    }

    /// The bytes that the files of a cgroup's container use, if known.
    pub(super) fn used_bytes(&self, hierarchy: &Hierarchy, node: &Node) -> Option<u64> {
        let overlay = self.candidates.overlay(hierarchy, node)?;
        self.shared.trees().used_bytes(overlay)
    }
}

impl Shared {
    fn trees(&self) -> MutexGuard<'_, Trees> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a tree may be due.
    fn wait(&self) {
        let trees = self.trees();
        let longest = trees.next_due().map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()));
        let _ = self.news.wait_timeout(trees, longest);
    }
}
