//! The processes of a cgroup and of those below it.

use super::{files::Budget, member::Member};
use calc::{host::USEC_PER_TICK, scan};
use procfs::process::Process;
use rustix::io::Errno;
use std::{collections::HashMap, time::Duration};

/// What is listed in a cgroup, or in it and those below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) count: u64,
    /// The first that /proc shows.
    first: Option<u32>,
    /// The cgroup has been removed.
    pub(super) is_gone: bool,
}

/// Lists the processes of the cgroups at `tops`, each with those below it, by index. `None` for those that cannot be
/// listed.
pub(super) fn listed(member: &mut Member, tops: &[usize], budget: &Budget) -> Vec<Option<Listed>> {
    let order = member.hierarchy.order();
    let mut is_inside = vec![false; member.length()];
    tops.iter().for_each(|top| is_inside[*top] = true);
    let parent = |member: &Member, index| member.hierarchy.node(index).and_then(|node| node.parent());
    let mut all = vec![None; member.length()];
    for index in order.iter().copied() {
        is_inside[index] |= parent(member, index).is_some_and(|parent| is_inside[parent]);
        if is_inside[index] {
            all[index] = own(member, index, budget);
        }
    }
    // Those below come last in the order.
    for index in order.into_iter().rev() {
        let Some(parent) = parent(member, index).filter(|parent| is_inside[*parent]) else { continue };
        if let (Some(below), Some(above)) = (all[index], &mut all[parent]) {
            above.count += below.count;
            above.first = above.first.or(below.first);
        }
    }
    all
}

fn own(member: &Member, index: usize, budget: &Budget) -> Option<Listed> {
    let group = member.group(index, budget)?;
    match group.file(b"cgroup.procs").and_then(|mut file| counted(|chunk| file.next(chunk))) {
        Ok(listed) => Some(listed),
        Err(Errno::NODEV | Errno::NOENT) => Some(Listed { is_gone: true, ..Listed::default() }),
        // A threaded cgroup has only threads; its processes belong to the one above.
        Err(Errno::OPNOTSUPP) => Some(Listed::default()),
        Err(_) => None,
    }
}

/// Counts the lines of a list, and finds the first number that is not 0: that stands for a process which /proc does not
/// show.
fn counted(mut read: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<Listed, Errno> {
    let mut listed = Listed::default();
    let mut chunk = [0; 4096];
    loop {
        let length = read(&mut chunk)?;
        let text = chunk.get(..length).unwrap_or_default();
        if text.is_empty() {
            return Ok(listed);
        }
        if listed.count == 0 {
            // The last number of a chunk may be cut.
            let whole = scan::split_at_last(text, b'\n').map_or(text, |(whole, _)| whole);
            let first = scan::parts(whole, b'\n').filter_map(scan::whole_number).find(|process| *process > 0);
            listed.first = first.and_then(|process| u32::try_from(process).ok());
        }
        listed.count += text.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
}

/// When the first processes of cgroups started.
#[derive(Default)]
pub(super) struct Starts(HashMap<u64, (u32, u64)>);

impl Starts {
    /// How long the first process of the cgroup `id` has run.
    pub(super) fn age(&mut self, id: u64, listed: &Listed, boottime_usec: u64) -> Option<Duration> {
        let first = listed.first?;
        let known = self.0.get(&id).filter(|(process, _)| *process == first);
        let start_usec = match known {
            Some((_, start_usec)) => *start_usec,
            None => {
                let stat = Process::new(i32::try_from(first).ok()?).and_then(|it| it.stat()).ok()?;
                let start_usec = stat.starttime.saturating_mul(USEC_PER_TICK);
                self.0.insert(id, (first, start_usec));
                start_usec
            }
        };
        Some(Duration::from_micros(boottime_usec.saturating_sub(start_usec)))
    }

    /// Forgets cgroups that are gone.
    pub(super) fn keep(&mut self, is_there: impl Fn(u64) -> bool) {
        self.0.retain(|id, _| is_there(*id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, step: usize) -> Listed {
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
        for step in [3, 5, 4096] {
            assert_eq!(of("12\n345\n6\n", step), Listed { count: 3, first: Some(12), is_gone: false }, "{step}");
        }
        assert_eq!(of("", 9), Listed::default());
    }

    #[test]
    fn strangers_count_but_have_no_number() {
        assert_eq!(of("0\n0\n7\n", 99), Listed { count: 3, first: Some(7), is_gone: false });
    }

    #[test]
    fn an_age_is_the_time_since_the_start() {
        let own = std::process::id();
        let listed = Listed { count: 1, first: Some(own), is_gone: false };
        let now = crate::host::clocks::now_usec(libc::CLOCK_BOOTTIME);
        let mut starts = Starts::default();
        let age = starts.age(1, &listed, now).unwrap();
        assert!(age < Duration::from_secs(3600), "{age:?}");
        assert_eq!(starts.age(1, &listed, now + 1_000_000), Some(age + Duration::from_secs(1)));
        assert_eq!(starts.age(2, &Listed::default(), now), None);
    }
}
