//! How long each user has made answerers wait, by memory or files that arrive late or never. A user who has done so for
//! too long gets the kernel's answers for a while.

use crate::host::clocks;
use rustix::process::{Uid, geteuid};

/// The user who made a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    User(Uid),
    /// A user that our user namespace does not map.
    Unmapped,
    /// The process had gone before it could be looked up.
    Gone,
}

impl Whose {
    /// As a word, which is never 0.
    pub(super) fn word(self) -> u64 {
        match self {
            Self::User(user) => u64::from(user.as_raw()) + 3,
            Self::Unmapped => 2,
            Self::Gone => 1,
        }
    }

    pub(super) fn of_word(word: u64) -> Option<Self> {
        match word {
            0 => None,
            1 => Some(Self::Gone),
            2 => Some(Self::Unmapped),
            user => u32::try_from(user - 3).ok().map(|user| Self::User(Uid::from_raw(user))),
        }
    }

    pub(super) fn is_ours(self) -> bool {
        self == Self::User(geteuid())
    }
}

/// Recent waits by user. Zero bytes mean that there were none.
#[repr(C)]
pub(super) struct Waits([Wait; 64]);

#[derive(Clone, Copy)]
#[repr(C)]
struct Wait {
    /// 0 if this entry is free.
    whose: u64,
    msec: u64,
    /// When the first of these waits ended, by the monotonic clock.
    since_msec: u64,
}

/// How long a wait counts.
const MEMORY_MSEC: u64 = 600_000;
/// The waits allowed to one user, who may not know what serves the user's files.
const MOST_OF_ONE_MSEC: u64 = 20_000;
/// The waits allowed to all users together, since one person may have many user numbers. Beyond that, only our own user
/// is answered. Our own user always is, and could stop us by simpler means.
const MOST_OF_ALL_MSEC: u64 = 60_000;

/// The time that waits are recorded by: the monotonic clock, which all answerers share.
pub(super) fn now_msec() -> u64 {
    clocks::now_usec(libc::CLOCK_MONOTONIC) / 1000
}

impl Waits {
    pub(super) fn note(&mut self, whose: Whose, msec: u64, now_msec: u64) {
        const MINUTE_MSEC: u64 = 60_000;
        if whose.is_ours() {
            return;
        }
        let whose = whose.word();
        let age = |wait: &Wait| now_msec.saturating_sub(wait.since_msec);
        self.0.iter_mut().filter(|wait| age(wait) >= MEMORY_MSEC).for_each(|wait| wait.whose = 0);
        match self.0.iter_mut().find(|wait| wait.whose == whose && age(wait) < MINUTE_MSEC) {
            Some(wait) => wait.msec = wait.msec.saturating_add(msec),
            None => {
                // Replaces the shortest, so that many short waits do not push out a long one.
                let place = self.0.iter_mut().min_by_key(|wait| if wait.whose == 0 { 0 } else { wait.msec.max(1) });
                if let Some(place) = place {
                    *place = Wait { whose, msec, since_msec: now_msec };
                }
            }
        }
    }

    /// Whether there was any wait. If not, the user of a call need not be looked up.
    pub(super) fn is_any(&self, now_msec: u64) -> bool {
        self.recent(now_msec).next().is_some()
    }

    fn recent(&self, now_msec: u64) -> impl Iterator<Item = &Wait> + Clone {
        self.0.iter().filter(move |it| it.whose != 0 && now_msec.saturating_sub(it.since_msec) < MEMORY_MSEC)
    }

    /// Whether this user's calls must pass.
    pub(super) fn are_too_long(&self, whose: Whose, now_msec: u64) -> bool {
        if whose.is_ours() {
            return false;
        }
        let sum = |of_all: bool| -> u64 {
            self.recent(now_msec).filter(|it| of_all || it.whose == whose.word()).map(|it| it.msec).sum()
        };
        sum(false) > MOST_OF_ONE_MSEC || sum(true) > MOST_OF_ALL_MSEC
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Waits = Waits([Wait { whose: 0, msec: 0, since_msec: 0 }; 64]);
    const BEGIN: u64 = 5_000_000;

    fn user(number: u32) -> Whose {
        Whose::User(Uid::from_raw(number))
    }

    #[test]
    fn who_has_held_us_up_for_long_is_out_for_ten_minutes() {
        let (mut waits, own) = (NOBODY, Whose::User(geteuid()));
        assert!(!waits.is_any(BEGIN));
        for number in 0..11 {
            assert!(!waits.are_too_long(user(12345), BEGIN), "{number}");
            waits.note(user(12345), 2000, BEGIN + number);
        }
        assert!(waits.is_any(BEGIN + 599_000) && !waits.is_any(BEGIN + 600_000));
        assert!(waits.are_too_long(user(12345), BEGIN + 599_000));
        assert!(!waits.are_too_long(user(12345), BEGIN + 600_000));
        for other in [user(12346), Whose::Unmapped, Whose::Gone, own] {
            assert!(!waits.are_too_long(other, BEGIN), "{other:?}");
        }
    }

    #[test]
    fn our_own_is_never_out_and_puts_nobody_out() {
        let (mut waits, own) = (NOBODY, Whose::User(geteuid()));
        waits.note(own, 100_000, BEGIN);
        assert!(!waits.are_too_long(own, BEGIN) && !waits.are_too_long(user(12346), BEGIN));
    }

    #[test]
    fn short_waits_add_up() {
        let mut waits = NOBODY;
        let out = (0..101).map(|number| BEGIN + number * 5000).map(|now| {
            waits.note(user(12345), 200, now);
            waits.are_too_long(user(12345), now)
        });
        let out: Vec<bool> = out.collect();
        assert_eq!(out.iter().filter(|out| **out).count(), 1, "{out:?}");
        assert_eq!(out.last(), Some(&true));
    }

    #[test]
    fn a_crowd_is_out_together_and_forgets_nobody() {
        let mut waits = NOBODY;
        waits.note(user(12345), 21_000, BEGIN);
        for number in 0..1000 {
            waits.note(user(100_000 + number), 250, BEGIN);
        }
        assert!(waits.are_too_long(user(12345), BEGIN), "the longest is still known");
        assert!(!waits.are_too_long(user(99_999), BEGIN));
        for number in 0..50 {
            waits.note(user(100_000 + number), 1000, BEGIN);
        }
        assert!(waits.are_too_long(user(99_999), BEGIN) && waits.are_too_long(Whose::Unmapped, BEGIN));
        assert!(!waits.are_too_long(Whose::User(geteuid()), BEGIN), "our own");
    }
}
