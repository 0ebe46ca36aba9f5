//! What else affects the answers: mounts over the files, kernel options, limits of the process.

use super::Finding;
use crate::see::view::View;
use calc::answer::Answer;
use procfs::process::MountInfo;
use rustix::process::{Resource, getrlimit};
use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

const CHECK: &str = "here";

pub(super) fn check(mounts: &[MountInfo], view: Option<&View>) -> Vec<Finding> {
    let found = [mounted_over(mounts), hidden_processes(mounts), filtered(), small_files()];
    found.into_iter().flatten().chain(view.and_then(|view| pressure(mounts, view))).collect()
}

/// Whether a mount on this point hides answered files: one of them, a directory of CPUs or nodes, or a directory above.
fn hides(point: &Path) -> bool {
    const OF_NODES: &str = "/sys/devices/system/node/node0/meminfo";
    let has_answer = |path: &Path| Answer::from_path(path.as_os_str().as_bytes()).is_some();
    let fixed = Answer::ALL.into_iter().filter_map(Answer::path).map(|path| OsStr::from_bytes(path.to_bytes()));
    let is_above = fixed.chain([OF_NODES.as_ref()]).any(|path| Path::new(path).starts_with(point));
    // "/", "/proc" and "/sys" are always mount points.
    point.components().count() > 2 && (is_above || has_answer(point) || has_answer(&point.join("core_cpus_list")))
}

/// Files that something else is mounted over.
fn mounted_over(mounts: &[MountInfo]) -> Option<Finding> {
    let is_kernels = |mount: &MountInfo| ["proc", "sysfs"].contains(&mount.fs_type.as_str());
    let is_over = |mount: &&MountInfo| !is_kernels(mount) && hides(&mount.mount_point);
    let over: Vec<&MountInfo> = mounts.iter().filter(is_over).collect();
    let names = over.iter().map(|mount| mount.mount_point.display().to_string()).collect::<Vec<_>>().join(", ");
    if over.is_empty() {
        None
    } else if over.iter().any(|mount| mount.fs_type.contains("lxcfs")) {
        Some(Finding::note(CHECK, "lxcfs", "some files are lxcfs's, and are left to it").on(names))
    } else {
        Some(
            Finding::note(CHECK, "mounted-over", "something is mounted over some files, which are left to it")
                .on(names),
        )
    }
}

/// A /proc that hides other users' processes.
fn hidden_processes(mounts: &[MountInfo]) -> Option<Finding> {
    let proc = mounts.iter().rfind(|mount| mount.mount_point == Path::new("/proc"))?;
    let hidden = proc.super_options.get("hidepid").or_else(|| proc.mount_options.get("hidepid"))?.as_deref()?;
    let found =
        format!("hidepid={hidden}: programs that cannot see process 1 take their own cgroup for the container's");
    (!matches!(hidden, "0" | "off")).then(|| {
        Finding::note(CHECK, "hidepid", found)
            .on("/proc")
            .cure("mount /proc without hidepid, or set CGPROC_CGROUP to the container's cgroup")
    })
}

/// A seccomp filter, which may not allow the library's system calls.
fn filtered() -> Option<Finding> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:"))?.trim();
    (mode != "0").then(|| {
        let found = "a seccomp filter is in force; docker's default filter allows all that the library needs";
        Finding::note(CHECK, "seccomp", found).cure("if the filter kills for memfd_create, set CGPROC=off")
    })
}

/// A file size limit smaller than a text: the answer is a file too.
fn small_files() -> Option<Finding> {
    const LARGEST_TEXT: u64 = 64 << 10;
    let limit = getrlimit(Resource::Fsize).current?;
    (limit < LARGEST_TEXT).then(|| {
        let found = format!("files may have at most {limit} bytes: longer answers are left to the kernel");
        Finding::problem(CHECK, "file-size", found).on("RLIMIT_FSIZE").cure("ulimit -f unlimited")
    })
}

/// Whether the scope has pressure files that programs can wait on.
fn pressure(mounts: &[MountInfo], view: &View) -> Option<Finding> {
    if !Path::new("/proc/pressure/cpu").exists() {
        let found = "the kernel does not measure pressure";
        return Some(Finding::note(CHECK, "pressure-none", found).on("/proc/pressure").cure("boot with psi=1"));
    }
    let scope = view.scope_directories().into_iter().find(|(kind, _)| *kind == calc::board::Kind::Unified);
    let Some((_, directory)) = scope else {
        let found = "pressure is the machine's: version 1 does not measure it for cgroups";
        return Some(Finding::note(CHECK, "pressure-machine", found).on("/proc/pressure"));
    };
    let file = directory.join("memory.pressure");
    if !file.exists() {
        let found = "pressure is the machine's: it is not measured for this cgroup";
        return Some(
            Finding::note(CHECK, "pressure-none", found).on(file.display()).cure("write 1 to its cgroup.pressure"),
        );
    }
    let mount = mounts.iter().rfind(|mount| directory.starts_with(&mount.mount_point))?;
    mount.mount_options.contains_key("ro").then(|| {
        let found = "the cgroups are mounted read-only: triggers on pressure files are set on the machine's";
        Finding::note(CHECK, "pressure-read-only", found)
            .on(file.display())
            .cure("mount /sys/fs/cgroup read-write if programs need the container's own triggers")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts(lines: &[&str]) -> Vec<MountInfo> {
        lines.iter().map(|line| MountInfo::from_line(line).unwrap()).collect()
    }

    #[test]
    fn lxcfs_is_told_from_other_mounts() {
        let lxcfs = "600 599 0:52 /proc/meminfo /proc/meminfo rw,nosuid - fuse.lxcfs lxcfs rw,user_id=0,group_id=0";
        let bind = "601 599 0:53 /x /proc/stat rw - tmpfs tmpfs rw";
        let other = "602 599 0:53 /x /proc/kcore rw - tmpfs tmpfs rw";
        let found = |lines: &[&str]| mounted_over(&mounts(lines)).map(|it| (it.code, it.path.unwrap()));
        assert_eq!(found(&[lxcfs]), Some(("lxcfs", "/proc/meminfo".to_owned())));
        assert_eq!(found(&[lxcfs, bind]), Some(("lxcfs", "/proc/meminfo, /proc/stat".to_owned())));
        assert_eq!(found(&[bind]), Some(("mounted-over", "/proc/stat".to_owned())));
        assert_eq!(found(&[other]), None);
    }

    #[test]
    fn mounts_above_and_below_families_of_files() {
        let cpu = "/sys/devices/system/cpu";
        let below = |directory: &str, rest: &str| format!("{directory}{rest}");
        for point in ["/proc/pressure", "/proc/uptime", "/sys/devices", "/sys/devices/system/node", cpu] {
            assert!(hides(Path::new(point)), "{point}");
        }
        for rest in ["/cpu0", "/cpu0/topology", "/cpu0/topology/core_cpus", "/cpu1/cache/index0"] {
            assert!(hides(Path::new(&below(cpu, rest))), "{rest}");
        }
        for rest in ["/cpu0/thermal_throttle", "/vulnerabilities"] {
            assert!(!hides(Path::new(&below(cpu, rest))), "{rest}");
        }
        for point in ["/", "/proc", "/sys", "/proc/kcore", "/proc/acpi", "/sys/firmware", "/sys/fs/cgroup"] {
            assert!(!hides(Path::new(point)), "{point}");
        }
        let sysctl = "600 599 0:21 /sys /proc/sys ro - proc proc rw";
        assert!(mounted_over(&mounts(&[sysctl])).is_none());
    }

    #[test]
    fn what_hidepid_hides() {
        let with = |options| format!("22 26 0:21 / /proc rw,relatime - proc proc {options}");
        let found = |options| hidden_processes(&mounts(&[&with(options)])).is_some();
        assert!(found("rw,hidepid=2") && found("rw,hidepid=invisible"));
        assert!(!found("rw") && !found("rw,hidepid=0") && !found("rw,hidepid=off"));
    }
}
