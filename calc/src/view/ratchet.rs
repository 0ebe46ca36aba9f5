//! Keeps a shown counter from running backwards, when the rule it comes from gives a smaller number than before.

use crate::{cgroup::places::Places, scan, view::cpu::Capacity};

/// What a process showed last. Plain words, so that it can be kept in atomic words; all zero is the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Ratchet {
    /// Of what the numbers were; 0 before the first.
    key: u64,
    /// Added to the formula.
    offset: i64,
    last: u64,
}

impl Ratchet {
    /// What to show where the formula says `formula_ticks`: never less than the last time.
    ///
    /// Under another key the formula's number jumps, and means something else: it is shifted to where the last one ended,
    /// so that a reader's difference across the change is small and not negative.
    pub fn show(&mut self, key: u64, formula_ticks: i64) -> u64 {
        let key = key.max(1);
        if self.key == 0 {
            self.offset = formula_ticks.saturating_neg().max(0);
        } else if self.key != key {
            self.offset = i64::try_from(self.last).unwrap_or(i64::MAX).saturating_sub(formula_ticks);
        }
        self.key = key;
        let shown = u64::try_from(formula_ticks.saturating_add(self.offset)).unwrap_or(0);
        self.last = self.last.max(shown);
        self.last
    }
}

/// A key for [`Ratchet::show`]: it differs when the scope or its capacity does.
pub fn key(places: &Places, capacity: Capacity) -> u64 {
    let seed = scan::hash(places.scope_hash(), &capacity.quota_usec.to_ne_bytes());
    scan::hash(seed, &capacity.period_usec.to_ne_bytes())
}
