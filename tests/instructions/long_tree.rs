//! A recorded tree with more in it: disks, and the counters of /proc/vmstat.

use crate::bed::repository;
use std::{fmt::Write as _, fs, path::Path, process::Command};

/// A copy of tests/trees/v2-bound in `to`, with so many disks, all of which the container uses.
pub(crate) fn make(to: &Path, disks: u32) {
    let _ = fs::remove_dir_all(to);
    let copied = Command::new("cp").arg("-r").arg(repository("tests/trees/v2-bound")).arg(to).status();
    assert!(copied.expect("cp").success(), "a copy of the tree");
    let (mut machines, mut own) = (String::new(), String::new());
    for minor in 0..disks {
        let (reads, bytes) = (1000 + minor, (u64::from(minor) + 1) << 20);
        let sectors = bytes / 512;
        writeln!(
            machines,
            " 259 {minor:7} disk{minor} {reads} 12 {sectors} 345 {reads} 67 {sectors} 890 0 1200 1235 0 0 0 0 0 0"
        )
        .expect("a string");
        writeln!(own, "259:{minor} rbytes={bytes} wbytes={bytes} rios={reads} wios={reads} dbytes=0 dios=0")
            .expect("a string");
    }
    fs::write(to.join("proc/diskstats"), machines).expect("diskstats");
    fs::write(to.join("sys/fs/cgroup/io.stat"), own).expect("io.stat");
    fs::copy(repository("tests/instructions/vmstat"), to.join("proc/vmstat")).expect("vmstat");
}
