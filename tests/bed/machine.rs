//! The machine that a test runs on, and how much of it the test could use.

use std::{fmt, fs, time::Instant};

/// How busy the machine has been since some moment, as a failure shows it.
pub(crate) struct Machine {
    since: Instant,
    ticks: Option<Ticks>,
}

/// CPU time of all CPUs, from the first line of `/proc/stat`.
#[derive(Clone, Copy)]
struct Ticks {
    all: u64,
    idle: u64,
    stolen: u64,
}

impl Ticks {
    fn now() -> Option<Self> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let words = stat.lines().next()?.split_whitespace().skip(1);
        // The guest columns, which come last, are already included in user time.
        let columns: Vec<u64> = words.take(8).map_while(|word| word.parse().ok()).collect();
        let [_, _, _, idle, waiting, _, _, stolen] = columns[..] else { return None };
        Some(Self { all: columns.iter().sum(), idle: idle + waiting, stolen })
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self { since: Instant::now(), ticks: Ticks::now() }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        write!(to, "the machine in these {:.1} s: ", self.since.elapsed().as_secs_f64())?;
        if let Some((before, now)) = self.ticks.zip(Ticks::now()) {
            let all = now.all.saturating_sub(before.all).max(1);
            let share = |now: u64, before: u64| 100 * now.saturating_sub(before) / all;
            let (idle, stolen) = (share(now.idle, before.idle), share(now.stolen, before.stolen));
            write!(to, "{idle} % idle, {stolen} % stolen, ")?;
        }
        write!(to, "load {}", load.trim())
    }
}
