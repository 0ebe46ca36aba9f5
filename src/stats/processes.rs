//! The processes of a cgroup and of those below it.

use super::{member::Member, starts::Starts};
use calc::{cgroup::Version, scan};
use rustix::io::Errno;
use std::time::Duration;

/// What is listed in a cgroup, or in it and those below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) count: u64,
    /// When the oldest started, in microseconds after boot.
    start_usec: Option<u64>,
    /// The cgroup has been removed.
    pub(super) is_gone: bool,
}

/// Lists the processes of the cgroups at `tops`, each with those below it, by index. `None` for those that cannot be
/// listed.
pub(super) fn listed(member: &mut Member, tops: &[usize]) -> Vec<Option<Listed>> {
    let order = member.hierarchy.order();
    let mut is_inside = vec![false; member.length()];
    tops.iter().for_each(|top| is_inside[*top] = true);
    let parent = |member: &Member, index| member.hierarchy.node(index).and_then(|node| node.parent());
    let mut all = vec![None; member.length()];
    for index in order.iter().copied() {
        is_inside[index] |= parent(member, index).is_some_and(|parent| is_inside[parent]);
        if is_inside[index] {
            all[index] = own(member, index);
        }
    }
    // Those below come last in the order.
    for index in order.into_iter().rev() {
        let Some(parent) = parent(member, index).filter(|parent| is_inside[*parent]) else { continue };
        if let (Some(below), Some(above)) = (all[index], &mut all[parent]) {
            above.count += below.count;
            above.start_usec = [above.start_usec, below.start_usec].into_iter().flatten().min();
        }
    }
    all
}

fn own(member: &mut Member, index: usize) -> Option<Listed> {
    let group = member.group(index)?;
    let file = match member.version {
        // An open file goes on showing what it showed, as long as anybody reads the list more than once a second.
        Version::V1 => group.open_once(b"cgroup.procs"),
        Version::V2 => group.file(b"cgroup.procs"),
    };
    match file.and_then(|mut file| counted(|chunk| file.next(chunk))) {
        Ok((count, candidates)) => {
            let start_usec = match member.starts(index) {
                Some(starts) => starts.earliest(&candidates),
                None => Starts::default().earliest(&candidates),
            };
            Some(Listed { count, start_usec, is_gone: false })
        }
        Err(Errno::NODEV | Errno::NOENT) => Some(Listed { is_gone: true, ..Listed::default() }),
        // A threaded cgroup has only threads; its processes belong to the one above.
        Err(Errno::OPNOTSUPP) => Some(Listed::default()),
        Err(_) => None,
    }
}

/// The most processes of a cgroup, without those below it, among which the oldest is looked for: `/proc` is asked about
/// each. Version 1 lists them by number, which begins anew after the highest; version 2 in no order.
const CANDIDATES: usize = 32;

/// Counts the lines of a list, and finds the first numbers that are not 0: that stands for a process which /proc does
/// not show.
fn counted(mut read: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<(u64, Vec<u32>), Errno> {
    let mut count = 0;
    let mut candidates = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let length = read(&mut chunk)?;
        let text = chunk.get(..length).unwrap_or_default();
        if text.is_empty() {
            return Ok((count, candidates));
        }
        if count == 0 {
            // The last number of a chunk may be cut.
            let whole = scan::split_at_last(text, b'\n').map_or(text, |(whole, _)| whole);
            let numbers = scan::parts(whole, b'\n').filter_map(scan::whole_number).filter(|process| *process > 0);
            candidates = numbers.filter_map(|process| u32::try_from(process).ok()).take(CANDIDATES).collect();
        }
        count += text.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
}

impl Listed {
    /// How long the oldest has run.
    pub(super) fn age(&self, boottime_usec: u64) -> Option<Duration> {
        Some(Duration::from_micros(boottime_usec.saturating_sub(self.start_usec?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{sampler::Root, stats::starts::start_usec};
    use calc::board::Kind;
    use std::{fs, path::Path, sync::Arc};

    fn of(text: &str, step: usize) -> (u64, Vec<u32>) {
        let mut rest = text.as_bytes();
        let read = |chunk: &mut [u8]| {
            let (now, later) = rest.split_at(step.min(rest.len()).min(chunk.len()));
            chunk[..now.len()].copy_from_slice(now);
            rest = later;
            Ok(now.len())
        };
        counted(read).unwrap()
    }

    #[test]
    fn lines_are_counted_in_any_pieces() {
        for (step, candidates) in [(3, vec![12]), (8, vec![12, 345]), (4096, vec![12, 345, 6])] {
            assert_eq!(of("12\n345\n6\n", step), (3, candidates), "{step}");
        }
        assert_eq!(of("", 9), (0, vec![]));
    }

    #[test]
    fn strangers_count_but_have_no_number() {
        assert_eq!(of("0\n0\n7\n", 99), (3, vec![7]));
    }

    #[test]
    fn an_age_is_the_time_since_the_start() {
        let listed = Listed { count: 1, start_usec: Some(7_000_000), is_gone: false };
        assert_eq!(listed.age(9_000_000), Some(Duration::from_secs(2)));
        assert_eq!(listed.age(6_000_000), Some(Duration::ZERO));
        assert_eq!(Listed::default().age(9_000_000), None);
    }

    #[test]
    fn the_oldest_below_counts_too() {
        let home = tempfile::tempdir().unwrap();
        let own = std::process::id();
        for (path, processes) in
            [("", String::new()), ("a", format!("{own}\n")), ("b", "1\n".into()), ("b/c", format!("{own}\n"))]
        {
            let directory = home.path().join(path);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("cgroup.procs"), processes).unwrap();
        }
        let root = Root::new(home.path().into(), vec![Kind::Unified]);
        let mut member = Member::open(root, Version::V2, Vec::new(), 0, &Arc::default()).unwrap();
        member.prepare(0, false, &mut None);
        let top = member.hierarchy.nearest(Path::new("")).unwrap();
        let listed = listed(&mut member, &[top])[top].unwrap();
        assert_eq!((listed.count, listed.start_usec), (3, start_usec(1)));
    }
}
