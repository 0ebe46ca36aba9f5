//! Users whose calls have held up whoever answers them: one who does that again and again is not looked at for a while, and has the
//! kernel's answers.

use rustix::process::Uid;
use std::time::{Duration, Instant};

/// Who held us up, and when. `None` where the process had gone before it could be asked whose it was.
#[derive(Clone, Default)]
pub(super) struct Strikes(Vec<(Option<Uid>, Instant)>);

/// For so long a strike counts.
const MEMORY: Duration = Duration::from_secs(600);
/// So many are forgiven to one user, who may not know what his files are on.
const MOST_OF_ONE: usize = 2;
/// So many to all: with numbers enough to be somebody else each time, nobody but those with our own number is looked at any more.
const MOST_OF_ALL: usize = 15;

impl Strikes {
    pub(super) fn note(&mut self, user: Option<Uid>, now: Instant) {
        self.0.retain(|(_, when)| now.duration_since(*when) < MEMORY);
        self.0.push((user, now));
    }

    /// Whether calls of this user are let pass. He is asked for only where anybody has ever held us up.
    pub(super) fn is_out(&self, user: impl FnOnce() -> Option<Uid>, now: Instant) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let user = user();
        let recent = || self.0.iter().filter(|(_, when)| now.duration_since(*when) < MEMORY);
        let of_one = recent().filter(|(other, _)| *other == user).count();
        let is_own = user == Some(rustix::process::geteuid());
        of_one > MOST_OF_ONE || recent().count() > MOST_OF_ALL && !is_own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_are_one_too_many_for_ten_minutes() {
        let (mut strikes, begin) = (Strikes::default(), Instant::now());
        let (bad, good) = (Some(Uid::from_raw(12345)), Some(Uid::from_raw(12346)));
        assert!(!strikes.is_out(|| panic!("nobody is asked for where nobody has held us up"), begin));
        for second in 0..3 {
            assert!(!strikes.is_out(|| bad, begin), "{second}");
            strikes.note(bad, begin + Duration::from_secs(second));
        }
        assert!(strikes.is_out(|| bad, begin + Duration::from_secs(599)));
        assert!(!strikes.is_out(|| good, begin));
        assert!(!strikes.is_out(|| bad, begin + Duration::from_secs(600)));
    }

    #[test]
    fn a_crowd_is_out_together() {
        let (mut strikes, now) = (Strikes::default(), Instant::now());
        let own = Some(rustix::process::geteuid());
        let innocent = Some(Uid::from_raw(99_999));
        for number in 0..16 {
            assert!(!strikes.is_out(|| innocent, now), "{number}");
            strikes.note(Some(Uid::from_raw(100_000 + number)), now);
        }
        assert!(strikes.is_out(|| innocent, now) && strikes.is_out(|| None, now));
        assert!(!strikes.is_out(|| own, now));
    }
}
