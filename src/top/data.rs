//! What is shown: the last look, what happened since the one before, and what is remembered.

use super::{
    history::History,
    name,
    rows::{self, seen},
};
use crate::stats::{
    Rates,
    sample::{CgroupSample, Sample},
};

/// What is known.
#[derive(Default)]
pub(super) struct Data {
    pub(super) sample: Sample,
    pub(super) rates: Rates,
    /// The time that they are about; `None` if there is no look before.
    pub(super) interval_usec: Option<u64>,
    pub(super) history: History,
    /// Where the load comes from, in words; empty as long as that is unknown.
    pub(super) load_from: String,
    /// Whether that has to be noticed.
    pub(super) is_load_ours: bool,
    /// The cgroup whose details are shown.
    pub(super) details: Option<Details>,
}

/// A cgroup that is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Details {
    pub(super) id: u64,
    /// As it was seen last.
    pub(super) cgroup: CgroupSample,
    /// Its limits, with who set each; `None` if they are not known.
    pub(super) limits: Option<Vec<[String; 3]>>,
    pub(super) is_gone: bool,
}

impl Data {
    /// Takes a look that is in its turn.
    pub(super) fn take(&mut self, sample: Sample) {
        self.take_between(sample);
        let all = (0..self.sample.cgroups.len()).map(|index| seen(&self.sample, &self.rates, index));
        self.history.add(all, self.details.as_ref().map(|details| details.id));
    }

    /// Takes a look between two that are in their turn: nothing of it is remembered.
    pub(super) fn take_between(&mut self, sample: Sample) {
        self.rates = Rates::between(&self.sample, &sample);
        let before_usec = Some(self.sample.monotonic_usec).filter(|usec| *usec > 0);
        self.interval_usec = before_usec.map(|before| sample.monotonic_usec.saturating_sub(before));
        self.sample = sample;
    }

    /// Takes a look at other cgroups. It may follow the one before too soon to say anything about those known from
    /// that: they keep their rates.
    pub(super) fn take_others(&mut self, sample: Sample) {
        self.sample = sample;
    }

    /// The cgroup with this number, by its index.
    pub(super) fn index_of(&self, id: u64) -> Option<usize> {
        self.sample.cgroups.iter().position(|cgroup| cgroup.id == id)
    }

    /// How many containers there are, whether or not those inside others are shown.
    pub(super) fn containers(&self) -> usize {
        rows::containers(&self.sample)
    }
}

impl Details {
    /// What it is called.
    pub(super) fn name(&self) -> String {
        name::of(&self.cgroup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::rows::tests;

    #[test]
    fn looks_out_of_turn_are_not_remembered() {
        let mut data = Data::default();
        data.take(tests::sample());
        data.take_others(tests::sample());
        data.take_between(tests::sample());
        assert_eq!(data.history.of(1, "mem").len(), 1);
        data.take(tests::sample());
        assert_eq!(data.history.of(1, "mem").len(), 2);
    }
}
