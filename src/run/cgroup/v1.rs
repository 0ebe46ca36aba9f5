//! Version 1: one hierarchy for each controller, or for several together.

use super::{Named, Setting, make_below, write};
use crate::{
    host::hierarchy::MountedHierarchy,
    run::{cpus::PERIOD_USEC, limits::RunLimits},
};
use anyhow::{Context, Result};
use std::fs;

/// The limits, in the order in which the kernel accepts them.
pub(super) fn settings(limits: &RunLimits) -> Vec<Setting> {
    // In version 1, the second limit is for memory and swap together.
    let both = limits.memory_bytes.zip(limits.swap_bytes).map(|(memory, swap)| memory.saturating_add(swap));
    [
        limits.memory_bytes.map(|bytes| Setting::new("memory", "memory.limit_in_bytes", bytes)),
        both.map(|bytes| Setting::new("memory", "memory.memsw.limit_in_bytes", bytes)),
        limits.cpus.map(|_| Setting::new("cpu", "cpu.cfs_period_us", PERIOD_USEC)),
        limits.cpus.map(|quota| Setting::new("cpu", "cpu.cfs_quota_us", quota.usec)),
        limits.cpuset.as_ref().map(|list| Setting::new("cpuset", "cpuset.cpus", &list.text)),
        limits.pids.map(|pids| Setting::new("pids", "pids.max", pids)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Creates a directory below our own cgroup: above it, our limits would not hold.
pub(super) fn make(hierarchy: &MountedHierarchy, what: &str) -> Result<Named> {
    let parent = hierarchy.own();
    let directory = make_below(parent, what).with_context(|| parent.display().to_string())?;
    if hierarchy.has("cpuset") {
        inherit_cpuset(parent, &directory).inspect_err(|_| drop(fs::remove_dir(&*directory)))?;
    }
    Ok(directory)
}

/// A new cpuset is empty, and no process can join it.
fn inherit_cpuset(parent: &std::path::Path, directory: &std::path::Path) -> Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let from = parent.join(file);
        let value = fs::read_to_string(&from).with_context(|| from.display().to_string())?;
        write(&directory.join(file), value.trim())?;
    }
    Ok(())
}
