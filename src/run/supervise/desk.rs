//! What whoever answers has at hand from one call to the next.

use super::{
    budget::Budget,
    hand::Hand,
    seen::Known,
    waits::{Whose, now_msec},
};
use crate::{host::kernel, run::environment::Environment};
use rustix::process::{Uid, geteuid};
use std::sync::atomic::Ordering::SeqCst;

/// See above.
pub(super) struct Desk<'a> {
    pub(super) known: Known<'a>,
    /// Where waits are kept.
    hand: Option<&'a Hand>,
    /// `None` where answers count for the program itself.
    budget: Option<&'a Budget>,
    /// We have waited once. From then on, how long this thread has run is noted before each call.
    is_wary: bool,
    ran_msec: u64,
}

/// Waits that are shorter are those of a busy disk.
const SHORT_MSEC: u64 = 250;

/// How many processes that answered may be left behind at once. With more, only our own user is answered.
const MOST_LEFT_BEHIND: u32 = 16;

impl<'a> Desk<'a> {
    /// For programs of which the first was started with the environment that we `gave`.
    pub(super) fn new(gave: &'a Environment, hand: Option<&'a Hand>, budget: Option<&'a Budget>) -> Self {
        Self { known: Known::new(gave), hand, budget, is_wary: false, ran_msec: 0 }
    }

    /// Whether the call that begins passes, because its user has kept us waiting for too long. Who that is, is only asked if anybody has.
    pub(super) fn shuns(&mut self, whose: impl FnOnce() -> Whose) -> bool {
        let Some(hand) = self.hand else { return false };
        if self.is_wary {
            self.ran_msec = ran_msec().unwrap_or(0);
        }
        let looks_at_others = hand.left_behind().load(SeqCst) < MOST_LEFT_BEHIND;
        if looks_at_others && !hand.with_waits(|waits| waits.is_any(now_msec())) {
            return false;
        }
        let whose = whose();
        hand.is_of(whose);
        !looks_at_others && !whose.is_ours() || hand.with_waits(|waits| waits.are_too_long(whose, now_msec()))
    }

    /// Has the process counted where answers are.
    pub(super) fn enter_budget(&self) {
        if let Some(budget) = self.budget {
            budget.enter();
        }
    }

    /// Whether there is room for another answer of this user.
    pub(super) fn has_room(&self, owner: Option<Uid>) -> bool {
        self.budget.is_none_or(|budget| budget.has_room(owner == Some(geteuid())))
    }

    /// Notes how long we waited for things of the caller's. Time in which this thread ran, or was runnable, is not his fault.
    pub(super) fn note_waits(&mut self, whose: impl FnOnce() -> Whose) {
        let Some((hand, msec)) = self.hand.map(|hand| (hand, hand.touched_msec())) else { return };
        if msec < SHORT_MSEC {
            return;
        }
        // Before the first wait it is not known since when it has run.
        let ran_msec = if self.is_wary { ran_msec().map(|ran| ran.saturating_sub(self.ran_msec)) } else { None };
        self.is_wary = true;
        let waited = msec.saturating_sub(ran_msec.unwrap_or(msec));
        if waited >= SHORT_MSEC {
            let whose = hand.whose().unwrap_or_else(whose);
            hand.with_waits(|waits| waits.note(whose, waited, now_msec()));
        }
    }
}

fn ran_msec() -> Option<u64> {
    kernel::ran_nsec(c"/proc/thread-self/schedstat").map(|nsec| nsec / 1_000_000)
}
