//! Version 2: one hierarchy, in which each level hands controllers down to the next.

use super::{Carried, Named, Setting, make_below};
use crate::{
    host::hierarchy::MountedHierarchy,
    run::{cpus::PERIOD_USEC, limits::RunLimits},
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use calc::cpus::CpuSet;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use std::{fs, path::Path};

/// The limits.
pub(super) fn settings(limits: &RunLimits) -> Vec<Setting> {
    [
        limits.memory_bytes.map(|bytes| Setting::new("memory", "memory.max", bytes)),
        limits.swap_bytes.map(|bytes| Setting::new("memory", "memory.swap.max", bytes)),
        limits.cpus.map(|quota| Setting::new("cpu", "cpu.max", format!("{} {PERIOD_USEC}", quota.usec))),
        limits.cpuset.as_ref().map(|list| Setting::new("cpuset", "cpuset.cpus", &list.text)),
        limits.pids.map(|pids| Setting::new("pids", "pids.max", pids)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Creates a directory below our own cgroup, or below its nearest ancestor whose children can have the `needed`
/// controllers. The limits that it then escapes are carried.
pub(super) fn make(hierarchy: &MountedHierarchy, what: &str, needed: &[&str]) -> Result<(Named, Carried)> {
    let mut reason = anyhow!("our own cgroup is not below {}", hierarchy.mount.display());
    let chain = hierarchy.chain();
    for (above, parent) in chain.iter().enumerate() {
        match make_at(parent, what, needed) {
            Ok(directory) => {
                let carried = Carried::from(&chain[..above]).inspect_err(|_| drop(fs::remove_dir(&*directory)))?;
                return Ok((directory, carried));
            }
            Err(error) if above == 0 => reason = error,
            Err(_) => {}
        }
    }
    Err(reason)
}

fn make_at(parent: &Path, what: &str, needed: &[&str]) -> Result<Named> {
    let available = words(&parent.join("cgroup.controllers"))?;
    if let Some(missing) = needed.iter().find(|&&controller| !available.iter().any(|it| it == controller)) {
        bail!("{}: no {missing} controller here", parent.display());
    }
    // Moving a process requires write access to this file in the nearest common ancestor.
    let procs = parent.join("cgroup.procs");
    accessat(CWD, &procs, Access::WRITE_OK, AtFlags::EACCESS).with_context(|| procs.display().to_string())?;
    let directory = make_below(parent, what).with_context(|| parent.display().to_string())?;
    hand_down(parent, &directory, needed).inspect_err(|_| drop(fs::remove_dir(&*directory)))?;
    Ok(directory)
}

/// Enables the `needed` controllers for the children of `parent`, and makes sure that `directory` can hold processes.
fn hand_down(parent: &Path, directory: &Path, needed: &[&str]) -> Result<()> {
    let control = parent.join("cgroup.subtree_control");
    let given = words(&control)?;
    let wanted: Vec<String> =
        needed.iter().filter(|&&it| !given.iter().any(|given| given == it)).map(|it| format!("+{it}")).collect();
    if !wanted.is_empty() {
        fs::write(&control, wanted.join(" ")).with_context(|| control.display().to_string())?;
    }
    // The program's disk accesses are counted apart if this can be had. It may be absent here, or on version 1.
    let _ = fs::write(&control, "+io");
    // Below a threaded cgroup, it would be "domain invalid".
    let kind = words(&directory.join("cgroup.type"))?;
    ensure!(kind == ["domain"], "{} is {}", directory.display(), kind.join(" "));
    Ok(())
}

/// The kernel accepts CPUs that an ancestor does not have, and then gives others.
pub(super) fn check(directory: &Path, limits: &RunLimits) -> Result<()> {
    let Some(list) = &limits.cpuset else { return Ok(()) };
    let path = directory.join("cpuset.cpus.effective");
    let effective = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let asked = CpuSet::parse(list.text.as_bytes());
    let given = CpuSet::parse(effective.as_bytes());
    ensure!(given == asked, "the kernel gives the CPUs {} for cpuset.cpus {}", effective.trim(), list.text);
    Ok(())
}

fn words(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}
