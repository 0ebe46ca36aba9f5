//! A disk for a test.

use super::{Version, sh, version};
use std::{fs, path::PathBuf};

/// A loop device of 64 MiB in memory, detached when the test ends.
pub(crate) struct Disk {
    /// Without `/dev/`.
    pub(crate) name: String,
    image: PathBuf,
    /// Version 1 only counts I/O to disks that have a limit somewhere (`block/blk-throttle.c`, since 6.10).
    limited: Option<PathBuf>,
}

impl Disk {
    pub(crate) const MIB: u64 = 64;

    pub(crate) fn new() -> Self {
        let image = PathBuf::from(sh("mktemp /dev/shm/cgproc-test-XXXXXX").trim());
        fs::File::options().write(true).open(&image).and_then(|file| file.set_len(Self::MIB << 20)).expect("an image");
        let device = sh(&format!("losetup --find --show {}", image.display()));
        let name = device.trim().strip_prefix("/dev/").expect("a loop device").to_owned();
        let limited = (version() == Version::V1).then(|| limited(&name));
        Self { name, image, limited }
    }

    /// A script that writes to the disk and reads from it past the page cache, so all of the I/O is its own.
    pub(crate) fn traffic(&self, written_mib: u64, read_mib: u64) -> String {
        let (name, reads) = (&self.name, read_mib * 16);
        format!(
            "dd if=/dev/zero of=/dev/{name} bs=1M count={written_mib} oflag=direct 2>/dev/null
             dd if=/dev/{name} of=/dev/null bs=64k count={reads} iflag=direct 2>/dev/null\n"
        )
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        sh(&format!("losetup --detach /dev/{}", self.name));
        let _ = fs::remove_file(&self.image);
        if let Some(group) = &self.limited {
            let _ = fs::remove_dir(group);
        }
    }
}

/// A cgroup with a disk limit too high to matter.
fn limited(disk: &str) -> PathBuf {
    let number = fs::read_to_string(format!("/sys/class/block/{disk}/dev")).expect("its number");
    let group = PathBuf::from(format!("/sys/fs/cgroup/blkio/cgproc-test-{disk}-{}", std::process::id()));
    fs::create_dir(&group).expect("a cgroup");
    let limit = format!("{} 1000000000000", number.trim());
    fs::write(group.join("blkio.throttle.read_bps_device"), limit).expect("a limit");
    group
}
