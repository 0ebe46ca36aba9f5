//! Cgroups in every hierarchy.

use crate::{
    bed::{self, Version},
    processes::{PATIENCE, serial, sleep},
};
use calc::board::{Key, Kind};
use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// The directory of the cgroup with this path, in the hierarchy for which load is published.
pub(crate) fn load_directory(path: &str) -> PathBuf {
    let root = match bed::version() {
        Version::V1 => "/sys/fs/cgroup/cpuacct",
        Version::V2 => "/sys/fs/cgroup",
    };
    Path::new(root).join(path)
}

/// The key of a cgroup's load, or `None` if there is no such cgroup.
pub(crate) fn load_key(path: &str) -> Option<Key> {
    let kind = match bed::version() {
        Version::V1 => Kind::Cpuacct,
        Version::V2 => Kind::Unified,
    };
    Some(Key { kind, id: fs::metadata(load_directory(path)).ok()?.ino() })
}

/// Cgroups with the same path in every hierarchy, removed with the test.
pub(crate) struct Group {
    pub(crate) path: String,
    /// One in each hierarchy.
    pub(crate) directories: Vec<PathBuf>,
}

impl Group {
    pub(crate) fn new() -> Self {
        Self::at(format!("cgproc-test-{}", serial()))
    }

    /// A cgroup below it. On version 2, the upper one cannot have its own processes any more.
    pub(crate) fn below(&self, name: &str) -> Self {
        self.open();
        Self::at(format!("{}/{name}", self.path))
    }

    fn at(path: String) -> Self {
        let directories: Vec<PathBuf> = hierarchies().iter().map(|root| root.join(&path)).collect();
        for directory in &directories {
            fs::create_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
            inherit(directory);
        }
        Self { path, directories }
    }

    /// Passes the controllers on to the cgroups below, on version 2.
    pub(crate) fn open(&self) {
        if bed::version() == Version::V2 {
            self.set("cgroup.subtree_control", "+memory +cpu +cpuset +pids");
        }
    }

    /// Writes a setting, which must exist in the kernel's cgroup version.
    pub(crate) fn set(&self, file: &str, value: &str) {
        let mut places = self.directories.iter().map(|directory| directory.join(file));
        let path = places.find(|path| path.exists()).unwrap_or_else(|| panic!("{}: no {file}", self.path));
        fs::write(&path, value).unwrap_or_else(|e| panic!("{value} to {}: {e}", path.display()));
    }

    /// The memory that it uses.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let files =
            self.directories.iter().flat_map(|it| ["memory.current", "memory.usage_in_bytes"].map(|f| it.join(f)));
        let text = files.filter_map(|file| fs::read_to_string(file).ok()).next().expect("memory in use");
        text.trim().parse().expect("bytes")
    }

    /// Makes `command` start in this cgroup.
    pub(crate) fn enter(&self, command: &mut Command) {
        let files: Vec<PathBuf> = self.directories.iter().map(|directory| directory.join("cgroup.procs")).collect();
        let join = move || files.iter().try_for_each(|file| OpenOptions::new().write(true).open(file)?.write_all(b"0"));
        // SAFETY: it opens and writes files, and takes no lock that another thread could hold.
        unsafe { command.pre_exec(join) };
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for directory in &self.directories {
            // The kernel takes a moment to forget its members. The wait is bounded, because a failed test has more to
            // report.
            let begun = Instant::now();
            while fs::remove_dir(directory).is_err() && directory.exists() && begun.elapsed() < PATIENCE / 10 {
                sleep(0.02);
            }
        }
    }
}

fn hierarchies() -> Vec<PathBuf> {
    if bed::version() == Version::V2 {
        return vec!["/sys/fs/cgroup".into()];
    }
    let entries = fs::read_dir("/sys/fs/cgroup").expect("/sys/fs/cgroup");
    let paths = entries.map(|entry| entry.expect("an entry"));
    let own = paths.filter(|entry| !entry.file_type().expect("its type").is_symlink());
    let named = own.filter(|entry| !["systemd", "unified"].contains(&&*entry.file_name().to_string_lossy()));
    named.map(|entry| entry.path()).filter(|path| path.join("cgroup.procs").exists()).collect()
}

/// Cpusets of version 1 are empty at first.
fn inherit(directory: &Path) {
    let parent = directory.parent().expect("a parent");
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if bed::version() == Version::V1 && directory.join(file).exists() {
            let inherited = fs::read(parent.join(file)).expect("the parent's");
            fs::write(directory.join(file), inherited).expect("a cpuset");
        }
    }
}
