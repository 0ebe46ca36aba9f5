//! Cgroups with limits of all kinds, in which small programs run, hold memory, read and write.

use crate::{
    bed::{self, Version},
    groups::Group,
    processes::serial,
};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
};

/// What runs in a cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Sleep,
    /// This many processes run without a pause.
    Run(u32),
    /// It holds so many pages of memory.
    Hold(usize),
    /// It has written and read a file of so many pages.
    Cache(usize),
    Threads(usize),
}

/// The cgroups, below one that limits them together. All go with the test.
pub(crate) struct Stirred {
    /// Dropped in this order: those below first.
    child: Child,
    input: Option<ChildStdin>,
    groups: Vec<(Group, Role)>,
    #[expect(dead_code, reason = "it holds the others")]
    engine: Group,
    pub(crate) top: Group,
    scratch: PathBuf,
}

impl Stirred {
    /// Makes `count` cgroups with paths as Docker makes them, and waits until something has happened in each.
    pub(crate) fn start(count: usize) -> Self {
        let top = Group::new();
        let engine = top.below("docker");
        // So that most limits are the cgroups' own, and some are not.
        set_memory(&engine, 1 << 30);
        share_io(&[&top, &engine]);
        let groups: Vec<(Group, Role)> =
            (0..count).map(|index| (engine.below(&format!("{index:064x}")), role(index))).collect();
        groups.iter().enumerate().for_each(|(index, (group, role))| limit(index, group, *role));
        // On a disk, if there is one, so that something is read and written.
        let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("stir-{}", serial()));
        fs::create_dir(&scratch).expect("a directory");
        let mut command = Command::new(bed::programs().join("stir"));
        let mut child = command.arg(&scratch).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("stir");
        let mut input = child.stdin.take().expect("a pipe");
        for (group, role) in &groups {
            writeln!(input, "{}", line(group, *role)).expect("a line");
        }
        writeln!(input, "end").expect("a line");
        let mut answer = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut answer).expect("its answer");
        assert_eq!(answer, "ready\n");
        Self { child, input: Some(input), groups, engine, top, scratch }
    }

    /// Their paths below the mounts, with what runs in each.
    pub(crate) fn paths(&self) -> Vec<(String, Role)> {
        self.groups.iter().map(|(group, role)| (format!("/{}", group.path), *role)).collect()
    }
}

impl Drop for Stirred {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

fn role(index: usize) -> Role {
    match index % 5 {
        0 => Role::Sleep,
        1 => Role::Hold(256 + 8 * index),
        2 => Role::Cache(128 + 2 * index),
        4 if index < 30 => Role::Run(1 + u32::try_from(index / 5 % 3).expect("a small number")),
        _ => Role::Threads(index % 7),
    }
}

fn line(group: &Group, role: Role) -> String {
    let (word, amount) = match role {
        Role::Sleep => ("sleep", 0),
        Role::Run(processes) => ("run", processes as usize),
        Role::Hold(pages) => ("hold", pages),
        Role::Cache(pages) => ("cache", pages),
        Role::Threads(count) => ("threads", count),
    };
    let directories: Vec<String> = group.directories.iter().map(|it| it.display().to_string()).collect();
    format!("{word} {amount} {}", directories.join(" "))
}

/// Those that run get a fiftieth of a CPU each, so that the machine stays free; some others get limits too.
fn limit(index: usize, group: &Group, role: Role) {
    if matches!(role, Role::Run(_)) {
        set_quota(group, 2000);
    } else if index.is_multiple_of(4) {
        set_quota(group, 50_000 + 1000 * index);
    }
    if index.is_multiple_of(3) {
        set_memory(group, (64 + index) << 20);
    }
    if index.is_multiple_of(7) {
        group.set("pids.max", &(50 + index).to_string());
    }
}

fn set_quota(group: &Group, quota_usec: usize) {
    match bed::version() {
        Version::V1 => group.set("cpu.cfs_quota_us", &quota_usec.to_string()),
        Version::V2 => group.set("cpu.max", &format!("{quota_usec} 100000")),
    }
}

fn set_memory(group: &Group, bytes: usize) {
    let file = if bed::version() == Version::V1 { "memory.limit_in_bytes" } else { "memory.max" };
    group.set(file, &bytes.to_string());
}

/// Passes the controller of disks on too, where the root has it.
fn share_io(groups: &[&Group]) {
    let root = fs::read_to_string("/sys/fs/cgroup/cgroup.subtree_control").unwrap_or_default();
    if root.split_whitespace().any(|it| it == "io") {
        groups.iter().for_each(|group| group.set("cgroup.subtree_control", "+io"));
    }
}
