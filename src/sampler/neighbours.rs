//! Containers beside us: a sampler in a container can see the cgroups of containers that share its pid namespace,
//! through their mounts, at /proc/PID/root.

use super::{
    Sampler,
    directory::status,
    roots::{self, Form, Root},
    tree::Hierarchy,
};
use crate::failure::say;
use anyhow::Result;
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

/// What is known about the processes beside us.
pub(super) struct Neighbours {
    /// On a host, our own mounts show everything, so there is nothing to look for.
    is_host: bool,
    sought: Option<Instant>,
    /// Our own mount namespace.
    own: Option<CString>,
    /// The processes whose mounts are known, with their mount namespaces. A namespace's number is reused once it has no
    /// process left.
    known: BTreeMap<u32, CString>,
    /// When to ask again those processes that have shown nothing.
    asked: BTreeMap<u32, Again>,
    /// Cgroups of processes that we may not look into.
    refused: BTreeSet<Vec<u8>>,
}

/// When to ask a process again.
struct Again {
    due: Instant,
    pause: Duration,
}

impl Again {
    /// After the first pause; each further pause is twice as long.
    fn after(before: Option<&Self>, now: Instant) -> Self {
        const LONGEST: Duration = Duration::from_secs(64);
        let pause = before.map_or(PAUSE, |before| before.pause.saturating_mul(2).min(LONGEST));
        Self { due: now + pause, pause }
    }
}

/// The time between two searches.
const PAUSE: Duration = Duration::from_secs(1);

/// How many mount namespaces are looked into at a time: a neighbour may have any number, each with many mounts.
const MOST_AT_ONCE: usize = 32;

impl Neighbours {
    /// The neighbours of a sampler that knows the hierarchies of its own mounts.
    pub(super) fn of(sampler: &Sampler) -> Self {
        let own = readlinkat(CWD, "/proc/self/ns/mnt", Vec::new()).ok();
        let (known, asked) = (BTreeMap::new(), BTreeMap::new());
        Self { is_host: sampler.sees_machine(), sought: None, own, known, asked, refused: BTreeSet::new() }
    }

    /// Adds the hierarchies of new neighbours, and removes those that have ended.
    pub(super) fn seek(&mut self, sampler: &mut Sampler) -> Result<()> {
        if self.is_host || self.sought.is_some_and(|sought| sought.elapsed() < PAUSE) {
            return Ok(());
        }
        let now = Instant::now();
        self.sought = Some(now);
        let strangers = self.strangers(processes());
        for (namespace, process) in self.due(strangers, now) {
            // A container that is being created may not have its mounts yet: it is asked again until they show where it
            // is.
            if let Ok(true) = add_all(process, sampler) {
                self.known.insert(process, namespace);
            } else {
                self.asked.insert(process, Again::after(self.asked.get(&process), now));
            }
        }
        sampler.remove_ended();
        sampler.publish_new()
    }

    /// The processes whose turn it is: first those never asked, then those that have waited longest.
    fn due(&mut self, strangers: BTreeMap<CString, u32>, now: Instant) -> Vec<(CString, u32)> {
        self.asked.retain(|process, _| strangers.values().any(|it| it == process));
        let moment = |process: &u32| self.asked.get(process).map(|again| again.due);
        let mut due: Vec<_> = strangers.into_iter().filter(|(_, it)| moment(it).is_none_or(|due| due <= now)).collect();
        due.sort_by_key(|(_, process)| moment(process));
        due.truncate(MOST_AT_ONCE);
        due
    }

    /// Forgets ended processes, and picks one process of each mount namespace that has not been looked into.
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

    /// Reports, once for each cgroup, that nothing can be published for a neighbour.
    fn refuse(&mut self, process: u32) {
        const MOST: usize = 1000;
        let Ok(cgroup) = fs::read(format!("/proc/{process}/cgroup")) else { return };
        if self.refused.len() < MOST && self.refused.insert(cgroup) {
            say(format_args!(
                "process {process} and those in its cgroup are not published: no right to look into its mounts; run as its \
                 user without fewer capabilities, or with CAP_SYS_PTRACE"
            ));
        }
    }
}

fn processes() -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Adds the hierarchies that a process sees and is in. `Ok(false)` if it is in none of those that it sees.
fn add_all(process: u32, sampler: &mut Sampler) -> std::result::Result<bool, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let home = openat(CWD, format!("/proc/{process}/root"), flags, Mode::empty())?;
    let mounts = roots::table(&format!("/proc/{process}/mountinfo")).map_err(|_| Errno::SRCH)?;
    let mut found: BTreeMap<u64, (Root, OwnedFd)> = BTreeMap::new();
    for root in roots::of_mounts(&mounts, Path::new("/")) {
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

/// Opens the top of a hierarchy that a process sees, without following anything that it may have put in the way. Also
/// returns the device number of its file system.
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
            asked: BTreeMap::new(),
            refused: BTreeSet::new(),
        }
    }

    #[test]
    fn who_is_in_no_cgroup_is_asked_less_and_less() {
        let mut neighbours = neighbours(&[]);
        let now = Instant::now();
        let strangers = |count: u32| (1..=count).map(|it| (CString::new(it.to_string()).unwrap(), it)).collect();
        let mut moments = Vec::new();
        for second in 0..200 {
            let now = now + Duration::from_secs(second);
            for (_, process) in neighbours.due(strangers(1), now) {
                neighbours.asked.insert(process, Again::after(neighbours.asked.get(&process), now));
                moments.push(second);
            }
        }
        assert_eq!(moments, [0, 1, 3, 7, 15, 31, 63, 127, 191]);
        // Processes that were never asked come first, and not all of them at once.
        let due: Vec<u32> = neighbours.due(strangers(100), now).into_iter().map(|(_, process)| process).collect();
        assert!(due.len() == MOST_AT_ONCE && !due.contains(&1), "{due:?}");
        assert!(neighbours.due(BTreeMap::new(), now).is_empty() && neighbours.asked.is_empty());
    }

    #[test]
    fn a_namespace_is_forgotten_with_its_last_process() {
        let (me, gone) = (std::process::id(), u32::MAX);
        let mine = readlinkat(CWD, "/proc/self/ns/mnt", Vec::new()).unwrap();
        let present = || BTreeSet::from([me]);
        // The process that was asked has ended, and its namespace's number was reused for ours.
        let mut restarted = neighbours(&[(gone, &mine)]);
        assert_eq!(restarted.strangers(present()), BTreeMap::from([(mine.clone(), me)]));
        // Nothing was found, so it is asked again.
        assert_eq!(restarted.strangers(present()), BTreeMap::from([(mine.clone(), me)]));
        let mut known = neighbours(&[(gone, &mine), (me, &mine)]);
        assert_eq!(known.strangers(present()), BTreeMap::new());
        assert_eq!(known.known, BTreeMap::from([(me, mine)]));
    }
}
