//! Keeps a counter that is shown from running backwards if its formula gives less than before.

use crate::{
    cgroup::{Controller, places::Places},
    scan,
    view::cpu::Cpus,
};
use zerocopy::{FromBytes, IntoBytes};

/// The last value shown to a process. Plain words, so that they can be kept in atomics; all zero is the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C)]
pub struct Ratchet {
    /// What was counted; 0 before the first value.
    key: u64,
    /// Added to the formula.
    offset: i64,
    last: u64,
}

impl Ratchet {
    /// Whether the last value was shown under this key.
    pub fn is_of(&self, key: u64) -> bool {
        self.key == key.max(1)
    }

    /// The value to show if the formula gives `formula_ticks`: never less than the last.
    ///
    /// Under another key the formula means something else, and its value jumps. It is shifted to where the last one
    /// ended, so a reader sees a small change that is not negative.
    pub fn show(&mut self, key: u64, formula_ticks: i64) -> u64 {
        self.show_from(0, key, formula_ticks)
    }

    /// Like [`Self::show`], but the first value is `least` or more.
    pub fn show_from(&mut self, least: u64, key: u64, formula_ticks: i64) -> u64 {
        let key = key.max(1);
        if self.key == 0 {
            self.offset = i64::try_from(least).unwrap_or(0).saturating_sub(formula_ticks).max(0);
        } else if self.key != key {
            self.offset = i64::try_from(self.last).unwrap_or(i64::MAX).saturating_sub(formula_ticks);
        }
        self.key = key;
        let shown = u64::try_from(formula_ticks.saturating_add(self.offset)).unwrap_or(0);
        self.last = self.last.max(shown);
        self.last
    }
}

/// A counter whose source may lose counts: version 1 forgets what a removed cgroup did. Plain words; all zero is the
/// start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C)]
pub struct Onward {
    /// The counts lost.
    lost: u64,
    last: u64,
}

impl Onward {
    /// The value to show if the source gives `number`: it continues from the last and never runs backwards. A 0
    /// changes nothing, because a source also gives 0 if its figure cannot be read for once.
    pub fn show(&mut self, number: u64) -> u64 {
        if number > 0 {
            self.lost = self.lost.max(self.last.saturating_sub(number));
            self.last = number.saturating_add(self.lost);
        }
        self.last
    }
}

/// A key for the scope's counts: it differs between scopes, and is not 0.
pub fn key_of_counts(places: &Places) -> u64 {
    [Controller::Memory, Controller::Io]
        .into_iter()
        .fold(places.scope_hash(), |hash, controller| {
            let scope = places.hierarchy(controller).map_or(b"".as_slice(), |place| place.scope);
            scan::hash(hash, scope)
        })
        .max(1)
}

/// A key for CPU time used: it changes with the cgroup that is counted.
pub fn key_of_use(places: &Places, cpus: &Cpus) -> u64 {
    scan::hash(places.scope_hash(), &cpus.counted_depth.to_ne_bytes())
}

/// A key for idle time with the board's capacity: limits may change without a new key.
pub fn key_of_idle_by_board(places: &Places, cpus: &Cpus) -> u64 {
    scan::hash(key_of_use(places, cpus), b"board")
}

/// A key for idle time: it changes with the cgroup that is counted and with its capacity.
pub fn key_of_idle(places: &Places, cpus: &Cpus) -> u64 {
    let seed = scan::hash(key_of_use(places, cpus), &cpus.capacity.quota_usec.to_ne_bytes());
    scan::hash(seed, &cpus.capacity.period_usec.to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_number_is_shown_as_it_is_unless_it_is_negative() {
        assert_eq!(Ratchet::default().show(7, 100), 100);
        assert_eq!(Ratchet::default().show(7, -100), 0);
    }

    #[test]
    fn a_first_number_may_have_a_least() {
        let mut ratchet = Ratchet::default();
        assert_eq!([-3, 0, 7, 5].map(|formula| ratchet.show_from(4, 7, formula)), [4, 7, 14, 14]);
        assert_eq!(Ratchet::default().show_from(4, 7, 5), 5);
        assert_eq!(Ratchet::default().show_from(4, 7, i64::MIN), 0, "beyond all reason");
    }

    #[test]
    fn a_negative_start_is_made_up_for() {
        let mut ratchet = Ratchet::default();
        assert_eq!([-100, -90, 5].map(|formula| ratchet.show(7, formula)), [0, 10, 105]);
    }

    #[test]
    fn a_smaller_number_waits() {
        let mut ratchet = Ratchet::default();
        assert_eq!([100, 90, 99, 101].map(|formula| ratchet.show(7, formula)), [100, 100, 100, 101]);
    }

    #[test]
    fn another_key_goes_on_from_the_last_number() {
        let mut ratchet = Ratchet::default();
        assert_eq!(ratchet.show(7, 100), 100);
        assert_eq!([5000, 5010].map(|formula| ratchet.show(8, formula)), [100, 110]);
        assert_eq!([-3000, -2995].map(|formula| ratchet.show(9, formula)), [110, 115]);
        assert_eq!(ratchet.show(7, 40), 115);
    }

    #[test]
    fn what_is_taken_back_is_given_again() {
        let mut counter = Onward::default();
        assert_eq!([100, 130, 40, 45, 200, 10].map(|number| counter.show(number)), [100, 130, 130, 135, 290, 290]);
    }

    #[test]
    fn a_counter_that_is_not_told_once_goes_on_as_if_it_had_been() {
        let mut counter = Onward::default();
        assert_eq!([0, 100, 0, 130, 40, 0, 45].map(|number| counter.show(number)), [0, 100, 100, 130, 130, 130, 135]);
    }

    #[test]
    fn a_key_of_zero_is_a_key() {
        let mut ratchet = Ratchet::default();
        assert_eq!([10, 5].map(|formula| ratchet.show(0, formula)), [10, 10]);
    }

    proptest! {
        #[test]
        fn no_number_is_less_than_the_one_before(numbers in prop::collection::vec((0_u64..3, any::<i64>()), 0..20)) {
            let mut ratchet = Ratchet::default();
            let mut last = 0;
            for (key, formula) in numbers {
                let shown = ratchet.show(key, formula);
                prop_assert!(shown >= last);
                last = shown;
            }
        }

        #[test]
        fn under_one_key_differences_are_the_formulas(start in -1_000_000_i64..1_000_000, steps in prop::collection::vec(0_i64..1000, 1..20)) {
            let mut ratchet = Ratchet::default();
            let mut formula = start;
            let mut last = ratchet.show(7, formula);
            for step in steps {
                formula += step;
                let shown = ratchet.show(7, formula);
                prop_assert_eq!(shown - last, step.unsigned_abs());
                last = shown;
            }
        }
    }
}
