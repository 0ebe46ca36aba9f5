//! Who makes room for others, when connections or texts are too many.

use std::collections::BTreeSet;

/// Texts of looks at a time: those that somebody reads, and the newest.
const MOST_LOOKS: usize = 4;

/// Which connection is closed for another one, of these from the oldest on, each of which has asked or not yet. Those that
/// have not asked take at most half of the places from those that are answered.
pub(super) fn closed_for_another(have_asked: &[bool]) -> Option<usize> {
    let silent = have_asked.iter().filter(|has_asked| !**has_asked).count();
    let is_one_of_the_silent = 2 * silent >= have_asked.len();
    have_asked.iter().position(|has_asked| *has_asked != is_one_of_the_silent)
}

/// The oldest look that may still be read once there is another one, of those that are read.
pub(super) fn oldest_kept(mut read: BTreeSet<u64>) -> Option<u64> {
    while read.len() >= MOST_LOOKS {
        read.pop_first();
    }
    read.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_never_ask_do_not_displace_who_is_answered() {
        let mut connections: Vec<(&str, bool)> = vec![("reader", true)];
        let mut come = |name, has_asked| {
            if connections.len() == 64 {
                let asked: Vec<bool> = connections.iter().map(|it| it.1).collect();
                connections.remove(closed_for_another(&asked).unwrap());
            }
            connections.push((name, has_asked));
            connections.iter().filter(|it| it.0 == "reader").count()
        };
        for _ in 0..1000 {
            assert_eq!(come("silent", false), 1);
        }
        // Those that ask and do not read leave half of the places to those that have not asked yet.
        for _ in 0..1000 {
            come("slow", true);
        }
        assert_eq!(come("silent", false), 0);
        for _ in 0..31 {
            come("silent", false);
        }
        assert_eq!(connections.iter().filter(|it| !it.1).count(), 32);
        assert_eq!(closed_for_another(&[]), None);
    }

    #[test]
    fn a_slow_reader_outlasts_those_who_read_at_once() {
        assert_eq!(oldest_kept(BTreeSet::new()), None);
        // Whoever asks each second has read it when the next one is taken.
        assert_eq!(oldest_kept([1].into()), Some(1));
        assert_eq!(oldest_kept([1, 7, 8].into()), Some(1));
        assert_eq!(oldest_kept([1, 7, 8, 9].into()), Some(7));
    }
}
