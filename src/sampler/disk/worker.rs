//! The walking thread. It takes a few steps through one tree, then through the next, and rests in between.

use super::{Shared, overlay::Overlay, trouble::Trouble, walk::Walk};
use crate::{failure::say, host::clocks::now_usec};
use std::{
    collections::{HashMap, VecDeque},
    mem::{Discriminant, discriminant},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// How many entries of a tree are visited without a rest.
const STEP: usize = 250;

/// How many trees are walked at the same time: a small one need not wait for a large one, and each takes descriptors.
const MOST: usize = 4;

pub(super) struct Worker {
    shared: Arc<Shared>,
    under_way: VecDeque<Measurement>,
    /// When each kind of trouble was last reported.
    said: HashMap<Discriminant<Trouble>, Instant>,
}

/// A tree that is being measured.
struct Measurement {
    overlay: Arc<Overlay>,
    walk: Walk,
    worked: Duration,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, under_way: VecDeque::new(), said: HashMap::new() }
    }

    pub(super) fn run(mut self) {
        loop {
            let effort = Effort::begin();
            self.begin_one();
            self.advance_one();
            thread::sleep(effort.rest());
            if self.under_way.is_empty() {
                self.shared.wait();
            }
        }
    }

    fn begin_one(&mut self) {
        if self.under_way.len() == MOST {
            return;
        }
        let Some((overlay, process)) = self.shared.trees().begin(Instant::now()) else { return };
        match overlay.open(process).and_then(Walk::new) {
            Ok(walk) => self.under_way.push_back(Measurement { overlay, walk, worked: Duration::ZERO }),
            Err(trouble) => self.finish(&overlay, Err(trouble), Duration::ZERO),
        }
    }

    fn advance_one(&mut self) {
        let Some(mut it) = self.under_way.pop_front() else { return };
        if !self.shared.trees().is_begun(&it.overlay) {
            return;
        }
        let begun = Instant::now();
        let found = it.walk.advance(STEP).transpose();
        it.worked += begun.elapsed();
        match found {
            None => self.under_way.push_back(it),
            Some(found) => self.finish(&it.overlay, found, it.worked),
        }
    }

    fn finish(&mut self, overlay: &Overlay, found: Result<u64, Trouble>, worked: Duration) {
        let now = Instant::now();
        self.shared.trees().finish(overlay, found, worked, now);
        if let Err(trouble) = found
            && trouble != Trouble::Ended
            && self.may_say(&trouble, now)
        {
            say(format_args!("{}: not measured: {trouble}", overlay.upper.display()));
        }
    }

    /// Whether this kind of trouble has not been reported for a while. No container can fill the log, or keep others
    /// out of it for long.
    fn may_say(&mut self, trouble: &Trouble, now: Instant) -> bool {
        const QUIET: Duration = Duration::from_secs(600);
        let kind = discriminant(trouble);
        let is_due = self.said.get(&kind).is_none_or(|said| now.duration_since(*said) >= QUIET);
        if is_due {
            self.said.insert(kind, now);
        }
        is_due
    }
}

/// What part of the work costs.
struct Effort {
    cpu_usec: u64,
    begun: Instant,
}

impl Effort {
    fn begin() -> Self {
        Self { cpu_usec: now_usec(libc::CLOCK_THREAD_CPUTIME_ID), begun: Instant::now() }
    }

    fn rest(&self) -> Duration {
        let cpu_usec = now_usec(libc::CLOCK_THREAD_CPUTIME_ID).saturating_sub(self.cpu_usec);
        rest(Duration::from_micros(cpu_usec), self.begun.elapsed())
    }
}

/// How long to rest in order to use a hundredth of a CPU, and a fifth of a disk that has to be waited for.
fn rest(cpu: Duration, elapsed: Duration) -> Duration {
    cpu.saturating_mul(99).max(elapsed.saturating_mul(4))
}

#[cfg(test)]
mod tests {
    use super::{super::trees::Trees, *};
    use crate::sampler::directory::DIRECTORY;
    use rustix::fs::{CWD, Mode, openat};
    use std::{
        fs,
        path::Path,
        sync::{Condvar, Mutex},
    };

    fn tree(home: &Path, files: usize) -> Arc<Overlay> {
        let upper = home.join(files.to_string());
        fs::create_dir_all(&upper).unwrap();
        for at in 0..files {
            fs::write(upper.join(at.to_string()), "").unwrap();
        }
        Arc::new(Overlay { device: 1, upper })
    }

    fn measurement(overlay: &Arc<Overlay>) -> Measurement {
        let top = openat(CWD, &overlay.upper, DIRECTORY, Mode::empty()).unwrap();
        Measurement { overlay: Arc::clone(overlay), walk: Walk::new(top).unwrap(), worked: Duration::ZERO }
    }

    #[test]
    fn a_small_tree_does_not_wait_for_a_large_one() {
        let home = tempfile::tempdir().unwrap();
        let (large, small) = (tree(home.path(), 3 * STEP), tree(home.path(), 1));
        let now = Instant::now();
        let mut trees = Trees::new(Duration::ZERO);
        trees.keep([(Arc::clone(&large), 1), (Arc::clone(&small), 1)], now);
        while trees.begin(now).is_some() {}
        let shared = Arc::new(Shared { trees: Mutex::new(trees), news: Condvar::new() });
        let mut worker = Worker::new(Arc::clone(&shared));
        worker.under_way.extend([&large, &small].map(measurement));
        let found = || [&large, &small].map(|overlay| shared.trees().used_bytes(overlay).is_some());
        for expected in [[false, false], [false, true], [false, true], [false, true], [true, true]] {
            worker.advance_one();
            assert_eq!(found(), expected);
        }
    }

    #[test]
    fn each_kind_of_trouble_is_said_now_and_then() {
        let shared = Arc::new(Shared { trees: Mutex::new(Trees::new(Duration::ZERO)), news: Condvar::new() });
        let mut worker = Worker::new(shared);
        let now = Instant::now();
        let mut may_say = |trouble, sec| worker.may_say(&trouble, now + Duration::from_secs(sec));
        assert!(may_say(Trouble::Refused, 0) && may_say(Trouble::Deep(9), 0));
        assert!(!may_say(Trouble::Refused, 599) && may_say(Trouble::Refused, 600));
        assert!(!may_say(Trouble::Refused, 700));
    }

    #[test]
    fn rests_follow_the_work_and_the_disk() {
        let msec = Duration::from_millis;
        for (cpu, elapsed, expected) in [(0, 0, 0), (1, 1, 99), (1, 24, 99), (1, 30, 120), (0, 100, 400)] {
            assert_eq!(rest(msec(cpu), msec(elapsed)), msec(expected), "{cpu} {elapsed}");
        }
    }
}
