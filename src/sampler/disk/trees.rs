//! Which trees are measured, when, and the results.

use super::{overlay::Overlay, trouble::Trouble};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// A tree rests for this many times the duration of the last walk's work.
const REST: u32 = 50;

/// The upper layer of an overlay.
struct UpperLayer {
    /// A process that has the overlay as its root.
    process: u32,
    /// The last result.
    used_bytes: Option<u64>,
    /// When it is to be measured next; `None` while it is being measured.
    due: Option<Instant>,
}

/// All trees.
pub(super) struct Trees {
    trees: HashMap<Arc<Overlay>, UpperLayer>,
    pause: Duration,
}

impl Trees {
    /// No trees yet. Two walks of the same tree are at least `pause` apart.
    pub(super) fn new(pause: Duration) -> Self {
        Self { trees: HashMap::new(), pause }
    }

    /// Replaces the trees by those `seen`, each with a process: new ones are due at once, missing ones are forgotten.
    pub(super) fn keep(&mut self, seen: impl IntoIterator<Item = (Arc<Overlay>, u32)>, now: Instant) {
        let mut before = std::mem::take(&mut self.trees);
        for (overlay, process) in seen {
            let known = before.remove(&overlay).unwrap_or(UpperLayer { process, used_bytes: None, due: Some(now) });
            self.trees.entry(overlay).or_insert(known).process = process;
        }
    }

    /// The last result.
    pub(super) fn used_bytes(&self, overlay: &Overlay) -> Option<u64> {
        self.trees.get(overlay)?.used_bytes
    }

    /// When the next tree is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.trees.values().filter_map(|tree| tree.due).min()
    }

    /// Takes a tree that is due, with its process.
    pub(super) fn begin(&mut self, now: Instant) -> Option<(Arc<Overlay>, u32)> {
        let due = self.trees.iter_mut().filter(|(_, tree)| tree.due.is_some_and(|due| due <= now));
        let (overlay, tree) = due.min_by_key(|(_, tree)| tree.due)?;
        tree.due = None;
        Some((Arc::clone(overlay), tree.process))
    }

    /// Whether a tree whose measurement has begun is still wanted.
    pub(super) fn is_begun(&self, overlay: &Overlay) -> bool {
        self.trees.get(overlay).is_some_and(|tree| tree.due.is_none())
    }

    /// Records the result of a walk that `worked` so long. After a failure the size is unknown, unless only the process
    /// had ended.
    pub(super) fn finish(&mut self, overlay: &Overlay, found: Result<u64, Trouble>, worked: Duration, now: Instant) {
        let Some(tree) = self.trees.get_mut(overlay) else { return };
        tree.due = Some(now + self.pause.max(worked.saturating_mul(REST)));
        if found != Err(Trouble::Ended) {
            tree.used_bytes = found.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(1);

    fn overlay(device: u64) -> Arc<Overlay> {
        Arc::new(Overlay { device, upper: "/u".into() })
    }

    fn begun(trees: &mut Trees, now: Instant) -> Option<(u64, u32)> {
        trees.begin(now).map(|(overlay, process)| (overlay.device, process))
    }

    #[test]
    fn one_that_is_new_is_due_and_rests_when_it_is_done() {
        let (mut trees, now) = (Trees::new(PAUSE), Instant::now());
        trees.keep([(overlay(1), 7)], now);
        assert_eq!((trees.next_due(), trees.used_bytes(&overlay(1))), (Some(now), None));
        assert_eq!(begun(&mut trees, now), Some((1, 7)));
        assert!(trees.is_begun(&overlay(1)) && trees.next_due().is_none());
        assert_eq!(begun(&mut trees, now), None);
        trees.finish(&overlay(1), Ok(4096), SHORT, now);
        assert_eq!((trees.next_due(), trees.used_bytes(&overlay(1))), (Some(now + PAUSE), Some(4096)));
        assert_eq!(begun(&mut trees, now + PAUSE - SHORT), None);
        trees.keep([(overlay(1), 8)], now);
        assert_eq!(begun(&mut trees, now + PAUSE), Some((1, 8)));
        assert_eq!(trees.used_bytes(&overlay(1)), Some(4096), "until the walk is done");
    }

    #[test]
    fn a_large_one_rests_longer() {
        let (mut trees, now) = (Trees::new(PAUSE), Instant::now());
        trees.keep([(overlay(1), 7)], now);
        trees.begin(now);
        trees.finish(&overlay(1), Ok(1), Duration::from_secs(2), now);
        assert_eq!(trees.next_due(), Some(now + Duration::from_secs(100)));
    }

    #[test]
    fn a_process_that_ended_says_nothing_and_another_trouble_all() {
        let (mut trees, now) = (Trees::new(PAUSE), Instant::now());
        trees.keep([(overlay(1), 7)], now);
        for (found, known) in [(Ok(5), Some(5)), (Err(Trouble::Ended), Some(5)), (Err(Trouble::Refused), None)] {
            trees.finish(&overlay(1), found, SHORT, now);
            assert_eq!(trees.used_bytes(&overlay(1)), known, "{found:?}");
        }
    }

    #[test]
    fn what_is_not_seen_any_more_is_forgotten() {
        let (mut trees, now) = (Trees::new(PAUSE), Instant::now());
        trees.keep([(overlay(1), 7), (overlay(2), 9), (overlay(2), 10)], now);
        assert_eq!(trees.trees.len(), 2);
        trees.finish(&overlay(1), Ok(1), SHORT, now);
        trees.begin(now);
        trees.keep([(overlay(1), 7)], now);
        assert!(!trees.is_begun(&overlay(2)));
        trees.finish(&overlay(2), Ok(1), SHORT, now);
        assert_eq!((trees.used_bytes(&overlay(1)), trees.used_bytes(&overlay(2))), (Some(1), None));
    }
}
