//! What each cgroup did lately, for the graphs of its details.

use super::columns::{Column, Seen};
use std::collections::{HashMap, HashSet, VecDeque};

/// How many samples are kept.
const SAMPLES: usize = 120;

/// How many cgroups' samples are kept at most: a few MiB.
const CGROUPS: usize = 2000;

/// The columns that have a graph.
pub(super) const GRAPHS: [&str; 6] = ["cpu", "mem", "load1", "throttled", "psi-cpu", "psi-io"];

/// The figures of one sample; NaN where there is none.
type Figures = [f32; GRAPHS.len()];

/// The last samples of each cgroup, by its number.
#[derive(Default)]
pub(super) struct History(HashMap<u64, VecDeque<Figures>>);

impl History {
    /// Adds a sample, and forgets the cgroups that are not in it, except the one that is looked at.
    pub(super) fn add<'s>(&mut self, all: impl Iterator<Item = Seen<'s>>, looked_at: Option<u64>) {
        let columns = GRAPHS.map(Column::named);
        let mut present: HashSet<u64> = looked_at.into_iter().collect();
        for seen in all {
            let id = seen.cgroup.id;
            present.insert(id);
            if self.0.len() >= CGROUPS && !self.0.contains_key(&id) && looked_at != Some(id) {
                continue;
            }
            let samples = self.0.entry(id).or_default();
            if samples.len() == SAMPLES {
                samples.pop_front();
            }
            samples.push_back(columns.map(|column| figure(column, &seen)));
        }
        self.0.retain(|id, _| present.contains(id));
    }

    /// The last figures that the column `key` had, from the oldest to the newest.
    pub(super) fn of(&self, id: u64, key: &str) -> Vec<Option<f64>> {
        let Some(at) = GRAPHS.iter().position(|graph| *graph == key) else { return Vec::new() };
        let samples = self.0.get(&id).into_iter().flatten();
        samples.map(|figures| Some(f64::from(figures[at])).filter(|figure| !figure.is_nan())).collect()
    }
}

fn figure(column: Option<&Column>, seen: &Seen<'_>) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "a graph shows less than that")]
    column.and_then(|column| column.value(seen)).map_or(f32::NAN, |value| value as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        stats::Rates,
        top::rows::{
            seen,
            tests::{cgroup, sample},
        },
    };

    #[test]
    fn the_last_samples_are_kept() {
        let (mut history, rates) = (History::default(), Rates::default());
        for mib in 0..200 {
            let mut sample = sample();
            sample.cgroups = vec![cgroup(7, "/x", None, mib)];
            history.add([seen(&sample, &rates, 0)].into_iter(), None);
        }
        let figures = history.of(7, "mem");
        assert_eq!(figures.len(), SAMPLES);
        assert_eq!(figures.last(), Some(&Some(f64::from(199 << 20))));
        assert_eq!(history.of(7, "cpu"), vec![None; SAMPLES]);
    }

    #[test]
    fn what_is_gone_is_forgotten_unless_it_is_looked_at() {
        let (mut history, rates, sample) = (History::default(), Rates::default(), sample());
        let all = || (0..sample.cgroups.len()).map(|index| seen(&sample, &rates, index));
        history.add(all(), None);
        history.add(all().skip(2), Some(1));
        assert_eq!([1, 2, 3].map(|id| history.of(id, "mem").len()), [1, 0, 2]);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut history, rates, mut sample) = (History::default(), Rates::default(), sample());
        sample.cgroups = (0..3000).map(|id| cgroup(id, "/x", None, 1)).collect();
        history.add((0..3000).map(|index| seen(&sample, &rates, index)), Some(2999));
        assert_eq!(history.0.len(), CGROUPS + 1);
    }
}
