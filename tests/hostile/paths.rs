//! Long paths: cgroups of engines inside engines, and mounts deep in a tree.

use crate::bed::{self, Container, Findings, PLAIN, Version, View};
use std::{
    fs,
    path::{Path, PathBuf},
};

const LIMITED: Container = Container { memory: "256M", quota_usec: Some(100_000), ..PLAIN };
/// What a program sees there.
const SHOW: &str = "grep ^MemTotal: /proc/meminfo; nproc; cat /sys/devices/system/cpu/online | grep -c '[-,]'";

/// Nested cgroups, in every hierarchy that has a controller.
struct Nested {
    path: String,
    tops: Vec<PathBuf>,
}

impl Nested {
    fn new(depth: usize) -> Self {
        let names = std::iter::once(format!("cgproc-test-nested-{}", std::process::id()));
        let names: Vec<String> = names.chain(std::iter::repeat_n("0123456789abcdef".repeat(2), depth)).collect();
        let tops = match bed::version() {
            Version::V2 => vec![PathBuf::from("/sys/fs/cgroup")],
            Version::V1 => ["memory", "cpu", "cpuacct", "cpuset", "blkio", "pids", "devices", "freezer"]
                .map(|name| Path::new("/sys/fs/cgroup").join(name))
                .into_iter()
                .filter(|top| top.is_dir() && !top.is_symlink())
                .collect(),
        };
        for top in &tops {
            let mut at = top.clone();
            for name in &names {
                let above = at.clone();
                at.push(name);
                fs::create_dir(&at).unwrap_or_else(|error| panic!("{}: {error}", at.display()));
                enable(&above, &at);
            }
        }
        Self { path: names.join("/"), tops }
    }
}

/// Enables in a new cgroup what its parent has.
fn enable(above: &Path, below: &Path) {
    let controllers = fs::read_to_string(below.join("cgroup.controllers")).unwrap_or_default();
    for controller in controllers.split_whitespace() {
        let _ = fs::write(below.join("cgroup.subtree_control"), format!("+{controller}"));
    }
    for name in ["cpuset.cpus", "cpuset.mems"] {
        if below.join(name).exists() && bed::version() == Version::V1 {
            fs::write(below.join(name), fs::read(above.join(name)).expect("a cpuset")).expect("a cpuset");
        }
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        for top in &self.tops {
            let mut at = top.join(&self.path);
            while at != *top && fs::remove_dir(&at).is_ok() {
                at.pop();
            }
        }
    }
}

fn check(findings: &mut Findings, title: &str, text: &str) {
    println!("{title}: {text}");
    let words: Vec<&str> = text.split_whitespace().collect();
    findings.check(words == ["MemTotal:", "262144", "kB", "1", "0"], || format!("{title}: {text}"));
}

#[test]
fn a_cgroup_deep_in_the_tree() {
    let nested = Nested::new(9);
    let under: &'static str = Box::leak(nested.path.clone().into_boxed_str());
    assert!(under.len() > 300, "{under}");
    let mut findings = Findings::default();
    for view in [View::Raw, View::Bind, View::Namespace] {
        let container = Container { under: Some(under), view, ..LIMITED };
        check(&mut findings, &format!("{view:?}"), &container.run(SHOW, Some(&bed::object()), 60).text);
    }
    findings.conclude("deep cgroups");
}

/// The line of such a mount is longer than the part that we keep.
#[test]
fn a_mount_deep_in_a_tree() {
    let deep = format!("/{}/{}", "d".repeat(200), "e".repeat(60));
    let script = format!(
        "home=$(mktemp -d); deep=$home{deep}; mkdir -p $deep && mount --bind $deep $deep
        test $(grep -c ddddd /proc/self/mountinfo) = 1 && {SHOW}; umount $deep; rm -r $home"
    );
    let mut findings = Findings::default();
    for view in [View::Raw, View::Bind, View::Namespace] {
        let text = Container { view, ..LIMITED }.run(&script, Some(&bed::object()), 60).text;
        check(&mut findings, &format!("{view:?}"), &text);
    }
    findings.conclude("deep mounts");
}
