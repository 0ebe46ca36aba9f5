//! A cgroup for a single program: it is created, only the program joins it, and it is removed.

mod carried;
mod v1;
mod v2;

use super::limits::RunLimits;
use crate::host::{
    hierarchy::{self, MountedHierarchy, Version},
    named::{self, Named},
};
use anyhow::{Context, Error, Result, anyhow};
use calc::board::Kind;
use carried::Carried;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// A cgroup: one directory for each hierarchy that it uses.
pub(crate) struct Cgroup {
    directories: Vec<Named>,
}

/// Why there is no cgroup.
pub(crate) enum NotMade {
    /// We don't have the right, for this reason.
    NoRight(Error),
    /// The kernel refuses a limit.
    Refused(Error),
}

/// One limit in the kernel's form: the file in the cgroup's directory, and the value written to it.
struct Setting {
    controller: &'static str,
    file: &'static str,
    value: String,
}

impl Setting {
    fn new(controller: &'static str, file: &'static str, value: impl ToString) -> Self {
        Self { controller, file, value: value.to_string() }
    }
}

impl Cgroup {
    /// Creates a cgroup with `limits` for a program, in every hierarchy that has a controller for one of them.
    pub(crate) fn make(limits: &RunLimits) -> Result<Self, NotMade> {
        Self::make_for("", limits)
    }

    /// The same for what answers a program.
    pub(crate) fn make_for_answers(limits: &RunLimits) -> Result<Self, NotMade> {
        Self::make_for(named::OF_ANSWERS, limits)
    }

    fn make_for(what: &str, limits: &RunLimits) -> Result<Self, NotMade> {
        let hierarchies = hierarchy::all().map_err(NotMade::NoRight)?;
        let mut cgroup = Self { directories: Vec::new() };
        for (hierarchy, needed) in share_out(&hierarchies, &limits.controllers()).map_err(NotMade::NoRight)? {
            let made = match hierarchy.version {
                Version::V1 => v1::make(hierarchy, what).map(|directory| (directory, Carried::default())),
                Version::V2 => v2::make(hierarchy, what, &needed),
            };
            let (directory, carried) = made.map_err(NotMade::NoRight)?;
            let configured = configure(hierarchy, &directory, &needed, limits, carried);
            cgroup.directories.push(directory);
            configured.map_err(NotMade::Refused)?;
        }
        cgroup.account(&hierarchies, what);
        Ok(cgroup)
    }

    /// Adds version 1's controllers that count CPU time and disk accesses, as far as they are separate and we have the
    /// right. Version 2 counts CPU time in every cgroup, and v2.rs enables its controller of disks.
    fn account(&mut self, hierarchies: &[MountedHierarchy], what: &str) {
        for controller in ["cpuacct", "blkio"] {
            let Some(hierarchy) = hierarchies.iter().find(|hierarchy| hierarchy.has(controller)) else { continue };
            let is_taken = self.directories.iter().any(|made| made.starts_with(&hierarchy.mount));
            if let (false, Ok(directory)) = (is_taken, v1::make(hierarchy, what)) {
                self.directories.push(directory);
            }
        }
    }

    /// Opens the files that a process writes to in order to join.
    pub(crate) fn joins(&self) -> Result<Vec<File>> {
        let open = |directory: &Named| {
            let path = directory.join("cgroup.procs");
            File::options().write(true).open(&path).with_context(|| path.display().to_string())
        };
        self.directories.iter().map(open).collect()
    }

    /// Opens the first of these files that exists; each version has its own names.
    pub(crate) fn open(&self, names: &[&str]) -> Option<File> {
        let paths = self.directories.iter().flat_map(|directory| names.iter().map(|name| directory.join(name)));
        paths.into_iter().find_map(|path| File::open(path).ok())
    }

    /// Its directories, each with its controllers that the board knows.
    pub(crate) fn kinds(&self) -> Vec<(Kind, PathBuf)> {
        let hierarchies = hierarchy::all().unwrap_or_default();
        let of = |directory: &Named| {
            let hierarchy = hierarchies.iter().find(|hierarchy| directory.starts_with(&hierarchy.mount));
            let kinds = hierarchy.map(MountedHierarchy::kinds).unwrap_or_default();
            kinds.into_iter().map(|kind| (kind, directory.to_path_buf())).collect::<Vec<_>>()
        };
        self.directories.iter().flat_map(of).collect()
    }

    /// Its directories, for a message.
    pub(crate) fn names(&self) -> String {
        let names: Vec<String> = self.directories.iter().map(|directory| directory.display().to_string()).collect();
        names.join(", ")
    }

    /// Removes the cgroup, waiting a little for processes that are about to end; `false` if some still run.
    pub(crate) fn remove(&mut self) -> bool {
        const TRIES: u32 = 10;
        for _ in 0..TRIES {
            self.directories.retain(|directory| remove_tree(directory).is_err() && directory.exists());
            if self.directories.is_empty() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.directories.is_empty()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for directory in &self.directories {
            let _ = fs::remove_dir(&**directory);
        }
    }
}

/// Which controllers each hierarchy is needed for. If a controller is on v1, that hierarchy is used.
fn share_out<'h>(
    hierarchies: &'h [MountedHierarchy],
    controllers: &[&'static str],
) -> Result<Vec<(&'h MountedHierarchy, Vec<&'static str>)>> {
    let mut shares: Vec<(&MountedHierarchy, Vec<&'static str>)> = Vec::new();
    for &controller in controllers {
        let hierarchy = hierarchies
            .iter()
            .find(|hierarchy| hierarchy.has(controller))
            .or_else(|| hierarchies.iter().find(|hierarchy| hierarchy.version == Version::V2))
            .with_context(|| format!("no {controller} hierarchy that shows our own cgroup is mounted"))?;
        match shares.iter_mut().find(|(known, _)| std::ptr::eq(*known, hierarchy)) {
            Some((_, share)) => share.push(controller),
            None => shares.push((hierarchy, vec![controller])),
        }
    }
    Ok(shares)
}

/// Writes the limits of the `needed` controllers, and the carried limits.
fn configure(
    hierarchy: &MountedHierarchy,
    directory: &Path,
    needed: &[&str],
    limits: &RunLimits,
    carried: Carried,
) -> Result<()> {
    let mut settings = match hierarchy.version {
        Version::V1 => v1::settings(limits),
        Version::V2 => v2::settings(limits),
    };
    settings.retain(|setting| needed.contains(&setting.controller));
    for (file, value) in carried.and(settings)? {
        write(&directory.join(file), &value)?;
    }
    match hierarchy.version {
        Version::V1 => Ok(()),
        Version::V2 => v2::check(directory, limits),
    }
}

fn write(path: &Path, value: &str) -> Result<()> {
    fs::write(path, value).map_err(|error| anyhow!("the kernel refuses {value:?} in {}: {error}", path.display()))
}

/// Creates our directory below the cgroup `parent`.
fn make_below(parent: &Path, what: &str) -> io::Result<Named> {
    Named::make(parent, what, |path| fs::create_dir(path))
}

/// Removes the empty cgroups of past runs, wherever this run could have created one.
pub(crate) fn clear_stale() {
    let parents = hierarchy::all().into_iter().flatten().flat_map(|hierarchy| hierarchy.chain());
    for entry in parents.filter_map(|parent| fs::read_dir(parent).ok()).flatten().flatten() {
        if let Some(_lock) = named::take_stale(&entry) {
            let _ = remove_tree(&entry.path());
        }
    }
}

/// Removes a cgroup and those that its program left below it; the kernel keeps each one in which a process runs.
fn remove_tree(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let _ = remove_tree(&entry.path());
        }
    }
    fs::remove_dir(directory)
}
