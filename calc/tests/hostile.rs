//! Whatever the files contain, either programs can live with the answer or there is none.

use calc::{
    board::Above,
    capacity::Capacity,
    cgroup::places::{Places, Whose},
    compose::{self, MemoryFigures, StatFigures, VmstatFigures},
    cpus::CpuSet,
    host::Host,
    settings::{CpuCount, MemoryLimit},
    source::{Directory, Files, Source},
    text::Text,
    view::{
        cpu::{self, Cpus},
        io,
        memory::{self, Swap},
        nodes::{self, Share},
        shares::Shares,
        time::{self, Times},
        topology::Packages,
    },
};
use proptest::prelude::*;
use std::{collections::BTreeMap, ffi::CStr};

/// A file that delivers a few bytes at a time.
struct Bytes {
    all: Vec<u8>,
    at: usize,
    step: usize,
}

impl Source for Bytes {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        let rest = &self.all[self.at..];
        let count = rest.len().min(into.len()).min(self.step);
        into[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Some(count)
    }

    fn rewind(&mut self) {
        self.at = 0;
    }

    fn short_read_is_end(&self) -> bool {
        false
    }
}

/// A sink for composed text.
struct Written(Vec<u8>);

impl calc::text::Sink for Written {
    fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.0.extend_from_slice(bytes);
        Some(())
    }
}

/// A container on v1 or v2 whose files may contain anything.
#[derive(Debug)]
struct Tree {
    files: BTreeMap<&'static str, Vec<u8>>,
    top: Directory,
    step: usize,
}

impl Files for Tree {
    type File = Bytes;

    fn open(&self, path: &CStr) -> Option<Bytes> {
        let path = path.to_str().ok()?;
        let name = path.strip_prefix("/proc/").or_else(|| path.rsplit('/').next())?;
        Some(Bytes { all: self.files.get(name)?.clone(), at: 0, step: self.step })
    }

    fn directory(&self, _: &CStr) -> Option<Directory> {
        Some(self.top)
    }

    fn file_system(&self, _: &CStr) -> Option<u64> {
        None
    }
}

/// File names, each with a text that a kernel might give.
const FILES: &[(&str, &str)] = &[
    ("self/cgroup", "5:blkio:/a\n4:memory:/a\n3:cpu,cpuacct:/a\n2:cpuset:/a\n0::/a\n"),
    ("1/cgroup", "5:blkio:/\n4:memory:/\n3:cpu,cpuacct:/\n2:cpuset:/\n0::/init.scope\n"),
    ("1/stat", "1 (a) b) S 0 1 1 0 -1 4 3 1 0 1 0 0 3 2 20 0 1 0 4242 4464640 776\n"),
    (
        "self/mountinfo",
        "24 22 0:25 /a /sys/fs/cgroup rw - cgroup2 none rw\n25 24 0:26 / /m rw - cgroup none rw,cpu,memory\n",
    ),
    ("memory.max", "536870912\n"),
    ("memory.high", "436870912\n"),
    ("memory.current", "1234567\n"),
    ("memory.swap.max", "max\n"),
    ("memory.swap.current", "4096\n"),
    ("memory.stat", "anon 5\nfile 7\nactive_file 6\npgfault 9\ntotal_cache 9\ntotal_active_file 3\ntotal_pgfault 8\n"),
    ("memory.events", "oom 3\noom_kill 2\n"),
    ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n"),
    ("io.stat", "253:0 8:0 rbytes=4096 wbytes=512 rios=2 wios=1 dbytes=0 dios=0\n"),
    ("blkio.throttle.io_service_bytes_recursive", "8:0 Read 4096\n8:0 Write 512\n8:0 Total 4608\nTotal 4608\n"),
    ("blkio.throttle.io_serviced_recursive", "8:0 Read 2\n8:0 Write 1\n8:0 Total 3\nTotal 3\n"),
    ("blkio.bfq.io_service_bytes", "8:16 Read 512\n8:16 Total 512\nTotal 512\n"),
    ("devices", "Character devices:\n  1 mem\n\nBlock devices:\n  8 sd\n253 device-mapper\n"),
    ("memory.limit_in_bytes", "536870912\n"),
    ("memory.usage_in_bytes", "1234567\n"),
    ("memory.memsw.limit_in_bytes", "636870912\n"),
    ("memory.memsw.usage_in_bytes", "1234667\n"),
    ("memory.use_hierarchy", "1\n"),
    ("cpu.max", "150000 100000\n"),
    ("cpu.weight", "174\n"),
    ("cpu.shares", "3072\n"),
    ("cpu.stat", "usage_usec 5\nuser_usec 3\nsystem_usec 2\n"),
    ("cpu.cfs_quota_us", "150000\n"),
    ("cpu.cfs_period_us", "100000\n"),
    ("cpuset.cpus.effective", "0-3\n"),
    ("cpuset.effective_cpus", "0-3\n"),
    ("cpuacct.usage", "123456789\n"),
    ("cpuacct.stat", "user 10\nsystem 2\n"),
    ("online", "0-7\n"),
    ("cpuset.mems.effective", "0-1\n"),
    ("cpuset.effective_mems", "1\n"),
    ("meminfo", "Node 1 MemTotal:       8000000 kB\nNode 1 MemFree:        7000000 kB\nNode 1 HugePages_Free:  3\n"),
    ("core_siblings_list", "0-3,8-11\n\0"),
    ("thread_siblings_list", "0,8\n"),
    ("physical_package_id", "1\n"),
];

/// The kernel's texts of the answered files.
const MEMINFO: &str = "MemTotal: 8000000 kB\nMemFree: 7000000 kB\nMemAvailable: 7500000 kB\nCached: 1 kB\nNew: 9 kB\n";
const STAT: &str = "cpu  1 2 3 4 5 6 7\ncpu0 1 2 3 4 5 6 7\nintr 1 2 3\nctxt 4\n";
const DISKSTATS: &str = "   8       0 sda 9 9 9 9 9 9 9 9 0 9 9\n   8       1 sda1 9 9 9 9 9 9 9 9 0 9 9\n   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0\n";
const VMSTAT: &str = "nr_free_pages 1989027\nnr_anon_pages 43732\npgpgin 65040589\npgfault 537558832\nnr_unstable 0\n";
const CPUINFO: &str = "processor\t: 0\nsiblings\t: 8\ncpu cores\t: 4\n\nprocessor\t: 1\nsiblings\t: 8\n\n";

/// The part before the columns in a line of `/proc/diskstats`.
fn head(line: &[u8]) -> Vec<u8> {
    let words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    words.take(3).flatten().copied().collect()
}

/// A text, intact or damaged.
fn damaged(text: &'static str) -> impl Strategy<Value = Option<Vec<u8>>> {
    let cut = (0..=text.len()).prop_map(|at| Some(text.as_bytes()[..at].to_vec()));
    let byte = (0..text.len(), any::<u8>()).prop_map(|(at, byte)| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = byte;
        Some(bytes)
    });
    let digits = "[0-9]{1,22}".prop_map(|digits| {
        let first = text.find(|byte: char| byte.is_ascii_digit()).unwrap_or(0);
        Some([&text.as_bytes()[..first], digits.as_bytes(), &text.as_bytes()[first + 1..]].concat())
    });
    let anything = prop::collection::vec(any::<u8>(), 0..60).prop_map(Some);
    let same = Just(Some(text.as_bytes().to_vec()));
    prop_oneof![12 => same, 1 => cut, 1 => byte, 2 => digits, 1 => anything, 1 => Just(None)]
}

fn tree() -> impl Strategy<Value = Tree> {
    let texts: Vec<_> = FILES.iter().map(|(_, text)| damaged(text)).collect();
    (texts, prop_oneof![Just(1), 2..9_u64], 2..4_u64, 1..200_usize).prop_map(|(texts, inode, links, step)| {
        let files = FILES.iter().zip(texts).filter_map(|((name, _), text)| Some((*name, text?))).collect();
        Tree { files, top: Directory { inode, links }, step }
    })
}

fn composed(compose: impl FnOnce(&mut Text<'_, Written>) -> Option<()>) -> Option<Vec<u8>> {
    let mut written = Written(Vec::new());
    let mut text = Text::new(&mut written);
    compose(&mut text)?;
    text.finish()?;
    Some(written.0)
}

/// Limits above the namespace, as a hostile board may hold them.
fn above() -> impl Strategy<Value = Above> {
    (any::<[u32; 6]>(), any::<[u64; 8]>(), any::<bool>()).prop_map(|(limits, cpus, none)| {
        let [memory, memory_free, swap, swap_free, quota, period] = limits.map(u64::from);
        let some = Above {
            memory_limit_bytes: memory << 10,
            memory_free_bytes: memory_free << 10,
            swap_limit_bytes: swap << 10,
            swap_free_bytes: swap_free << 10,
            quota_usec: quota,
            period_usec: period,
            cpus,
        };
        if none { Above::NONE } else { some }
    })
}

fn asked() -> impl Strategy<Value = CpuCount> {
    prop_oneof![Just(CpuCount::ByQuota), Just(CpuCount::ByWeight), any::<u64>().prop_map(CpuCount::from_word)]
}

fn limit() -> impl Strategy<Value = MemoryLimit> {
    let bytes = (1..u64::MAX).prop_map(MemoryLimit::Bytes);
    prop_oneof![3 => Just(MemoryLimit::Max), 3 => Just(MemoryLimit::High), 1 => bytes]
}

fn stat_of(online: &CpuSet, times: &Times, host: &mut Bytes, scratch: &mut [u8]) -> Option<Vec<u8>> {
    let figures = StatFigures { times, shares: &Shares::among(online), load: None, later_sec: 0 };
    composed(|out| compose::stat(online, &figures, host, out, scratch))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damaged_trees(tree in tree(), host: (u32, u32, u32, u64), scratch in 64..600_usize, above in above(), asked in asked(), limit in limit()) {
        let scratch = &mut vec![0; scratch][..];
        let Some(mut places) = Places::locate(&tree, Whose::Caller, scratch) else { return Ok(()) };
        prop_assert!(places.still_hold(&tree, Whose::Caller, scratch));
        places.declare(limit);
        let host = Host {
            memory_bytes: u64::from(host.0) << 10, swap_bytes: u64::from(host.1) << 10,
            swap_free_bytes: u64::from(host.2) << 10, since_boot_usec: host.3,
        };
        if let Some(memory) = memory::memory(&tree, &places, &above, &host, scratch) {
            prop_assert!(memory.free_bytes <= memory.available_bytes && memory.available_bytes <= memory.total_bytes);
            prop_assert!(memory.total_bytes < host.memory_bytes);
            prop_assert!(memory.swap.is_none_or(|swap| swap.free_bytes <= swap.total_bytes));
        }
        let mut text = Bytes { all: MEMINFO.into(), at: 0, step: tree.step };
        let mut figures = MemoryFigures::default();
        let is_limited = figures.read(&tree, &places, &above, &host, scratch).is_some();
        prop_assert_eq!(is_limited, memory::memory(&tree, &places, &above, &host, scratch).is_some());
        if is_limited {
            let text = composed(|out| compose::meminfo(&figures, &mut text, out, scratch)).unwrap();
            let text = String::from_utf8(text).unwrap();
            prop_assert_eq!(text.lines().count(), MEMINFO.lines().count());
            prop_assert!(text.lines().all(|line| line.ends_with(" kB") && line.contains(": ")));
        }
        if let Some(mut node) = tree.open(c"/sys/devices/system/node/node1/meminfo")
            && let Some(share) = nodes::share(&tree, &places, &mut node, scratch)
        {
            prop_assert!(share.before + share.part <= share.whole);
            let lines = composed(|out| compose::node_meminfo(&figures, &share, &mut node, out, scratch));
            prop_assert!(lines.is_none_or(|text| text.starts_with(b"Node ")));
        }
        let Some(cpus) = cpu::cpus(&tree, &places, &above, cpu::Choice::by(asked), scratch) else { return Ok(()) };
        let count = cpus.online.count();
        prop_assert!(count >= 1 && cpus.capacity.period_usec > 0);
        let is_within = u128::from(cpus.capacity.quota_usec) <= u128::from(count) * u128::from(cpus.capacity.period_usec);
        prop_assert!(is_within || asked == CpuCount::ByWeight);
        let mut packages = Packages::default();
        packages.read(&tree, &cpus.online, scratch);
        let package = packages.of(1).unwrap_or_default();
        prop_assert!(package.cores <= package.siblings && u64::from(package.siblings) <= count);
        let times = time::times(&tree, &places, &cpus, &host, None, scratch).unwrap_or_default();
        let mut text = Bytes { all: STAT.into(), at: 0, step: tree.step };
        let stat = stat_of(&cpus.online, &times, &mut text, scratch).unwrap();
        let lines = stat.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"cpu")).count() as u64;
        prop_assert_eq!(lines, count + 1);
    }

    #[test]
    fn damaged_trees_with_disks(
        tree in tree(), above in above(), scratch in 64..600_usize,
        diskstats in damaged(DISKSTATS), vmstat in damaged(VMSTAT),
    ) {
        let scratch = &mut vec![0; scratch][..];
        let Some(places) = Places::locate(&tree, Whose::Caller, scratch) else { return Ok(()) };
        let host = |all: Option<Vec<u8>>| Bytes { all: all.unwrap_or_default(), at: 0, step: tree.step };
        let lines = |text: Vec<u8>| text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
        if let Some(mut io) = io::open(&tree, &places, io::What::All, scratch) {
            let _ = io.devices(&mut [io::FREE; 3]).sum(|| io::drivers(&tree), scratch);
            let kernels = lines(diskstats.clone().unwrap_or_default());
            let mut host_text = host(diskstats);
            let shown = |_, traffic: Option<_>| traffic.unwrap_or_default();
            if let Some(text) = composed(|out| compose::diskstats(&mut io.devices(&mut [io::FREE; 3]), shown, &mut host_text, out, scratch)) {
                let head = |line: &Vec<u8>| head(line);
                prop_assert!(lines(text).iter().map(head).eq(kernels.iter().map(head)));
            }
        }
        let machine = Host { memory_bytes: 1 << 40, ..Host::default() };
        let mut memory = MemoryFigures::default();
        let is_limited = memory.read(&tree, &places, &above, &machine, scratch).is_some();
        let mut figures = VmstatFigures::of(is_limited.then_some(&memory));
        if figures.read(&tree, &places, scratch).is_some() {
            let traffic = io::open(&tree, &places, io::What::All, scratch).and_then(|mut io| io.devices(&mut [io::FREE; 3]).sum(|| io::drivers(&tree), scratch));
            let kernels = lines(vmstat.clone().unwrap_or_default());
            let mut host_text = host(vmstat);
            if let Some(text) = composed(|out| compose::vmstat(&figures, traffic.as_ref(), &mut host_text, out, scratch)) {
                let key = |line: &Vec<u8>| line.split(|byte| *byte == b' ').next().map(<[u8]>::to_vec);
                prop_assert!(lines(text).iter().map(key).eq(kernels.iter().map(key)));
            }
        }
    }

    #[test]
    fn hostile_texts(text in prop::collection::vec(any::<u8>(), 0..900), step in 1..300_usize, scratch in 1..200_usize) {
        let scratch = &mut vec![0; scratch][..];
        let mut host = Bytes { all: text, at: 0, step };
        let online = CpuSet::parse(b"0-1").unwrap();
        let cpus = Cpus { count: online.count(), online, capacity: Capacity { quota_usec: 1, period_usec: 1 }, counted_depth: 0 };
        let _ = composed(|out| compose::swaps(&Swap { total_bytes: 4096, free_bytes: 0 }, &mut host, out, scratch));
        host.rewind();
        let _ = stat_of(&cpus.online, &Times::default(), &mut host, scratch);
        host.rewind();
        let _ = composed(|out| compose::cpuinfo(&online, &Packages::default(), &mut host, out, scratch));
        host.rewind();
        let _ = composed(|out| compose::cpu_list_within(&online, &mut host, out, scratch));
        host.rewind();
        let _ = composed(|out| compose::cpu_map_within(&online, &mut host, out, scratch));
        host.rewind();
        let share = Share { before: 3, part: 4, whole: 7 };
        let _ = composed(|out| compose::node_meminfo(&MemoryFigures::default(), &share, &mut host, out, scratch));
    }

    #[test]
    fn damaged_texts(stat in damaged(STAT), cpuinfo in damaged(CPUINFO)) {
        let online = CpuSet::parse(b"0").unwrap();
        let cpus = Cpus { count: online.count(), online, capacity: Capacity { quota_usec: 1, period_usec: 1 }, counted_depth: 0 };
        let scratch = &mut [0; 512];
        let stat = stat.map(|all| Bytes { all, at: 0, step: 100 });
        if let Some(text) = stat.and_then(|mut host| stat_of(&cpus.online, &Times::default(), &mut host, scratch)) {
            prop_assert!(text.starts_with(b"cpu  0"));
        }
        let cpuinfo = cpuinfo.map(|all| Bytes { all, at: 0, step: 100 });
        if let Some(text) = cpuinfo.and_then(|mut host| composed(|out| compose::cpuinfo(&online, &Packages::default(), &mut host, out, scratch))) {
            let shown = text.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"processor")).count();
            prop_assert!(shown >= 1);
        }
    }
}
