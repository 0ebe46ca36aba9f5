//! Which cgroups are shown, and how many of them.

use super::figures::{Moment, Shown};
use crate::stats::{self, sample::Sample};
use std::collections::HashSet;

/// Which cgroups are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Which {
    /// Containers, pods' containers, services and runs of cgproc; in a container, it and what is below it.
    Containers,
    /// All cgroups.
    All,
}

impl From<Which> for stats::Which {
    fn from(which: Which) -> Self {
        match which {
            Which::Containers => Self::Containers,
            Which::All => Self::All,
        }
    }
}

/// What is shown of a sample.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) cgroups: Vec<Shown>,
    /// Series that were left out, because there are too many.
    pub(super) dropped_series: usize,
}

/// Chooses cgroups with at most `most` series in all. If there are more, containers come first, and then those nearer to
/// the top: whoever makes cgroups without end makes them far below, and crowds out his own.
///
/// Others choose the names, so they also take room: a series counts once for every 256 bytes of its labels.
pub(super) fn choose(sample: Sample, most: usize) -> Choice {
    let moment = Moment::of(&sample);
    let mut found: Vec<_> = sample.cgroups.into_iter().enumerate().collect();
    found.sort_by_cached_key(|(_, it)| (it.container.is_none(), it.path.components().count()));
    let (mut chosen, mut room, mut ids) = (Vec::new(), most, HashSet::new());
    let mut dropped_series = 0;
    for (index, cgroup) in found {
        let shown = Shown::of(cgroup, moment);
        let series = shown.series();
        let bytes: usize = shown.labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        let taken = series * (1 + bytes / 256);
        let is_first = ids.insert(shown.labels.first().map(|(_, id)| id.clone()));
        if taken <= room && is_first {
            room -= taken;
            chosen.push((index, shown));
        } else {
            dropped_series += series;
        }
    }
    // As the sample has them: above before below.
    chosen.sort_by_key(|(index, _)| *index);
    Choice { cgroups: chosen.into_iter().map(|(_, shown)| shown).collect(), dropped_series }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::sample::{CgroupSample, Container, CpuUse, Engine};
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    fn cgroup(path: &[u8], engine: Option<Engine>) -> CgroupSample {
        let container = engine.map(|engine| Container { engine, id: "x".to_owned(), name: None, pod: None });
        // One series each.
        let cpu = CpuUse { usage_usec: Some(1), ..CpuUse::default() };
        CgroupSample { path: OsStr::from_bytes(path).into(), container, cpu, ..CgroupSample::default() }
    }

    fn chosen(sample: &Sample, most: usize) -> (Vec<String>, usize) {
        let choice = choose(sample.clone(), most);
        let ids = choice.cgroups.iter().map(|shown| shown.labels[0].1.clone()).collect();
        (ids, choice.dropped_series)
    }

    #[test]
    fn containers_come_first_and_then_what_is_above() {
        let cgroups = vec![
            cgroup(b"/", None),
            cgroup(b"/user", None),
            cgroup(b"/user/0/1/2", None),
            cgroup(b"/docker/4f1e", Some(Engine::Docker)),
            cgroup(b"/a.service", Some(Engine::Service)),
        ];
        let sample = Sample { cgroups, ..Sample::default() };
        let all = ["/", "/user", "/user/0/1/2", "/docker/4f1e", "/a.service"];
        assert_eq!(chosen(&sample, 5), (all.map(str::to_owned).to_vec(), 0));
        assert_eq!(chosen(&sample, 4).0, ["/", "/user", "/docker/4f1e", "/a.service"]);
        assert_eq!(chosen(&sample, 1), (vec!["/a.service".to_owned()], 4));
    }

    #[test]
    fn names_that_look_alike_are_shown_once() {
        let cgroups = [&b"/a\xff"[..], b"/a\xfe", b"/b"].map(|path| cgroup(path, None)).to_vec();
        let sample = Sample { cgroups, ..Sample::default() };
        assert_eq!(chosen(&sample, 9), (vec!["/a\u{fffd}".to_owned(), "/b".to_owned()], 1));
    }

    #[test]
    fn long_names_take_room() {
        let long = format!("/{}", "x".repeat(600));
        let sample =
            Sample { cgroups: vec![cgroup(long.as_bytes(), None), cgroup(b"/b/c", None)], ..Sample::default() };
        assert_eq!(chosen(&sample, 3), (vec![long], 1));
        assert_eq!(chosen(&sample, 2), (vec!["/b/c".to_owned()], 1));
    }
}
