//! Containers beside us: a sampler in a container sees the cgroups of those that share a pid namespace with it through
//! their mounts, at /proc/PID/root.

use super::{
    Sampler,
    directory::status,
    roots::{self, Form, Root},
    tree::Hierarchy,
};
use crate::failure::say;
use anyhow::Result;
use procfs::{FromRead, process::MountInfos};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, Mode, OFlags, ResolveFlags, fstatfs, openat, openat2, readlinkat},
    io::Errno,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::CString,
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// What is known of the processes beside us.
pub(super) struct Neighbours {
    /// On a host all is in sight through the own mounts: nobody is sought.
    is_host: bool,
    sought: Option<Instant>,
    /// Our own mount namespace.
    own: Option<CString>,
    /// The processes whose mounts are known, with their mount namespaces. A number of a namespace is given again once
    /// none of its processes is left.
    known: BTreeMap<u32, CString>,
    /// Cgroups of processes that we may not look at.
    refused: BTreeSet<String>,
}

impl Neighbours {
    /// Those of a sampler that knows its own mounts' hierarchies.
    pub(super) fn of(sampler: &Sampler) -> Self {
        let own = readlinkat(CWD, "/proc/self/ns/mnt", Vec::new()).ok();
        Self { is_host: sampler.sees_machine(), sought: None, own, known: BTreeMap::new(), refused: BTreeSet::new() }
    }

    /// Adds the hierarchies of neighbours that were not there when this was done last, and removes those that are over.
    pub(super) fn seek(&mut self, sampler: &mut Sampler) -> Result<()> {
        const PAUSE: Duration = Duration::from_secs(1);
        if self.is_host || self.sought.is_some_and(|sought| sought.elapsed() < PAUSE) {
            return Ok(());
        }
        self.sought = Some(Instant::now());
        for (namespace, process) in self.strangers(processes()) {
            // One that is being made may not have its mounts yet: it is asked again until they show where it is.
            if let Ok(true) = add_all(process, sampler) {
                self.known.insert(process, namespace);
            }
        }
        sampler.remove_ended();
        sampler.publish_new()
    }

    /// Forgets the processes that are no more, and finds one of each mount namespace that was not looked into.
    fn strangers(&mut self, present: BTreeSet<u32>) -> BTreeMap<CString, u32> {
        self.known.retain(|process, _| present.contains(process));
        let known: BTreeSet<CString> = self.known.values().chain(&self.own).cloned().collect();
        let new: Vec<u32> = present.into_iter().filter(|process| !self.known.contains_key(process)).collect();
        let mut strangers: BTreeMap<CString, u32> = BTreeMap::new();
        for process in new {
            match readlinkat(CWD, format!("/proc/{process}/ns/mnt"), Vec::new()) {
                Ok(namespace) if known.contains(&namespace) => {
                    self.known.insert(process, namespace);
                }
                Ok(namespace) => {
                    strangers.entry(namespace).or_insert(process);
                }
                Err(Errno::ACCESS | Errno::PERM) => self.refuse(process),
                // It has ended.
                Err(_) => {}
            }
        }
        strangers
    }

    /// Says of which neighbour nothing can be published, once for each.
    fn refuse(&mut self, process: u32) {
        let Ok(cgroup) = fs::read_to_string(format!("/proc/{process}/cgroup")) else { return };
        if self.refused.insert(cgroup) {
            say(format_args!(
                "process {process} and those in its cgroup are not published: no right to look into its mounts; run as its \
                 user without fewer capabilities, or with CAP_SYS_PTRACE"
            ));
        }
    }
}

/// The processes in our pid namespace.
fn processes() -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Adds the hierarchies that a process sees and that it is in. `Ok(false)` when it is in none of those that it sees.
fn add_all(process: u32, sampler: &mut Sampler) -> std::result::Result<bool, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let home = openat(CWD, format!("/proc/{process}/root"), flags, Mode::empty())?;
    let table = fs::File::open(format!("/proc/{process}/mountinfo")).map_err(|_| Errno::SRCH)?;
    let mounts = MountInfos::from_read(table).map_err(|_| Errno::SRCH)?;
    let mut found: BTreeMap<u64, (Root, OwnedFd)> = BTreeMap::new();
    for root in roots::of_mounts(&mounts.0, Path::new("/")) {
        if let Ok((device, top)) = open_top(&home, &root) {
            found.entry(device).or_insert((root, top));
        }
    }
    let mut is_held = false;
    let view = sampler.new_view();
    for (root, top) in found.into_values() {
        let id = status(top.as_fd())?.id;
        is_held |=
            sampler.has(&root, id) || sampler.add_of(process, Hierarchy::of_open(root, view, sampler.numbers, top)?);
    }
    Ok(is_held)
}

/// Opens the top of a hierarchy that a process sees, without following whatever it may have put in the way. Returns the
/// number of its file system, too.
fn open_top(home: &OwnedFd, root: &Root) -> std::result::Result<(u64, OwnedFd), Errno> {
    const CGROUP: i64 = 0x0027_e0eb;
    const CGROUP_2: i64 = 0x6367_7270;
    let confined = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    let top = openat2(home, &root.path, super::directory::DIRECTORY, Mode::empty(), confined)?;
    let magic = if root.form == Form::V2 { CGROUP_2 } else { CGROUP };
    if { fstatfs(&top)?.f_type } != magic {
        return Err(Errno::NODEV);
    }
    Ok((status(top.as_fd())?.device, top))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbours(known: &[(u32, &std::ffi::CStr)]) -> Neighbours {
        Neighbours {
            is_host: false,
            sought: None,
            own: None,
            known: known.iter().map(|&(process, namespace)| (process, namespace.to_owned())).collect(),
            refused: BTreeSet::new(),
        }
    }

    #[test]
    fn a_namespace_is_forgotten_with_its_last_process() {
        let (me, gone) = (std::process::id(), u32::MAX);
        let mine = readlinkat(CWD, "/proc/self/ns/mnt", Vec::new()).unwrap();
        let present = || BTreeSet::from([me]);
        // The one that was asked is no more, and its namespace has the number that ours had.
        let mut restarted = neighbours(&[(gone, &mine)]);
        assert_eq!(restarted.strangers(present()), BTreeMap::from([(mine.clone(), me)]));
        // Nothing was found out: asked again.
        assert_eq!(restarted.strangers(present()), BTreeMap::from([(mine.clone(), me)]));
        let mut known = neighbours(&[(gone, &mine), (me, &mine)]);
        assert_eq!(known.strangers(present()), BTreeMap::new());
        assert_eq!(known.known, BTreeMap::from([(me, mine)]));
    }
}
