//! Records everything that a board and the kernel report while a test runs.

use crate::{
    boards::{shown, slot},
    harness::kernels,
    processes::now_usec,
};
use calc::board::{Key, Load};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// A publication.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) realtime_usec: u64,
    pub(crate) load: Load,
    /// When it was first seen.
    pub(crate) noted_usec: u64,
}

/// Everything reported, in order.
#[derive(Default)]
pub(crate) struct Record {
    /// In the order of the keys.
    pub(crate) slots: Vec<Vec<Seen>>,
    /// The kernel's averages, and since when they were shown.
    pub(crate) kernel: Vec<(u64, String)>,
}

impl Record {
    pub(crate) fn of_slot(&self, index: usize) -> BTreeSet<String> {
        self.slots[index].iter().map(|seen| shown(&seen.load)).collect()
    }

    pub(crate) fn of_kernel(&self) -> BTreeSet<String> {
        self.kernel.iter().map(|(_, text)| text.clone()).collect()
    }
}

/// Looks often enough to miss nothing, ahead of all other processes.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Record>,
}

impl Watch {
    pub(crate) fn start(board: PathBuf, keys: Vec<Key>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            // SAFETY: it sets the priority of this thread.
            let favoured = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
            assert_eq!(favoured, 0, "a thread that goes first");
            let mut record = Record { slots: vec![Vec::new(); keys.len()], kernel: Vec::new() };
            while !stopped.load(Ordering::Relaxed) {
                look(&board, &keys, &mut record);
                std::thread::sleep(Duration::from_millis(10));
            }
            record
        });
        Self { stop, thread }
    }

    pub(crate) fn end(self) -> Record {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the watching thread")
    }
}

fn look(board: &Path, keys: &[Key], record: &mut Record) {
    let text = kernels();
    if record.kernel.last().is_none_or(|(_, last)| *last != text) {
        record.kernel.push((now_usec(), text));
    }
    for (key, seen) in keys.iter().zip(&mut record.slots) {
        let Some(block) = slot(board, *key) else { continue };
        let Some(load) = block.load() else { continue };
        let realtime_usec = block.published().realtime_usec;
        if seen.last().is_none_or(|last| (last.realtime_usec, last.load) != (realtime_usec, load)) {
            seen.push(Seen { realtime_usec, load, noted_usec: now_usec() });
        }
    }
}
