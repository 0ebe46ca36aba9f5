//! The pids controller's files, which have the same names in both versions.

use super::{CgroupFiles, Setting};

/// The most threads that the cgroup and those below it may have; `None` for no limit. 0 only means that no more may be
/// added, and no kernel shows so few.
pub fn limit(group: &impl CgroupFiles, scratch: &mut [u8]) -> Option<u64> {
    match group.setting(b"pids.max", scratch) {
        Setting::Of(limit @ 1..) => Some(limit),
        _ => None,
    }
}

/// The most threads that any kernel has (`PID_MAX_LIMIT`).
pub const MOST_THREADS: u32 = 4 << 20;

/// The number of threads in the cgroup and those below it. `None` for more than any kernel has.
pub fn count(group: &impl CgroupFiles, scratch: &mut [u8]) -> Option<u64> {
    group.number(b"pids.current", scratch).filter(|count| *count <= MOST_THREADS.into())
}
