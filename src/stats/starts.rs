//! When processes started.

use calc::host::USEC_PER_TICK;
use procfs::process::Process;

/// When the processes of a cgroup started, those below it left out: numbers, and microseconds after boot.
#[derive(Debug, Default)]
pub(super) struct Starts(Vec<(u32, u64)>);

impl Starts {
    /// When the oldest of these processes started. Others are forgotten.
    pub(super) fn earliest(&mut self, candidates: &[u32]) -> Option<u64> {
        let known = |process: u32| self.0.iter().find(|(other, _)| *other == process).map(|(_, start)| *start);
        let found = candidates.iter().filter_map(|&it| Some((it, known(it).or_else(|| start_usec(it))?)));
        self.0 = found.collect();
        self.0.iter().map(|(_, start)| *start).min()
    }
}

/// When a process started; `None` if /proc does not show it.
pub(super) fn start_usec(process: u32) -> Option<u64> {
    let stat = Process::new(i32::try_from(process).ok()?).and_then(|it| it.stat()).ok()?;
    Some(stat.starttime.saturating_mul(USEC_PER_TICK))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Process 1 is older than ours, whichever number is listed first.
    #[test]
    fn the_oldest_counts_wherever_it_is_listed() {
        let own = std::process::id();
        let oldest = start_usec(1);
        assert!(oldest.is_some() && oldest < start_usec(own), "{oldest:?}");
        let mut starts = Starts::default();
        for candidates in [[1, own], [own, 1]] {
            assert_eq!(starts.earliest(&candidates), oldest);
        }
        assert_eq!(starts.earliest(&[own]), start_usec(own), "the others have gone");
    }
}
