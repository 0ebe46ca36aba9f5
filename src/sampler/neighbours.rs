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
    processes: BTreeSet<u32>,
    /// Mount namespaces that were looked into.
    namespaces: BTreeSet<CString>,
    /// Cgroups of processes that we may not look at.
    refused: BTreeSet<String>,
}

impl Neighbours {
    /// Those of a sampler that knows its own mounts' hierarchies.
    pub(super) fn of(sampler: &Sampler) -> Self {
        let own = readlinkat(CWD, "/proc/self/ns/mnt", Vec::new()).ok();
        let namespaces = own.into_iter().collect();
        Self {
            is_host: sampler.sees_machine(),
            sought: None,
            processes: BTreeSet::new(),
            namespaces,
            refused: BTreeSet::new(),
        }
    }

    /// Adds the hierarchies of neighbours that were not there when this was done last, and removes those that are over.
    pub(super) fn seek(&mut self, sampler: &mut Sampler) -> Result<()> {
        const PAUSE: Duration = Duration::from_secs(1);
        if self.is_host || self.sought.is_some_and(|sought| sought.elapsed() < PAUSE) {
            return Ok(());
        }
        self.sought = Some(Instant::now());
        let present = processes();
        let known = std::mem::replace(&mut self.processes, present);
        let new: Vec<u32> = self.processes.difference(&known).copied().collect();
        for process in new {
            self.meet(process, sampler);
        }
        sampler.remove_ended();
        sampler.publish_new()
    }

    fn meet(&mut self, process: u32, sampler: &mut Sampler) {
        match readlinkat(CWD, format!("/proc/{process}/ns/mnt"), Vec::new()) {
            Ok(namespace) if self.namespaces.contains(&namespace) => {}
            Ok(namespace) => {
                if let Ok(true) = add_all(process, sampler) {
                    self.namespaces.insert(namespace);
                }
            }
            Err(Errno::ACCESS | Errno::PERM) => self.refuse(process),
            // It has ended.
            Err(_) => {}
        }
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

/// Adds the hierarchies that a process sees and that it is in. `Ok(false)` when it sees none.
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
    let has_found = !found.is_empty();
    let view = sampler.new_view();
    for (root, top) in found.into_values() {
        let id = status(top.as_fd())?.id;
        if !sampler.has(&root, id) {
            sampler.add_of(process, Hierarchy::of_open(root, view, sampler.numbers, top)?);
        }
    }
    Ok(has_found)
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
