//! The limits that a program is run under.

use super::cpus::{List, Quota};

/// What was asked for on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) memory_bytes: Option<u64>,
    /// Swap beyond the memory.
    pub(crate) swap_bytes: Option<u64>,
    pub(crate) cpus: Option<Quota>,
    pub(crate) cpuset: Option<List>,
    pub(crate) pids: Option<u64>,
}

impl Limits {
    /// The kernel's controllers that the limits need.
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
