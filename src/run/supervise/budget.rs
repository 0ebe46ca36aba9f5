//! A limit on the cost of answers. A supervisor runs outside the cgroup that it supervises, so the program's limits do
//! not count what it composes, and the program could hold as many answers as it has descriptors. So the supervisor
//! answers from a cgroup beside the program's, with the program's limits on CPU time and a memory budget. When the
//! budget is used up, the kernel answers.

use crate::run::{cgroup::Cgroup, limits::RunLimits};
use rustix::{
    fd::{AsRawFd, RawFd},
    io::{pread, pwrite},
};
use std::fs::File;

/// The cgroup in which answers are counted. It is empty if the supervisor is in the program's own cgroup.
#[derive(Default)]
pub(crate) struct Budget {
    cgroup: Option<Cgroup>,
    /// The files that a process writes to in order to be counted there.
    joins: Vec<File>,
    usage: Option<File>,
    stat: Option<File>,
}

/// The memory for all open answers and the process that composes them.
const BUDGET_BYTES: u64 = 32 << 20;
/// The part of it that is for texts. The rest is for the kernel's data about each answer, and for the process, which
/// would be killed if the budget were exceeded.
const TEXTS_BYTES: u64 = 20 << 20;
/// The part of the texts that other users may fill, so that some is left for our own user.
const OTHERS_BYTES: u64 = 14 << 20;

impl Budget {
    /// A budget for a program that has a cgroup of its own with these limits. If none can be made, answers count as our
    /// own.
    pub(crate) fn beside(limits: &RunLimits) -> Self {
        // Not every kernel can limit swap.
        let made = [Some(0), None].into_iter().find_map(|swap_bytes| {
            let of_answers = RunLimits { memory_bytes: Some(BUDGET_BYTES), swap_bytes, pids: None, ..limits.clone() };
            Cgroup::make_for_answers(&of_answers).ok()
        });
        let budget = made.and_then(|cgroup| {
            let joins = cgroup.joins().ok()?;
            let usage = cgroup.open(&["memory.current", "memory.usage_in_bytes"]);
            Some(Self { joins, usage, stat: cgroup.open(&["memory.stat"]), cgroup: Some(cgroup) })
        });
        budget.unwrap_or_default()
    }

    /// Moves the calling process, which has only one thread, into this cgroup.
    pub(super) fn enter(&self) {
        for join in &self.joins {
            let _ = pwrite(join, b"0", 0);
        }
    }

    /// Whether there is room for another answer, for our own user or for another.
    pub(super) fn has_room(&self, is_ours: bool) -> bool {
        let most = if is_ours { TEXTS_BYTES } else { OTHERS_BYTES };
        let in_all = number(&self.usage, |text| text.parse().ok());
        // What the kernel caches of files counts too, and is freed when memory is needed.
        let is_enough = |used: Option<u64>| used.is_none_or(|used| used < most);
        is_enough(in_all) || is_enough(number(&self.stat, shmem))
    }

    pub(super) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.joins.iter().chain(&self.usage).chain(&self.stat).map(AsRawFd::as_raw_fd)
    }

    /// Leaves the cgroup to the processes that continue answering: a later run removes it.
    pub(crate) fn leave(&mut self) {
        std::mem::forget(self.cgroup.take());
    }

    /// Removes the cgroup when nobody answers any more.
    pub(super) fn close(&mut self) {
        if let Some(mut cgroup) = self.cgroup.take() {
            cgroup.remove();
        }
    }
}

/// Reads a figure from a file of the cgroup.
fn number(file: &Option<File>, find: impl FnOnce(&str) -> Option<u64>) -> Option<u64> {
    let mut text = [0; 8192];
    let read = pread(file.as_ref()?, &mut text, 0).ok()?;
    find(str::from_utf8(text.get(..read)?).ok()?.trim_end())
}

/// The memory files' bytes, in the text of a `memory.stat`.
fn shmem(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("shmem ")).and_then(|bytes| bytes.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_files_in_both_versions() {
        assert_eq!(shmem("cache 8192\nrss 1\nshmem 4096\ntotal_shmem 9\n"), Some(4096));
        assert_eq!(shmem("anon 1\nfile 2\nshmem 12288\nshmem_thp 0"), Some(12_288));
        assert_eq!(shmem("anon 1\n"), None);
    }

    #[test]
    fn where_nothing_is_counted_there_is_room() {
        assert!(Budget::default().has_room(false));
    }
}
