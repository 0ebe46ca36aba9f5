//! The list of files that we answer.

use crate::scan;
use core::ffi::CStr;

/// A file, or one of a family of files, that has an answer of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Answer {
    /// `/proc/meminfo`
    Meminfo,
    /// `/proc/swaps`
    Swaps,
    /// `/proc/stat`
    Stat,
    /// `/proc/cpuinfo`
    Cpuinfo,
    /// `/proc/uptime`
    Uptime,
    /// `/sys/devices/system/cpu/online`
    CpuOnline,
    /// `/sys/devices/system/cpu/present`
    CpuPresent,
    /// `/proc/loadavg`
    Loadavg,
    /// `/proc/diskstats`
    Diskstats,
    /// `/proc/vmstat`
    Vmstat,
    /// `/proc/pressure/cpu`
    PressureCpu,
    /// `/proc/pressure/memory`
    PressureMemory,
    /// `/proc/pressure/io`
    PressureIo,
    /// `/proc/sys/kernel/threads-max`
    ThreadsMax,
    /// `/sys/devices/system/memory/block_size_bytes`
    BlockSize,
    /// Lists of CPUs below a CPU or a node: `topology/core_cpus_list`, `cache/index0/shared_cpu_list`, `cpulist`.
    CpuList,
    /// The same as bitmaps: `topology/core_cpus`, `cache/index0/shared_cpu_map`, `cpumap`.
    CpuMap,
    /// `/sys/devices/system/node/nodeN/meminfo`
    NodeMeminfo,
    /// What `/sys/block/NAME/stat` leads to: the columns of a block device in `/proc/diskstats`.
    BlockStat,
}

/// Where the directories of CPUs are.
pub const CPUS: &[u8] = b"/sys/devices/system/cpu";
/// Where the directories of NUMA nodes are.
pub const NODES: &[u8] = b"/sys/devices/system/node";
/// Where the directories of memory blocks are.
pub const BLOCKS: &[u8] = b"/sys/devices/system/memory";

/// The last components of the families' paths, each after a slash.
const NAMES_OF_LISTS: &[u8] =
    b"/cpulist/shared_cpu_list/thread_siblings_list/core_siblings_list/core_cpus_list/die_cpus_list\
    /package_cpus_list/cluster_cpus_list/book_siblings_list/drawer_siblings_list";
const NAMES_OF_MAPS: &[u8] = b"/cpumap/shared_cpu_map/thread_siblings/core_siblings/core_cpus/die_cpus/package_cpus\
    /cluster_cpus/book_siblings/drawer_siblings";

impl Answer {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Meminfo,
        Self::Swaps,
        Self::Stat,
        Self::Cpuinfo,
        Self::Uptime,
        Self::CpuOnline,
        Self::CpuPresent,
        Self::Loadavg,
        Self::Diskstats,
        Self::Vmstat,
        Self::PressureCpu,
        Self::PressureMemory,
        Self::PressureIo,
        Self::ThreadsMax,
        Self::BlockSize,
        Self::CpuList,
        Self::CpuMap,
        Self::NodeMeminfo,
        Self::BlockStat,
    ];

    /// The file's canonical path; `None` for a family of files.
    pub const fn path(self) -> Option<&'static CStr> {
        Some(match self {
            Self::Meminfo => c"/proc/meminfo",
            Self::Swaps => c"/proc/swaps",
            Self::Stat => c"/proc/stat",
            Self::Cpuinfo => c"/proc/cpuinfo",
            Self::Uptime => c"/proc/uptime",
            Self::CpuOnline => c"/sys/devices/system/cpu/online",
            Self::CpuPresent => c"/sys/devices/system/cpu/present",
            Self::Loadavg => c"/proc/loadavg",
            Self::Diskstats => c"/proc/diskstats",
            Self::Vmstat => c"/proc/vmstat",
            Self::PressureCpu => c"/proc/pressure/cpu",
            Self::PressureMemory => c"/proc/pressure/memory",
            Self::PressureIo => c"/proc/pressure/io",
            Self::ThreadsMax => c"/proc/sys/kernel/threads-max",
            Self::BlockSize => c"/sys/devices/system/memory/block_size_bytes",
            Self::CpuList | Self::CpuMap | Self::NodeMeminfo | Self::BlockStat => return None,
        })
    }

    /// The answer to the file whose canonical path is `path`.
    pub fn from_path(path: &[u8]) -> Option<Self> {
        if is_roundabout(path) {
            return None;
        }
        if let Some(below) = below_member(path, CPUS, b"cpu") {
            return Self::of_list(below);
        }
        match below_member(path, NODES, b"node") {
            Some(b"meminfo") => Some(Self::NodeMeminfo),
            Some(below) => Self::of_list(below),
            None if is_block_stat(path) => Some(Self::BlockStat),
            None => Self::ALL.into_iter().find(|answer| answer.path().is_some_and(|own| own.to_bytes() == path)),
        }
    }

    /// The family of a file below a CPU's or a node's directory.
    fn of_list(below: &[u8]) -> Option<Self> {
        let (folder, name) = scan::split_at_last(below, b'/').unwrap_or((b"", below));
        if !matches!(folder, b"" | b"topology") && !folder.starts_with(b"cache/index") {
            return None;
        }
        if is_one_of(NAMES_OF_LISTS, name) {
            return Some(Self::CpuList);
        }
        is_one_of(NAMES_OF_MAPS, name).then_some(Self::CpuMap)
    }

    /// Whether it is a file of procfs; the others are of sysfs.
    pub fn is_in_proc(self) -> bool {
        self.path().is_some_and(|path| path.to_bytes().starts_with(b"/proc/"))
    }

    /// The number of the file system that it is the kernel's own on (`PROC_SUPER_MAGIC`, `SYSFS_MAGIC`, statfs(2)).
    pub fn file_system(self) -> u64 {
        if self.is_in_proc() { 0x9fa0 } else { 0x6265_6572 }
    }

    /// Whether it tells how long tasks wait. For writing the scope's own file is given in place of the kernel's.
    pub fn is_pressure(self) -> bool {
        matches!(self, Self::PressureCpu | Self::PressureMemory | Self::PressureIo)
    }

    /// The length of the longest last component of an answer's path.
    pub const LONGEST_NAME: usize = b"thread_siblings_list".len();

    /// Whether the last component of its path is `name`.
    pub fn is_named(self, name: &[u8]) -> bool {
        match (self, self.path()) {
            (_, Some(path)) => scan::split_at_last(path.to_bytes(), b'/').is_some_and(|(_, last)| last == name),
            (Self::CpuList, _) => is_one_of(NAMES_OF_LISTS, name),
            (Self::CpuMap, _) => is_one_of(NAMES_OF_MAPS, name),
            (Self::NodeMeminfo, _) => name == b"meminfo",
            _ => name == b"stat",
        }
    }

    /// Whether some answer's path ends in this byte: what settles it for most paths.
    #[inline(always)]
    pub const fn may_end_in(byte: u8) -> bool {
        matches!(byte, b'e' | b'g' | b'o' | b'p' | b's' | b't' | b'u' | b'x' | b'y')
    }

    /// Whether some answer's path ends in the component `name`: the cheap test before any other.
    pub fn may_be_named(name: &[u8]) -> bool {
        // By length first, which the compiler does for patterns: every open of a program may come here.
        match name {
            b"meminfo" | b"swaps" | b"stat" | b"cpuinfo" | b"uptime" | b"online" | b"present" | b"loadavg" => true,
            b"diskstats" | b"vmstat" | b"cpu" | b"memory" | b"io" | b"threads-max" => true,
            b"block_size_bytes" | b"cpulist" | b"cpumap" => true,
            _ => {
                name.len() >= SHORTEST_NAME_OF_FAMILY
                    && (is_one_of(NAMES_OF_LISTS, name) || is_one_of(NAMES_OF_MAPS, name))
            }
        }
    }

    /// Whether `word` names a group of answers in `CGPROC_FILES`, and this is of it.
    pub fn is_of_group(self, word: &[u8]) -> bool {
        match word {
            b"cpu" => matches!(self, Self::CpuOnline | Self::CpuPresent | Self::CpuList | Self::CpuMap),
            b"pressure" => self.is_pressure(),
            b"node" => matches!(self, Self::NodeMeminfo | Self::BlockSize),
            b"diskstats" => matches!(self, Self::Diskstats | Self::BlockStat),
            b"stat" => self == Self::Stat,
            b"meminfo" => self == Self::Meminfo,
            _ => false,
        }
    }
}

/// Of those that are not in the match above.
const SHORTEST_NAME_OF_FAMILY: usize = b"die_cpus".len();

/// Whether `path` is `/proc/PID/stat`: by far the most frequent path that ends in a name of ours.
pub fn is_a_process_file(path: &[u8]) -> bool {
    path.strip_prefix(b"/proc/")
        .and_then(|rest| rest.strip_suffix(b"/stat"))
        .is_some_and(|pid| !pid.is_empty() && pid.iter().all(u8::is_ascii_digit))
}

/// Whether `path` may lead elsewhere than it says: the names of memory files are anybody's to choose.
fn is_roundabout(path: &[u8]) -> bool {
    scan::parts(path, b'/').skip(1).any(|part| matches!(part, b"" | b"." | b".."))
}

/// Whether `path` is the `stat` of a device. Of the devices of sysfs only block devices have one; what it does not look like is passed
/// through when it is read.
fn is_block_stat(path: &[u8]) -> bool {
    path.starts_with(b"/sys/devices/") && path.ends_with(b"/stat")
}

/// What of `path` is below the member `<name>N` of `directory`.
fn below_member<'p>(path: &'p [u8], directory: &[u8], name: &[u8]) -> Option<&'p [u8]> {
    let (_, rest) = scan::number(path.strip_prefix(directory)?.strip_prefix(b"/")?.strip_prefix(name)?)?;
    rest.strip_prefix(b"/")
}

/// Whether `name` is one of `names`, each of which stands after a slash.
fn is_one_of(names: &[u8], name: &[u8]) -> bool {
    !name.is_empty() && scan::parts(names, b'/').any(|known| known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_its_own() {
        for answer in Answer::ALL {
            if let Some(path) = answer.path() {
                assert_eq!(Answer::from_path(path.to_bytes()), Some(answer));
                let name = path.to_bytes().rsplit(|byte| *byte == b'/').next().unwrap();
                assert!(Answer::may_be_named(name) && Answer::may_end_in(*name.last().unwrap()));
            }
        }
    }

    #[test]
    fn families_are_known_by_where_they_are() {
        let of = |path: &str| Answer::from_path(path.as_bytes());
        let (cpu, node) = ("/sys/devices/system/cpu/cpu12", "/sys/devices/system/node/node3");
        for (below, answer) in [
            ("topology/thread_siblings_list", Answer::CpuList),
            ("topology/package_cpus", Answer::CpuMap),
            ("cache/index3/shared_cpu_map", Answer::CpuMap),
            ("cache/index0/shared_cpu_list", Answer::CpuList),
        ] {
            assert_eq!(of(&std::format!("{cpu}/{below}")), Some(answer), "{below}");
            assert!(Answer::may_be_named(below.rsplit('/').next().unwrap().as_bytes()));
        }
        assert_eq!(of(&std::format!("{node}/cpulist")), Some(Answer::CpuList));
        assert_eq!(of(&std::format!("{node}/cpumap")), Some(Answer::CpuMap));
        assert_eq!(of(&std::format!("{node}/meminfo")), Some(Answer::NodeMeminfo));
        for other in ["/topology/core_id", "/cpufreq/related_cpus", "/meminfo", "/topology/", "", "x/cpulist"] {
            assert_eq!(of(&std::format!("{cpu}{other}")), None, "{other}");
        }
        for device in [
            "virtual/block/loop0",
            "pci0000:00/0000:00:01.0/virtio0/block/vda/vda1",
            "virtual/nvme-subsystem/nvme-subsys0/nvme0n1",
        ] {
            assert_eq!(of(&std::format!("/sys/devices/{device}/stat")), Some(Answer::BlockStat), "{device}");
        }
        assert_eq!(of("/proc/4711/stat"), None);
        for elsewhere in ["/sys/devices/../../tmp/stat", "/sys/devices/./stat", "/sys/devices//stat"] {
            assert_eq!(of(elsewhere), None, "{elsewhere}");
        }
        assert_eq!(of(&std::format!("{cpu}/cache/index0/../../../../../../../tmp/shared_cpu_list")), None);
        assert_eq!(of("/sys/devices/system/cpu/cpux/cpulist"), None);
        assert_eq!(of("/sys/devices/system/node/meminfo"), None);
        assert_eq!(of("/tmp/cpulist"), None);
    }

    #[test]
    fn every_name_is_known() {
        for names in [NAMES_OF_LISTS, NAMES_OF_MAPS] {
            for name in scan::parts(names, b'/').skip(1) {
                assert!(Answer::may_be_named(name) && name.len() <= Answer::LONGEST_NAME);
                assert!(Answer::may_end_in(*name.last().unwrap()));
            }
        }
    }

    #[test]
    fn names_of_other_files_are_told_at_once() {
        for name in ["", "o", "x", "cpuinfos", "libc.so", "core_cpus_lists", "/", "memory.stat"] {
            assert!(!Answer::may_be_named(name.as_bytes()), "{name}");
        }
    }
}
