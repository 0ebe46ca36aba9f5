//! Who pays for answers. A supervisor is outside of the cgroup that it supervises: what it composes would be on nobody's account, and
//! a program could hold as much of it as it has descriptors. So it answers from a cgroup beside the program's, with the program's
//! limits on CPU time and a budget of memory, and where that is used up, the kernel answers.

use crate::{cgroup::Cgroup, limits::Limits};
use anyhow::Result;
use rustix::{
    fd::{AsRawFd, RawFd},
    io::{pread, pwrite},
};
use std::fs::File;

/// Where answers are counted; nowhere, where the supervisor is in the program's own cgroup.
#[derive(Default)]
pub(crate) struct Account {
    /// What a process writes to in order to be counted there.
    joins: Vec<File>,
    memory: Option<File>,
}

/// What open answers may take, and the process that composes them: some 4,000 answers of ordinary length.
const BUDGET_BYTES: u64 = 32 << 20;
/// Up to here we answer. The rest is for the process itself and for its longest answer: beyond the budget the kernel would end it.
const MOST_BYTES: u64 = 28 << 20;

impl Account {
    /// The limits of the account for a program with `limits`; `None` where it needs none.
    pub(crate) fn limits(limits: &Limits) -> Option<Limits> {
        let memory_bytes = limits.memory_bytes.map(|_| BUDGET_BYTES);
        let of_answers = Limits { memory_bytes, swap_bytes: None, pids: None, ..limits.clone() };
        (of_answers != Limits::default()).then_some(of_answers)
    }

    /// The account that is `cgroup`'s.
    pub(crate) fn of(cgroup: &Cgroup) -> Result<Self> {
        Ok(Self { joins: cgroup.joins()?, memory: cgroup.memory() })
    }

    /// Has the calling process, which has one thread, counted here from now on.
    pub(super) fn enter(&self) {
        for join in &self.joins {
            let _ = pwrite(join, b"0", 0);
        }
    }

    /// Whether there is room for another answer.
    pub(super) fn has_room(&self) -> bool {
        let Some(memory) = &self.memory else { return true };
        let mut text = [0; 24];
        let read = pread(memory, &mut text, 0).unwrap_or(0);
        let used = str::from_utf8(&text[..read]).ok().and_then(|text| text.trim_end().parse::<u64>().ok());
        used.is_none_or(|used| used < MOST_BYTES)
    }

    pub(super) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.joins.iter().chain(&self.memory).map(AsRawFd::as_raw_fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpus::Quota;

    #[test]
    fn what_the_program_is_limited_in() {
        let limits = |memory_bytes, cpus, pids| Limits { memory_bytes, cpus, pids, ..Limits::default() };
        let quota = Quota { usec: 50_000 };
        assert_eq!(Account::limits(&limits(None, None, Some(3))), None);
        let of = |limits| Account::limits(&limits).unwrap();
        assert_eq!(of(limits(Some(1 << 40), None, Some(3))), limits(Some(BUDGET_BYTES), None, None));
        assert_eq!(of(limits(None, Some(quota), None)), limits(None, Some(quota), None));
    }
}
