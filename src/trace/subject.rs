//! What a program asks for: a file that has an answer, a figure that a call returns, or something else of /proc and /sys.

use crate::see::answers::Asked;
use calc::answer::{Answer, BLOCKS, CPUS, NODES};

/// What a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A file that has an answer.
    File(Asked),
    /// A figure that a call returns; a file with an answer has it too.
    Figure { file: Asked, name: &'static str },
    /// The space on a file system.
    Disk,
    /// A directory whose entries are those of CPUs, nodes or memory blocks.
    Listing,
    /// What only the kernel has, and why.
    Kernels(Reason),
}

/// Why there is no answer for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// No controller counts it.
    NoCgroupHasIt,
    /// It says how many CPU numbers there are.
    ForTables,
    /// It is a limit or a counter of a cgroup.
    CgroupsOwn,
}

impl Reason {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::NoCgroupHasIt => "no cgroup has it",
            Self::ForTables => "CPU numbers go up to it, and programs size tables by it",
            Self::CgroupsOwn => "it is the cgroup's own file",
        }
    }
}

/// The subject of the file or directory at `path`; `None` if it says nothing about the machine.
pub(super) fn of_path(path: &[u8]) -> Option<Subject> {
    let path = plain(path);
    if let Some(asked) = Asked::at(&path) {
        return Some(Subject::File(asked));
    }
    if [CPUS, NODES, BLOCKS].contains(&&path[..]) {
        return Some(Subject::Listing);
    }
    let is_below = |top: &str| path.starts_with(top.as_bytes());
    if is_below("/sys/fs/cgroup/") {
        return Some(Subject::Kernels(Reason::CgroupsOwn));
    }
    let is_for_tables = ["/sys/devices/system/cpu/possible", "/sys/devices/system/cpu/kernel_max"].iter();
    if is_for_tables.into_iter().any(|it| path == it.as_bytes()) {
        return Some(Subject::Kernels(Reason::ForTables));
    }
    let is_the_machines = is_below("/sys/") || is_below("/proc/") && !is_about_processes(&path);
    is_the_machines.then_some(Subject::Kernels(Reason::NoCgroupHasIt))
}

/// The subject of a function that returns figures, or of the system call with this name; `None` if it is no such
/// function. `argument` is what it is asked for.
pub(super) fn of_function(function: &str, argument: &[u8]) -> Option<Subject> {
    let function = function.strip_prefix("syscall(").and_then(|name| name.strip_suffix(')')).unwrap_or(function);
    let figure = |answer, name| Asked::of(answer).map(|file| Subject::Figure { file, name });
    let by_name = match function {
        "sysconf" | "__sysconf" => argument,
        other => other.as_bytes(),
    };
    match by_name {
        b"_SC_NPROCESSORS_ONLN" | b"get_nprocs" => figure(Answer::CpuOnline, "cpus.count"),
        b"sched_getaffinity" | b"pthread_getaffinity_np" => figure(Answer::CpuOnline, "cpus.count"),
        b"_SC_PHYS_PAGES" | b"get_phys_pages" | b"sysinfo" => figure(Answer::Meminfo, "memory.total"),
        b"_SC_AVPHYS_PAGES" | b"get_avphys_pages" => figure(Answer::Meminfo, "memory.free"),
        b"getloadavg" => figure(Answer::Loadavg, "load.1min"),
        b"_SC_NPROCESSORS_CONF" | b"get_nprocs_conf" => Some(Subject::Kernels(Reason::ForTables)),
        _ if function.contains("statfs") || function.contains("statvfs") => Some(Subject::Disk),
        _ => None,
    }
}

/// Whether the path is about one process, the caller's own or another, or what it has mounted.
fn is_about_processes(path: &[u8]) -> bool {
    let below = path.strip_prefix(b"/proc/").unwrap_or_default();
    let first = below.split(|byte| *byte == b'/').next().unwrap_or_default();
    first.iter().all(u8::is_ascii_digit) || matches!(first, b"self" | b"thread-self" | b"mounts" | b"net")
}

/// The path without empty parts, `.` and `..`. Links are not followed: those of /proc and /sys that matter lead to what
/// their names say.
pub(super) fn plain(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.iter().flat_map(|part| [&b"/"[..], part]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_by_their_paths() {
        let of = |path: &str| of_path(path.as_bytes());
        assert!(matches!(of("/proc//self/../meminfo"), Some(Subject::File(asked)) if asked.name() == "/proc/meminfo"));
        assert!(matches!(of("/sys/devices/system/cpu/cpu3/cache/index0/shared_cpu_list"), Some(Subject::File(_))));
        assert_eq!(of("/sys/devices/system/cpu/"), Some(Subject::Listing));
        assert_eq!(of("/proc/slabinfo"), Some(Subject::Kernels(Reason::NoCgroupHasIt)));
        assert_eq!(of("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Some(Subject::Kernels(Reason::CgroupsOwn)));
        assert_eq!(of("/sys/devices/system/cpu/possible"), Some(Subject::Kernels(Reason::ForTables)));
        for path in ["/proc/self/stat", "/proc/12/status", "/proc/mounts", "/proc", "/proc/", "/etc/passwd", "", "/"] {
            assert_eq!(of(path), None, "{path}");
        }
    }

    #[test]
    fn figures_by_their_functions() {
        let name = |function, argument: &str| match of_function(function, argument.as_bytes()) {
            Some(Subject::Figure { name, .. }) => name,
            _ => "",
        };
        assert_eq!(name("sysconf", "_SC_NPROCESSORS_ONLN"), "cpus.count");
        assert_eq!(name("syscall(sched_getaffinity)", "0"), "cpus.count");
        assert_eq!(name("sysinfo", ""), "memory.total");
        assert_eq!(of_function("sysconf", b"_SC_NPROCESSORS_CONF"), Some(Subject::Kernels(Reason::ForTables)));
        assert_eq!(of_function("fstatvfs64", b"/"), Some(Subject::Disk));
        assert_eq!(of_function("sysconf", b"_SC_PAGESIZE"), None);
        assert_eq!(of_function("fopen", b"/proc/meminfo"), None);
    }
}
