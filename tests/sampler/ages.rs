//! How old a cgroup's published figures become, as far as this is up to the sampler. The time in which it waited for a
//! CPU, or in which nobody got one, is up to the machine.

use crate::boards::slot;
use crate::processes::now_usec;
use crate::watch::Seen;
use calc::board::Key;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A point in time.
#[derive(Clone, Copy, Default)]
struct Moment {
    usec: u64,
    /// How long the sampler has waited for a CPU so far.
    queued_usec: u64,
    /// How late the observer, which runs ahead of all others, has woken up so far.
    late_usec: u64,
}

#[derive(Default)]
struct Record {
    moments: Vec<Moment>,
    published: Vec<Seen>,
}

/// The age of figures when the next ones came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Age {
    pub(crate) usec: u64,
    /// Without what the machine is responsible for.
    pub(crate) own_usec: u64,
}

impl Record {
    fn look(&mut self, board: &Path, key: Key, sampler: i32, late: Duration) {
        let late_usec = self.moments.last().map_or(0, |last| last.late_usec) + late.as_micros() as u64;
        self.moments.push(Moment { usec: now_usec(), queued_usec: queued_usec(sampler), late_usec });
        let Some(block) = slot(board, key) else { return };
        let Some(load) = block.load() else { return };
        let realtime_usec = block.published().realtime_usec;
        if self.published.last().is_none_or(|last| last.realtime_usec != realtime_usec) {
            self.published.push(Seen { realtime_usec, load, noted_usec: now_usec() });
        }
    }

    fn ages(&self) -> Vec<Age> {
        let of = |pair: &[Seen]| {
            let (from, to) = (pair[0].realtime_usec, pair[1].noted_usec);
            let usec = to.saturating_sub(from);
            Age { usec, own_usec: usec.saturating_sub(self.waited_usec(from, to)) }
        };
        self.published.windows(2).map(of).collect()
    }

    /// The kernel adds a wait when it ends, so one that has ended by `from` belongs to the time before.
    fn waited_usec(&self, from: u64, to: u64) -> u64 {
        let at = |index: usize| self.moments[index.min(self.moments.len() - 1)];
        let after = self.moments.partition_point(|moment| moment.usec < from);
        let (before, after) = (at(after.saturating_sub(1)), at(after));
        let end = at(self.moments.partition_point(|moment| moment.usec < to));
        end.queued_usec.saturating_sub(after.queued_usec) + (end.late_usec - before.late_usec)
    }
}

/// How long the first thread of a process has waited for a CPU.
fn queued_usec(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|nsec| nsec.parse::<u64>().ok()).unwrap_or(0) / 1000
}

/// Keeps watching a cgroup's published figures.
pub(crate) struct Ages {
    stop: Arc<AtomicBool>,
    record: Arc<Mutex<Record>>,
    thread: JoinHandle<()>,
}

impl Ages {
    pub(crate) fn watch(board: PathBuf, key: Key, sampler: i32) -> Self {
        const PAUSE: Duration = Duration::from_millis(10);
        /// Shorter delays may be the clock's own ticks.
        const LATE: Duration = Duration::from_millis(100);
        assert!(Path::new(&format!("/proc/{sampler}/schedstat")).exists(), "the kernel counts no waits");
        let stop = Arc::new(AtomicBool::new(false));
        let record = Arc::new(Mutex::new(Record::default()));
        let (stopped, kept) = (Arc::clone(&stop), Arc::clone(&record));
        let thread = std::thread::spawn(move || {
            // SAFETY: it sets the priority of this thread.
            let favoured = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
            assert_eq!(favoured, 0, "a thread that goes first");
            let mut last = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(PAUSE);
                let late = last.elapsed().saturating_sub(PAUSE);
                last = Instant::now();
                let late = if late > LATE { late } else { Duration::ZERO };
                kept.lock().expect("the record").look(&board, key, sampler, late);
            }
        });
        Self { stop, record, thread }
    }

    /// How many publications there were.
    pub(crate) fn count(&self) -> usize {
        self.record.lock().expect("the record").published.len()
    }

    /// The greatest age, in each measure.
    pub(crate) fn greatest(&self) -> Age {
        let ages = self.record.lock().expect("the record").ages();
        let most = |of: fn(&Age) -> u64| ages.iter().map(of).max().unwrap_or(0);
        Age { usec: most(|age| age.usec), own_usec: most(|age| age.own_usec) }
    }

    /// All publications.
    pub(crate) fn end(self) -> Vec<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the watching thread");
        std::mem::take(&mut self.record.lock().expect("the record").published)
    }
}

#[test]
fn what_the_machine_takes_is_not_the_samplers() {
    const SECOND: u64 = 1_000_000;
    let age = |queued: u64, late: u64| {
        let moments = [(9, 7, 1), (11, 7, 1), (25, 7 + queued, 1 + late), (30, 99, 99)];
        let moment =
            |(sec, queued, late)| Moment { usec: sec * SECOND, queued_usec: queued * SECOND, late_usec: late * SECOND };
        let seen = |realtime: u64, noted: u64| Seen {
            realtime_usec: realtime * SECOND,
            load: calc::board::Load::default(),
            noted_usec: noted * SECOND,
        };
        let published = vec![seen(10, 11), seen(22, 24)];
        let ages = Record { moments: moments.map(moment).into(), published }.ages();
        assert_eq!(ages.len(), 1);
        [ages[0].usec / SECOND, ages[0].own_usec / SECOND]
    };
    assert_eq!(age(0, 0), [14, 14]);
    assert_eq!(age(5, 0), [14, 9]);
    assert_eq!(age(5, 3), [14, 6]);
    assert_eq!(age(50, 0), [14, 0]);
}
