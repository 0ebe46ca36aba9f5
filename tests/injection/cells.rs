//! What the probe saw: how often each answer came out, for each ask and each error.

use crate::bed::Findings;
use std::collections::{BTreeMap, BTreeSet};

/// The errors, in the probe's order.
pub(crate) const ERRORS: [&str; 10] =
    ["EMFILE", "ENFILE", "ENOMEM", "EINTR", "EACCES", "ENOENT", "EIO", "EPERM", "ENOSYS", "short"];

/// Whose answers they were, in the probe's order, each with its letter on the page; the last are nobody's.
pub(crate) const LETTERS: [char; 5] = ['k', 'o', 'p', 'b', '?'];

/// How often each answer came out, in the order of [`LETTERS`].
pub(crate) type Counts = [u64; LETTERS.len()];

/// The letters of the answers that came out, in their order.
pub(crate) fn letters(counts: &Counts) -> impl Iterator<Item = char> {
    LETTERS.into_iter().zip(counts).filter(|(_, count)| **count > 0).map(|(letter, _)| letter)
}

/// All that was seen.
#[derive(Default)]
pub(crate) struct Cells {
    counts: BTreeMap<(String, String), Counts>,
    /// The asks in the order in which they were played.
    asks: Vec<String>,
    answered: BTreeSet<String>,
}

impl Cells {
    /// Takes a line of the probe: `calls|ASK|CALLS|answered` or `cell|ASK|ERROR|COUNT...`.
    pub(crate) fn take(&mut self, line: &str) {
        let columns: Vec<_> = line.split('|').collect();
        match columns[..] {
            ["calls", ask, _, whose] => {
                if whose == "answered" {
                    self.answered.insert(ask.to_owned());
                }
                if !self.asks.iter().any(|known| known == ask) {
                    self.asks.push(ask.to_owned());
                }
            }
            ["cell", ask, error, ref counts @ ..] => {
                let sums = self.counts.entry((ask.to_owned(), error.to_owned())).or_default();
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum += count.parse::<u64>().expect("a count");
                }
            }
            _ => {}
        }
    }

    /// No cell has anybody else's answer, and what any machine answers was answered: the rest depends on its CPUs and
    /// files.
    pub(crate) fn check(&self, findings: &mut Findings) {
        for ((ask, error), counts) in &self.counts {
            findings.check(letters(counts).all(|letter| letter != '?'), || format!("{ask}, {error}: {counts:?}"));
        }
        for ask in ["open /proc/meminfo", "open /proc/stat", "lseek /proc/meminfo", "fopen /proc/meminfo", "sysinfo"] {
            findings.check(self.is_answered(ask), || format!("{ask}: not answered"));
        }
    }

    /// Each ask, in the order in which they were played.
    pub(crate) fn asks(&self) -> impl Iterator<Item = &str> {
        self.asks.iter().map(String::as_str)
    }

    /// Whether we answer this at all, other than the kernel.
    pub(crate) fn is_answered(&self, ask: &str) -> bool {
        self.answered.contains(ask)
    }

    /// How often each answer came out.
    pub(crate) fn of(&self, ask: &str, error: &str) -> Counts {
        self.counts.get(&(ask.to_owned(), error.to_owned())).copied().unwrap_or_default()
    }

    /// How often each answer came out, of all asks that are answered.
    pub(crate) fn sums(&self) -> Counts {
        let answered = self.counts.iter().filter(|((ask, _), _)| self.is_answered(ask));
        answered.fold(Counts::default(), |sums, (_, counts)| std::array::from_fn(|whose| sums[whose] + counts[whose]))
    }
}
