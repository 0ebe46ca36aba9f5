//! What an answering thread or process keeps from one call to the next.

use super::{
    budget::Budget,
    hand::Hand,
    seen::Known,
    terms::Terms,
    waits::{Whose, now_msec},
};
use crate::host::kernel;
use rustix::process::{Uid, geteuid};
use std::sync::atomic::Ordering::SeqCst;

pub(super) struct Desk<'a> {
    pub(super) known: Known<'a>,
    terms: &'a Terms,
    /// Where waits are recorded.
    hand: Option<&'a Hand>,
    /// `None` if answers count as the program's own.
    budget: Option<&'a Budget>,
    /// Set after the first wait. From then on, the run time of this thread is noted before each call.
    is_wary: bool,
    ran_msec: u64,
}

/// Shorter waits may be due to a busy disk.
const SHORT_MSEC: u64 = 250;

/// How many abandoned answerers there may be at once. If there are more, only our own user is answered.
const MOST_LEFT_BEHIND: u32 = 16;

impl<'a> Desk<'a> {
    /// A desk for programs that are supervised on these terms.
    pub(super) fn new(terms: &'a Terms, hand: Option<&'a Hand>, budget: Option<&'a Budget>) -> Self {
        Self { known: Known::new(&terms.gave), terms, hand, budget, is_wary: false, ran_msec: 0 }
    }

    /// The terms that programs are supervised on.
    pub(super) fn terms(&self) -> &'a Terms {
        self.terms
    }

    /// Whether the call that begins must pass because its user has made us wait too long. The user is looked up only if
    /// somebody has.
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

    /// Moves this process into the cgroup that answers are counted in.
    pub(super) fn enter_budget(&self) {
        if let Some(budget) = self.budget {
            budget.enter();
        }
    }

    /// Whether there is room for another answer of this user.
    pub(super) fn has_room(&self, owner: Option<Uid>) -> bool {
        self.budget.is_none_or(|budget| budget.has_room(owner == Some(geteuid())))
    }

    /// Records how long we waited for the caller's things. Time in which this thread ran or was runnable is not the
    /// caller's fault.
    pub(super) fn note_waits(&mut self, whose: impl FnOnce() -> Whose) {
        let Some((hand, msec)) = self.hand.map(|hand| (hand, hand.touched_msec())) else { return };
        if msec < SHORT_MSEC {
            return;
        }
        // Before the first wait, its run time at the start of the call is unknown.
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
