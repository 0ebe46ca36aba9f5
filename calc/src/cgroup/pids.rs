//! The pids controller's files, which both versions call alike.

use super::{CgroupFiles, Setting};

/// The most threads that the cgroup and those below it may have; `None` for no limit. 0 only says that no more may come, and is less
/// than any kernel shows.
pub(crate) fn limit(group: &impl CgroupFiles, scratch: &mut [u8]) -> Option<u64> {
    match group.setting(b"pids.max", scratch) {
        Setting::Of(limit @ 1..) => Some(limit),
        _ => None,
    }
}

/// The threads of the cgroup and of those below it.
pub(crate) fn count(group: &impl CgroupFiles, scratch: &mut [u8]) -> Option<u64> {
    group.number(b"pids.current", scratch)
}
