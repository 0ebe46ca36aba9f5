//! Whole userlands: programs of other releases, and of an image with a musl busybox, in their own root.

use crate::{
    bed,
    harness::{LONGEST_SEC, Row, container},
    probes::{self, CPUINFO, FREE, MEMINFO, NPROC, Probe, TOP, UPTIME, VMSTAT},
};
use std::{path::Path, time::Duration};

const OF_PROCPS: [Probe; 7] = [FREE, NPROC, UPTIME, TOP, MEMINFO, CPUINFO, VMSTAT];

/// busybox has no vmstat.
const OF_BUSYBOX: [Probe; 6] = [FREE, NPROC, UPTIME, TOP, MEMINFO, CPUINFO];

const DEBIAN_VERSION: &str = "echo $(cat /etc/debian_version), $(free --version | sed 's/.* from //')";
const BUSYBOX_VERSION: &str = "echo $(busybox | sed -n '1s/^BusyBox v\\([0-9.]*\\).*/\\1/p'), \
    $(/lib/ld-musl-x86_64.so.1 2>&1 | sed -n 's/^Version /musl /p')";

struct Userland {
    name: &'static str,
    root: &'static str,
    version: &'static str,
    probes: &'static [Probe],
}

const USERLANDS: [Userland; 5] = [
    debian("Debian 11", "debian-11"),
    debian("Debian 12", "debian-12"),
    debian("Debian 13", "debian-13"),
    debian("Debian sid", "debian-sid"),
    Userland { name: "busybox, musl", root: "musl", version: BUSYBOX_VERSION, probes: &OF_BUSYBOX },
];

const fn debian(name: &'static str, root: &'static str) -> Userland {
    Userland { name, root, version: DEBIAN_VERSION, probes: &OF_PROCPS }
}

/// Makes a root from an overlay over the cached one, with the object and the container's /proc and /sys in it, and
/// enters it. All of this is in the container's own mount namespace, and gone with it.
fn enter(root: &Path, object: &Path, script: &str) -> String {
    format!(
        "set -e; mount -t tmpfs tmpfs /mnt; cd /mnt; mkdir upper work root
mount -t overlay overlay -o lowerdir={root},upperdir=upper,workdir=work root
mount --rbind /proc root/proc; mount --rbind /sys root/sys
touch root/libcgproc.so; mount --bind {object} root/libcgproc.so
PATH=/usr/sbin:/usr/bin:/sbin:/bin exec chroot root /bin/sh -c '{script}'",
        root = root.display(),
        object = object.display(),
        script = script.replace('\'', r"'\''"),
    )
}

/// `uptime` cannot tell the machine from a new container until the machine has been up for more than a minute.
pub(crate) fn wait_until_the_machine_is_older() {
    for _ in 0..600 {
        if bed::host().uptime_sec > 60 {
            return;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    panic!("the machine's uptime does not go on");
}

#[test]
fn the_programs_of_other_releases() {
    bed::log_machine();
    wait_until_the_machine_is_older();
    let object = bed::object();
    let mut findings = bed::Findings::default();
    for userland in USERLANDS {
        let root = bed::cache().join("roots").join(userland.root);
        assert!(root.is_dir(), "{} is missing: tests/bed/roots", root.display());
        let script = format!(
            "echo '== version'; {}; export LD_PRELOAD=/libcgproc.so\n{}",
            userland.version,
            probes::script(userland.probes)
        );
        let outcome = container().run(&enter(&root, &object, &script), None, LONGEST_SEC);
        let version = probes::section(&outcome.text, "version").trim().to_owned();
        println!("{}, {version}: {}", userland.name, probes::section(&outcome.text, "free").replace('\n', ", "));
        findings.check(outcome.status == Some(0), || format!("{}: status {:?}", userland.name, outcome.status));
        findings.check(!version.is_empty(), || format!("{}: no version: {}", userland.name, outcome.text));
        let mut row = Row { table: "userlands", runtime: userland.name, version: &version, findings: &mut findings };
        probes::judge(&mut row, userland.probes, &outcome.text);
    }
    findings.conclude("userlands");
}
