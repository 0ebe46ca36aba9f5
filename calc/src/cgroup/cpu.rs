//! The CPU controllers' files, in the terms that both versions share.

/// CPU time that a cgroup used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) user_ticks: u64,
    pub(crate) nice_ticks: u64,
    pub(crate) system_ticks: u64,
}

impl Used {
    /// All of it.
    pub(crate) fn sum(&self) -> u64 {
        self.user_ticks.saturating_add(self.nice_ticks).saturating_add(self.system_ticks)
    }
}
