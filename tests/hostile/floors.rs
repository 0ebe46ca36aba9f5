//! Limits that no program could run in: those of an empty cgroup that is inspected, and those of a setting.

use crate::bed::{self, Findings, Version};
use std::{fs, path::PathBuf};

/// An empty cgroup, in every hierarchy that these tests need.
struct Empty {
    name: String,
    directories: Vec<PathBuf>,
}

impl Empty {
    fn new(title: &str) -> Self {
        let name = format!("cgproc-test-{title}-{}", std::process::id());
        let tops: &[&str] = match bed::version() {
            Version::V1 => &["/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"],
            Version::V2 => &["/sys/fs/cgroup"],
        };
        let directories: Vec<PathBuf> = tops.iter().map(|top| PathBuf::from(top).join(&name)).collect();
        directories.iter().for_each(|directory| fs::create_dir(directory).expect("a cgroup"));
        Self { name, directories }
    }

    /// Writes to the file of version 1 or of version 2.
    fn set(&self, v1: &str, v2: &str, value: &str) {
        let name = if bed::version() == Version::V1 { v1 } else { v2 };
        let file = self.directories.iter().map(|directory| directory.join(name)).find(|file| file.exists());
        fs::write(file.unwrap_or_else(|| panic!("no {name}")), value).expect("a limit");
    }

    /// What a program shows of it, given these settings.
    fn seen(&self, settings: &str) -> Seen {
        Seen::under(&format!("CGPROC_CGROUP=/{} {settings}", self.name))
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        for directory in &self.directories {
            let _ = fs::remove_dir(directory);
        }
    }
}

/// The exit status of `ps aux`, MemTotal, and the largest number of threads.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    ps: String,
    total_kib: Option<u64>,
    threads: String,
}

impl Seen {
    fn under(settings: &str) -> Self {
        let object = bed::object();
        let text = bed::sh(&format!(
            "export {settings} LD_PRELOAD={}; ps aux >/dev/null 2>&1; echo $?; cat /proc/sys/kernel/threads-max; cat /proc/meminfo",
            object.display()
        ));
        let mut lines = text.lines().map(str::to_owned);
        let (ps, threads) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        Self { ps, total_kib: bed::figure(&text, "MemTotal:"), threads }
    }
}

#[test]
fn a_limit_that_no_program_runs_in_is_none() {
    bed::log_machine();
    let natively = Seen::under("CGPROC=off");
    let empty = Empty::new("floor");
    let memory = |value: &str| empty.set("memory.limit_in_bytes", "memory.max", value);
    let pids = |value: &str| empty.set("pids.max", "pids.max", value);
    let mut findings = Findings::default();
    memory("16777216");
    pids("77");
    let limited = Seen { ps: "0".into(), total_kib: Some(16384), threads: "77".into() };
    let seen = empty.seen("");
    findings.check(seen == limited, || format!("a limit that can be shown: {seen:?}"));
    pids("0");
    for value in ["4096", "0"] {
        memory(value);
        let seen = empty.seen("");
        println!("memory {value}, pids 0: {seen:?}");
        findings.check(seen == natively, || format!("memory {value}, pids 0: {seen:?}, natively {natively:?}"));
    }
    if bed::version() == Version::V2 {
        memory("16777216");
        empty.set("", "memory.high", "0");
        let seen = empty.seen("CGPROC_MEMORY=high");
        findings.check(seen.ps == "0" && seen.total_kib == Some(16384), || format!("memory.high 0: {seen:?}"));
    }
    for value in ["1", "512", "1023K"] {
        let seen = Seen::under(&format!("CGPROC_MEMORY={value}"));
        findings.check(seen == natively, || format!("CGPROC_MEMORY={value}: {seen:?}, natively {natively:?}"));
    }
    findings.conclude("floors");
}
