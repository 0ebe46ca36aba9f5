//! How old a cgroup's published figures become, as far as this is up to the sampler. The time in which it waited for a
//! CPU, or in which nobody got one, is up to the machine. So is the time that a kernel under another one loses without
//! knowing: a piece of work that always takes the same time on an idle machine shows how much slower it is.

use crate::{boards::slot, processes::now_usec, watch::Seen};
use calc::board::Key;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// A point in time.
#[derive(Clone, Copy, Default)]
struct Moment {
    usec: u64,
    /// How long the sampler has waited for a CPU so far.
    queued_usec: u64,
    /// How late the observer, which runs ahead of all others, has woken up so far.
    late_usec: u64,
    /// How long the observer's pieces of work have taken so far.
    worked_usec: u64,
}

#[derive(Default)]
struct Record {
    moments: Vec<Moment>,
    /// How long the quickest piece of work took.
    quickest_usec: u64,
    published: Vec<Seen>,
}

/// The age of figures when the next ones came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Age {
    pub(crate) usec: u64,
    /// Without what the machine is responsible for, and as it would be if the machine had been idle.
    pub(crate) own_usec: u64,
}

impl Record {
    fn look(&mut self, board: &Path, key: Key, sampler: i32, late: Duration, work: Duration) {
        let (last, work_usec) = (self.moments.last().copied().unwrap_or_default(), work.as_micros() as u64);
        self.quickest_usec = if last.worked_usec == 0 { work_usec } else { self.quickest_usec.min(work_usec) };
        self.moments.push(Moment {
            usec: now_usec(),
            queued_usec: queued_usec(sampler),
            late_usec: last.late_usec + late.as_micros() as u64,
            worked_usec: last.worked_usec + work_usec,
        });
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
            let own = usec.saturating_sub(self.waited_usec(from, to)) as f64 / self.slowness(from, to);
            Age { usec, own_usec: own as u64 }
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

    /// How many times longer than the quickest a piece of work took meanwhile.
    fn slowness(&self, from: u64, to: u64) -> f64 {
        let first = self.moments.partition_point(|moment| moment.usec < from);
        let meanwhile = &self.moments[first..self.moments.partition_point(|moment| moment.usec < to).max(first)];
        let [first, .., last] = meanwhile else { return 1.0 };
        let quickest = self.quickest_usec * (meanwhile.len() as u64 - 1);
        if quickest == 0 { 1.0 } else { (last.worked_usec - first.worked_usec) as f64 / quickest as f64 }
    }
}

/// A piece of work, in steps.
#[derive(Clone, Copy)]
struct Work(u64);

impl Work {
    /// Long enough for the clock, short enough to go unnoticed.
    fn new() -> Self {
        let mut work = Self(1000);
        while work.time() < Duration::from_micros(200) {
            work.0 *= 2;
        }
        work
    }

    /// Does it; returns how long it took.
    fn time(self) -> Duration {
        let begun = Instant::now();
        std::hint::black_box((0..self.0).fold(0, |sum, step| std::hint::black_box(sum ^ step)));
        begun.elapsed()
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
            let work = Work::new();
            let mut last = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(PAUSE);
                let late = last.elapsed().saturating_sub(PAUSE);
                let late = if late > LATE { late } else { Duration::ZERO };
                let work = work.time();
                last = Instant::now();
                kept.lock().expect("the record").look(&board, key, sampler, late, work);
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
    let age = |queued: u64, late: u64, slowness: u64| {
        let moments =
            [(9, 7, 1, 1), (11, 7, 1, 2), (13, 7, 1, 2 + slowness), (25, 7 + queued, 1 + late, 50), (30, 99, 99, 51)];
        let moment = |(sec, queued, late, worked)| Moment {
            usec: sec * SECOND,
            queued_usec: queued * SECOND,
            late_usec: late * SECOND,
            worked_usec: worked,
        };
        let seen = |realtime: u64, noted: u64| Seen {
            realtime_usec: realtime * SECOND,
            load: calc::board::Load::default(),
            noted_usec: noted * SECOND,
        };
        let published = vec![seen(10, 11), seen(22, 24)];
        let ages = Record { moments: moments.map(moment).into(), published, quickest_usec: 1 }.ages();
        assert_eq!(ages.len(), 1);
        [ages[0].usec / SECOND, ages[0].own_usec / SECOND]
    };
    assert_eq!(age(0, 0, 1), [14, 14]);
    assert_eq!(age(5, 0, 1), [14, 9]);
    assert_eq!(age(5, 3, 1), [14, 6]);
    assert_eq!(age(50, 0, 1), [14, 0]);
    assert_eq!(age(0, 0, 2), [14, 7]);
    assert_eq!(age(4, 0, 2), [14, 5]);
}
