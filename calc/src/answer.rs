//! The list of files that we answer.

use crate::scan;
use core::ffi::CStr;

/// The answered files. A row has everything that distinguishes one: its name here; the directory and last component of
/// its path, or the last components for a family; its word in `CGPROC_FILES`; the step that composes its text
/// (`crate::steps`).
macro_rules! answered_files {
    ($with:ident) => {
        $with! {
            /// `/proc/meminfo`
            Meminfo: file "/proc/" "meminfo", in "meminfo", by memory::meminfo();
            /// `/proc/swaps`
            Swaps: file "/proc/" "swaps", in "swaps", by memory::swaps();
            /// `/proc/stat`
            Stat: file "/proc/" "stat", in "stat", by times::stat();
            /// `/proc/cpuinfo`
            Cpuinfo: file "/proc/" "cpuinfo", in "cpuinfo", by cpus::cpuinfo();
            /// `/proc/uptime`
            Uptime: file "/proc/" "uptime", in "uptime", by times::uptime();
            /// `/sys/devices/system/cpu/online`
            CpuOnline: file "/sys/devices/system/cpu/" "online", in "cpu", by cpus::list();
            /// `/sys/devices/system/cpu/present`
            CpuPresent: file "/sys/devices/system/cpu/" "present", in "cpu", by cpus::list();
            /// `/proc/schedstat`
            Schedstat: file "/proc/" "schedstat", in "schedstat", by cpus::schedstat();
            /// `/sys/devices/system/cpu/isolated`
            CpuIsolated: file "/sys/devices/system/cpu/" "isolated", in "cpu", by cpus::list_within();
            /// `/proc/loadavg`
            Loadavg: file "/proc/" "loadavg", in "loadavg", by load::loadavg();
            /// `/proc/diskstats`
            Diskstats: file "/proc/" "diskstats", in "diskstats", by disks::diskstats();
            /// `/proc/vmstat`
            Vmstat: file "/proc/" "vmstat", in "vmstat", by disks::vmstat();
            /// `/proc/pressure/cpu`
            PressureCpu: file "/proc/pressure/" "cpu", in "pressure", by pressure::pressure(Answer::PressureCpu);
            /// `/proc/pressure/memory`
            PressureMemory: file "/proc/pressure/" "memory", in "pressure", by pressure::pressure(Answer::PressureMemory);
            /// `/proc/pressure/io`
            PressureIo: file "/proc/pressure/" "io", in "pressure", by pressure::pressure(Answer::PressureIo);
            /// `/proc/pressure/irq`
            PressureIrq: file "/proc/pressure/" "irq", in "pressure", by pressure::pressure(Answer::PressureIrq);
            /// `/proc/sys/kernel/threads-max`
            ThreadsMax: file "/proc/sys/kernel/" "threads-max", in "threads-max", by pids::threads_max();
            /// `/sys/devices/system/memory/block_size_bytes`
            BlockSize: file "/sys/devices/system/memory/" "block_size_bytes", in "node", by memory::block_size();
            /// Lists of CPUs below a CPU or a node: `topology/core_cpus_list`, `cache/index0/shared_cpu_list`, `cpulist`.
            CpuList: family "cpulist/shared_cpu_list/thread_siblings_list/core_siblings_list/core_cpus_list/die_cpus_list\
                /package_cpus_list/cluster_cpus_list/book_siblings_list/drawer_siblings_list",
                in "cpu", by cpus::list_within();
            /// The same as bitmaps: `topology/core_cpus`, `cache/index0/shared_cpu_map`, `cpumap`.
            CpuMap: family "cpumap/shared_cpu_map/thread_siblings/core_siblings/core_cpus/die_cpus/package_cpus\
                /cluster_cpus/book_siblings/drawer_siblings",
                in "cpu", by cpus::map_within();
            /// `/sys/devices/system/node/nodeN/meminfo`
            NodeMeminfo: family "meminfo", in "node", by memory::node_meminfo();
            /// The target of `/sys/block/NAME/stat`: the columns of a block device in `/proc/diskstats`.
            BlockStat: family "stat", in "diskstats", by disks::block_stat();
        }
    };
}
pub(crate) use answered_files;

/// The path of a row; empty for a family.
macro_rules! path {
    (file $directory:literal $name:literal) => {
        concat!($directory, $name)
    };
    (family $names:literal) => {
        ""
    };
}

/// The last components of a row's paths, with a slash between them.
macro_rules! names {
    (file $directory:literal $name:literal) => {
        $name
    };
    (family $names:literal) => {
        $names
    };
}

macro_rules! declare {
    ($($(#[$doc:meta])* $answer:ident: $kind:ident $($text:literal)+, in $switch:literal, by $($step:ident)::+($($argument:path)?);)+) => {
        /// A file, or one of a family of files, that we answer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Answer {
            $($(#[$doc])* $answer,)+
        }

        /// Their paths, each with a NUL at its end. A table would hold a pointer per path for the loader to relocate.
        const PATHS: &[u8] = concat!($(path!($kind $($text)+), "\0"),+).as_bytes();

        /// The last components of their paths: a line per answer, separated by slashes.
        static NAMES: &[u8] = concat!($(names!($kind $($text)+), "\n"),+).as_bytes();

        /// The words of `CGPROC_FILES`, in the order of the answers.
        static SWITCHES: &[u8] = concat!($($switch, "/"),+).as_bytes();

        impl Answer {
            /// All of them.
            pub const ALL: [Self; [$(Self::$answer),+].len()] = [$(Self::$answer),+];
        }
    };
}
answered_files!(declare);

/// The directory of the CPUs' directories.
pub const CPUS: &[u8] = b"/sys/devices/system/cpu";
/// The directory of the NUMA nodes' directories.
pub const NODES: &[u8] = b"/sys/devices/system/node";
/// The directory of the memory blocks' directories.
pub const BLOCKS: &[u8] = b"/sys/devices/system/memory";

/// The offset of each path in [`PATHS`].
#[expect(clippy::indexing_slicing, reason = "runs only in the compiler")]
static STARTS: [u16; Answer::ALL.len()] = {
    let mut starts = [0; _];
    let mut at = 0;
    let mut index = 1;
    while index < Answer::ALL.len() {
        if PATHS[at] == 0 {
            starts[index] = at as u16 + 1;
            index += 1;
        }
        at += 1;
    }
    starts
};

impl Answer {
    /// The file's canonical path; `None` for a family.
    pub fn path(self) -> Option<&'static CStr> {
        let start = STARTS.get(self as usize)?;
        let path = CStr::from_bytes_until_nul(PATHS.get(usize::from(*start)..)?).ok()?;
        Some(path).filter(|path| !path.is_empty())
    }

    /// The answer for the file at the canonical path `path`.
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
            None => {
                let at = scan::parts(PATHS, b'\0').position(|own| own == path && !own.is_empty())?;
                Self::ALL.get(at).copied()
            }
        }
    }

    /// The family of a file below a CPU's or a node's directory.
    fn of_list(below: &[u8]) -> Option<Self> {
        let (folder, name) = scan::split_at_last(below, b'/').unwrap_or((b"", below));
        if !matches!(folder, b"" | b"topology") && !folder.starts_with(b"cache/index") {
            return None;
        }
        if Self::CpuList.is_named(name) {
            return Some(Self::CpuList);
        }
        Self::CpuMap.is_named(name).then_some(Self::CpuMap)
    }

    /// Whether it is in procfs; the others are in sysfs.
    pub fn is_in_proc(self) -> bool {
        self.path().is_some_and(|path| path.to_bytes().starts_with(b"/proc/"))
    }

    /// The magic number of the kernel's own file system for it (`PROC_SUPER_MAGIC`, `SYSFS_MAGIC`, statfs(2)).
    pub fn file_system(self) -> u64 {
        if self.is_in_proc() { 0x9fa0 } else { 0x6265_6572 }
    }

    /// Whether it says how long tasks wait. If opened for writing, the scope's own file replaces the kernel's.
    pub fn is_pressure(self) -> bool {
        self.path().is_some_and(|path| path.to_bytes().starts_with(b"/proc/pressure/"))
    }

    /// The last components of its paths, separated by slashes.
    fn names(self) -> &'static [u8] {
        scan::parts(NAMES, b'\n').nth(self as usize).unwrap_or_default()
    }

    /// Whether the last component of its path is `name`.
    pub fn is_named(self, name: &[u8]) -> bool {
        is_one_of(self.names(), name)
    }

    /// Whether some answer's path may end in these three bytes and a NUL, which settles it for most paths.
    #[inline(always)]
    pub fn may_end_in(end: [u8; 4]) -> bool {
        ENDS.have(end)
    }

    /// Whether some answer's path ends in the component `name`: the cheap test that comes first.
    pub fn may_be_named(name: &[u8]) -> bool {
        // Shapes first: many other names end like one of ours.
        Shapes::OF_NAMES.have(name) && scan::parts(NAMES, b'\n').any(|names| is_one_of(names, name))
    }

    /// The word for its group in `CGPROC_FILES`.
    pub fn switch(self) -> &'static [u8] {
        scan::parts(SWITCHES, b'/').nth(self as usize).unwrap_or_default()
    }

    /// Whether `word` means its group in `CGPROC_FILES`.
    pub fn is_of_group(self, word: &[u8]) -> bool {
        self.switch() == word
    }
}

/// The ends of a set of names: three bytes and a NUL. Those of a name of two bytes begin with the slash before it.
///
/// A hash table without collisions: the three bytes give the place, where the last two are. So one comparison tells all
/// but a few others.
struct Ends {
    multiplier: u32,
    table: [u16; 64],
}

/// The ends of the names of all answers.
static ENDS: Ends = Ends::of(NAMES);

impl Ends {
    /// The ends of `names`, each of which is followed by a slash or a newline.
    const fn of(names: &[u8]) -> Self {
        let mut ends = Self { multiplier: 0x9e37_79b1, table: [0; _] };
        while !ends.take(names) {
            ends = Self { multiplier: ends.multiplier.wrapping_mul(5).wrapping_add(2), table: [0; _] };
        }
        ends
    }

    /// Enters the ends of `names`. False if two of them have the same place.
    #[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "runs only in the compiler")]
    const fn take(&mut self, names: &[u8]) -> bool {
        let mut taken = [0; 64];
        let (mut start, mut at) = (0, 0);
        while at < names.len() {
            if matches!(names[at], b'/' | b'\n') {
                assert!(at - start >= 2, "a name of one byte");
                let before = if at - start == 2 { b'/' } else { names[at - 3] };
                let end = u32::from_le_bytes([before, names[at - 2], names[at - 1], 0]);
                let place = self.place(end);
                if taken[place] != 0 && taken[place] != end {
                    return false;
                }
                taken[place] = end;
                self.table[place] = (end >> 8) as u16;
                start = at + 1;
            }
            at += 1;
        }
        true
    }

    #[inline(always)]
    const fn place(&self, end: u32) -> usize {
        (end.wrapping_mul(self.multiplier) >> 26) as usize
    }

    /// Whether the name of a path that ends so may be one of them.
    #[inline(always)]
    fn have(&self, end: [u8; 4]) -> bool {
        let end = u32::from_le_bytes(end);
        self.table.get(self.place(end)).is_some_and(|last_two| *last_two == (end >> 8) as u16)
    }
}

/// A cheap approximation of a set of names: its "no" is certain.
struct Shapes {
    /// A bit for each hash of first byte, last byte and length.
    sums: [u64; 4],
}

impl Shapes {
    const OF_NAMES: Self = Self::of(NAMES);

    /// The shapes of `names`, each of which is followed by a slash or a newline.
    #[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "runs only in the compiler")]
    const fn of(names: &[u8]) -> Self {
        let mut shapes = Self { sums: [0; 4] };
        let mut rest = names;
        while !rest.is_empty() {
            let mut len = 0;
            while !matches!(rest[len], b'/' | b'\n') {
                len += 1;
            }
            let (name, after) = rest.split_at(len);
            let sum = Self::sum(name);
            shapes.sums[sum as usize / 64] |= 1 << (sum % 64);
            rest = after.split_at(1).1;
        }
        shapes
    }

    const fn sum(name: &[u8]) -> u8 {
        match name {
            [first, .., last] => first.wrapping_mul(37) ^ last.wrapping_mul(11) ^ (name.len() as u8).wrapping_mul(7),
            _ => 0,
        }
    }

    fn have(&self, name: &[u8]) -> bool {
        let sum = Self::sum(name);
        self.sums.get(usize::from(sum / 64)).is_some_and(|sums| sums >> (sum % 64) & 1 != 0)
    }
}

/// Whether `path` is `/proc/PID/stat`, by far the most frequent path that ends in a name of ours.
pub fn is_a_process_file(path: &[u8]) -> bool {
    path.strip_prefix(b"/proc/")
        .and_then(|rest| rest.strip_suffix(b"/stat"))
        .is_some_and(|pid| !pid.is_empty() && pid.iter().all(u8::is_ascii_digit))
}

/// Whether `path` may lead elsewhere than it says: anybody can choose a memory file's name.
fn is_roundabout(path: &[u8]) -> bool {
    scan::parts(path, b'/').skip(1).any(|part| matches!(part, b"" | b"." | b".."))
}

/// Whether `path` is the `stat` of a device. In sysfs only block devices have one; a file of another form is passed
/// through when it is read.
fn is_block_stat(path: &[u8]) -> bool {
    path.starts_with(b"/sys/devices/") && path.ends_with(b"/stat")
}

/// The part of `path` below the member `<name>N` of `directory`.
fn below_member<'p>(path: &'p [u8], directory: &[u8], name: &[u8]) -> Option<&'p [u8]> {
    let (_, rest) = scan::number(path.strip_prefix(directory)?.strip_prefix(b"/")?.strip_prefix(name)?)?;
    rest.strip_prefix(b"/")
}

/// Whether `name` is among `names`, which are separated by slashes.
fn is_one_of(names: &[u8], name: &[u8]) -> bool {
    !name.is_empty() && scan::parts(names, b'/').any(|known| known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_end(path: &[u8]) -> bool {
        Answer::may_end_in(*path.last_chunk().unwrap())
    }

    #[test]
    fn every_path_is_its_own() {
        for answer in Answer::ALL {
            if let Some(path) = answer.path() {
                assert_eq!(Answer::from_path(path.to_bytes()), Some(answer));
                let name = path.to_bytes().rsplit(|byte| *byte == b'/').next().unwrap();
                assert!(Answer::may_be_named(name) && may_end(path.to_bytes_with_nul()));
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
        for answer in Answer::ALL {
            for name in scan::parts(answer.names(), b'/') {
                assert!(Answer::may_be_named(name) && answer.is_named(name), "{name:?}");
                assert!(may_end(&[b"/", name, b"\0"].concat()));
            }
        }
        for name in ["a", "mem", "meminfo/", "passwd", "cpulist/shared_cpu_list", "libc.so.6", "x".repeat(300).as_str()]
        {
            assert!(!Answer::may_be_named(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn names_of_other_files_are_told_at_once() {
        for name in ["", "o", "x", "cpuinfos", "libc.so", "core_cpus_lists", "/", "memory.stat"] {
            assert!(!Answer::may_be_named(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_end_settles_it_for_most_paths() {
        for path in ["/etc/passwd", "/lib/libc.so.6", "a.c", "/usr/lib/python3/site.py", "/bin/sh", "/tmp/a.txt"] {
            assert!(!may_end(&[path.as_bytes(), b"\0"].concat()), "{path}");
        }
        let all = (0..26_u32.pow(3)).map(|n| [n / 676, n / 26 % 26, n % 26].map(|letter| b'a' + letter as u8));
        let known: std::vec::Vec<_> = all.filter(|end| may_end(&[end.as_slice(), b"\0"].concat())).collect();
        // A name of two letters has a slash before them.
        let mut ends: std::vec::Vec<_> = scan::parts(NAMES, b'\n').flat_map(|names| scan::parts(names, b'/')).collect();
        ends = ends.iter().filter_map(|name| name.last_chunk::<3>()).map(<[u8; 3]>::as_slice).collect();
        for end in &known {
            assert!(ends.iter().any(|own| own[1..] == end[1..]), "{end:?}");
        }
        assert!(known.len() < 64, "{}", known.len());
    }

    #[test]
    fn the_shape_settles_it_for_most_names() {
        let names = (0..26_u16 * 26).flat_map(|pair| {
            let (first, last) = (b'a' + (pair / 26) as u8, b'a' + (pair % 26) as u8);
            (3..20_usize).map(move |len| {
                let mut name = std::vec![b'-'; len];
                (name[0], name[len - 1]) = (first, last);
                name
            })
        });
        let (mut all, mut left) = (0, 0);
        for name in names {
            all += 1;
            left += u32::from(Shapes::OF_NAMES.have(&name));
        }
        assert!(left * 5 < all, "{left} of {all}");
    }
}
