//! The limits that a program runs under.

use super::cpus::{CpuList, CpuQuota};

/// The limits given on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunLimits {
    pub(crate) memory_bytes: Option<u64>,
    /// In addition to the memory.
    pub(crate) swap_bytes: Option<u64>,
    pub(crate) cpus: Option<CpuQuota>,
    pub(crate) cpuset: Option<CpuList>,
    pub(crate) pids: Option<u64>,
}

impl RunLimits {
    /// The kernel controllers that the limits need.
    pub(crate) fn controllers(&self) -> Vec<&'static str> {
        [
            ("memory", self.memory_bytes.is_some()),
            ("cpu", self.cpus.is_some()),
            ("cpuset", self.cpuset.is_some()),
            ("pids", self.pids.is_some()),
        ]
        .into_iter()
        .filter_map(|(controller, needed)| needed.then_some(controller))
        .collect()
    }
}
