//! The table of damage in docs/figures.md, row by row: each file is removed, replaced or damaged, and the effect must
//! be what the table says.

use calc::{
    board::Above,
    cgroup::places::{Places, Whose},
    compose::{self, VmstatFigures},
    host::Host,
    settings::CpuCount,
    source::{Directory, Files, Source},
    text::{Sink, Text},
    view::{
        cpu::{self, Choice},
        io::{self, Device},
        memory, pids, time,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::CStr,
};

struct Bytes(Vec<u8>, usize);

impl Source for Bytes {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        let rest = &self.0[self.1..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.1 += count;
        Some(count)
    }

    fn rewind(&mut self) {
        self.1 = 0;
    }
}

struct Written(Vec<u8>);

impl Sink for Written {
    fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.0.extend_from_slice(bytes);
        Some(())
    }
}

/// A container's files, and the directories of its cgroups.
#[derive(Clone)]
struct Tree {
    files: BTreeMap<String, String>,
    directories: BTreeSet<String>,
}

impl Files for Tree {
    type File = Bytes;

    fn open(&self, path: &CStr) -> Option<Bytes> {
        Some(Bytes(self.files.get(path.to_str().ok()?)?.clone().into_bytes(), 0))
    }

    fn directory(&self, path: &CStr) -> Option<Directory> {
        self.directories.contains(path.to_str().ok()?).then_some(Directory { inode: 35, links: 2 })
    }

    fn file_system(&self, _: &CStr) -> Option<u64> {
        None
    }
}

/// A container that has only its own cgroup mounted, at these places, without a namespace.
fn tree(cgroup: &str, mounts: &[(&str, &str)], files: &[(&str, &str)]) -> Tree {
    let lines = mounts.iter().map(|(mount, kind)| format!("51 47 0:32 /c /sys/fs/cgroup{mount} ro - {kind}\n"));
    let mut tree = Tree { files: BTreeMap::new(), directories: BTreeSet::new() };
    for (path, text) in [
        ("/proc/self/cgroup", cgroup),
        ("/proc/1/cgroup", cgroup),
        ("/proc/1/stat", "1 (init) S 0 1 1 0 -1 4 3 1 0 1 0 0 3 2 20 0 1 0 4242 4464640 776\n"),
        ("/proc/self/mountinfo", &lines.collect::<String>()),
        ("/sys/devices/system/cpu/online", "0-7\n"),
    ] {
        tree.files.insert(path.into(), text.into());
    }
    tree.files.extend(files.iter().map(|(path, text)| (format!("/sys/fs/cgroup/{path}"), (*text).into())));
    tree.directories.extend(mounts.iter().map(|(mount, _)| format!("/sys/fs/cgroup{mount}")));
    tree
}

fn v2() -> Tree {
    let files = [
        ("memory.max", "104857600\n"),
        ("memory.current", "31457280\n"),
        ("memory.swap.max", "52428800\n"),
        ("memory.swap.current", "10485760\n"),
        ("memory.stat", "active_file 4096\npgfault 7\n"),
        ("memory.events", "oom 3\noom_kill 2\n"),
        ("cpu.max", "150000 100000\n"),
        ("cpuset.cpus.effective", "2-5\n"),
        ("cpu.stat", "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\n"),
        ("io.stat", "8:0 rbytes=4096 wbytes=512 rios=2 wios=1 dbytes=0 dios=0\n"),
        ("pids.max", "77\n"),
    ];
    tree("0::/c\n", &[("", "cgroup2 cgroup2 rw")], &files)
}

fn v1() -> Tree {
    let cgroup = "5:pids:/c\n4:blkio:/c\n3:memory:/c\n2:cpuset:/c\n1:cpu,cpuacct:/c\n";
    let mounts = ["memory", "cpu,cpuacct", "cpuset", "blkio", "pids"];
    let mounts = mounts.map(|names| (format!("/{names}"), format!("cgroup cgroup rw,{names}")));
    let mounts: Vec<(&str, &str)> = mounts.iter().map(|(mount, kind)| (&**mount, &**kind)).collect();
    let files = [
        ("memory/memory.limit_in_bytes", "104857600\n"),
        ("memory/memory.usage_in_bytes", "31457280\n"),
        ("memory/memory.memsw.limit_in_bytes", "157286400\n"),
        ("memory/memory.memsw.usage_in_bytes", "41943040\n"),
        ("memory/memory.use_hierarchy", "1\n"),
        ("memory/memory.stat", "total_active_file 4096\ntotal_pgfault 7\n"),
        ("memory/memory.oom_control", "oom_kill_disable 0\noom_kill 2\n"),
        ("cpu,cpuacct/cpu.cfs_quota_us", "150000\n"),
        ("cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
        ("cpu,cpuacct/cpuacct.usage", "5000000000\n"),
        ("cpu,cpuacct/cpuacct.stat", "user 300\nsystem 200\n"),
        ("cpuset/cpuset.effective_cpus", "2-5\n"),
        ("blkio/blkio.throttle.io_service_bytes_recursive", "8:0 Read 4096\n8:0 Write 512\nTotal 4608\n"),
        ("pids/pids.max", "77\n"),
    ];
    tree(cgroup, &mounts, &files)
}

/// The figures, by their names in the table.
fn figures(tree: &Tree) -> BTreeMap<&'static str, String> {
    let scratch = &mut [0; 512];
    let Some(places) = Places::locate(tree, Whose::Caller, scratch) else { return BTreeMap::new() };
    let host =
        Host { memory_bytes: 1 << 32, swap_bytes: 1 << 30, swap_free_bytes: 1 << 30, since_boot_usec: 99_000_000_000 };
    let mut figures = BTreeMap::new();
    if let Some(memory) = memory::memory(tree, &places, &Above::NONE, &host, scratch) {
        figures.insert("total", memory.total_bytes.to_string());
        figures.insert("free", memory.free_bytes.to_string());
        figures.insert("available", memory.available_bytes.to_string());
        memory.swap.and_then(|swap| figures.insert("swap", format!("{swap:?}")));
    }
    let cpus = cpu::cpus(tree, &places, &Above::NONE, Choice::by(CpuCount::ByQuota), scratch).unwrap();
    figures.insert("CPUs", cpus.online.iter().next().unwrap().to_string());
    figures.insert("quota", format!("{:?}", cpus.capacity.quota_usec.cmp(&150_000)));
    if let Some(times) = time::times(tree, &places, &cpus, &host, None, scratch) {
        figures.insert("times", format!("{} {}", times.user_ticks, times.system_ticks));
    }
    figures.extend(time::age_ticks(&places, &host).map(|age| ("age", age.to_string())));
    let disks = io::open(tree, &places, io::What::All, scratch)
        .and_then(|mut io| io.devices(&mut [io::FREE]).of_device(Device { major: 8, minor: 0 }, scratch).ok());
    figures.extend(disks.map(|disks| ("disks", format!("{:?}", disks.map(|disks| disks.read_bytes)))));
    figures.extend(pids::limit(tree, &places, scratch).map(|limit| ("threads-max", limit.to_string())));
    let mut events = VmstatFigures::of(None);
    let _ = events.read(tree, &places, scratch);
    for (name, line) in [("paging", "pgfault 99\n"), ("kills", "oom_kill 99\n")] {
        let mut written = Written(Vec::new());
        let mut text = Text::new(&mut written);
        let composed = compose::vmstat(&events, None, &mut Bytes(line.into(), 0), &mut text, scratch);
        if composed.and_then(|()| text.finish()).is_some() {
            figures.insert(name, String::from_utf8(written.0).unwrap());
        }
    }
    figures
}

/// The effects of damage to a file, in the order of the table's columns.
fn damages(text: &str) -> [Option<String>; 3] {
    let odd = format!("x\n\na b c d\nwith\ttab\n{}\n", "y".repeat(600));
    let lines: String = text.lines().map(|line| format!("{line}\n{odd}")).collect();
    [None, Some("x y\n".into()), Some(format!("{odd}{lines}"))]
}

fn lost(whole: &Tree, path: &str, damage: Option<String>) -> BTreeSet<&'static str> {
    let mut tree = whole.clone();
    match damage {
        Some(text) => tree.files.insert(path.into(), text),
        None => tree.files.remove(path),
    };
    let (before, after) = (figures(whole), figures(&tree));
    before.into_iter().filter(|(name, figure)| after.get(name) != Some(figure)).map(|(name, _)| name).collect()
}

#[test]
fn each_file_costs_what_the_table_says() {
    let document = include_str!("../../docs/figures.md");
    let (_, table) = document.split_once("\n## Damage ").expect("the table");
    let rows: BTreeMap<&str, Vec<&str>> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(file, cells)| (file, cells.trim_end_matches(" |").split(" | ").collect()))
        .collect();
    let mut tested = BTreeSet::new();
    let mut wrong = String::new();
    const COLUMNS: [&str; 3] = ["not there", "of another form", "with odd lines"];
    for (version, whole) in [("v1", v1()), ("v2", v2())] {
        let all = figures(&whole);
        assert_eq!(all.len(), 12, "{all:?}");
        for (path, text) in &whole.files {
            let name = if path.starts_with("/proc/") { path } else { path.rsplit('/').next().unwrap() };
            let Some(cells) = rows.get(name) else {
                assert_eq!(name, "online", "{name} has no row");
                continue;
            };
            tested.insert(name.to_owned());
            assert_eq!(cells.len(), 3, "{name}");
            for ((cell, damage), column) in cells.iter().zip(damages(text)).zip(COLUMNS) {
                let says: BTreeSet<&str> = match *cell {
                    "all" => all.keys().copied().collect(),
                    "nothing" => BTreeSet::new(),
                    names => names.split(", ").collect(),
                };
                let lost = lost(&whole, path, damage);
                if lost != says {
                    wrong += &format!("{version} {name} {column}: costs {lost:?}, the table says {says:?}\n");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(rows.keys().all(|name| tested.contains(*name)), "rows without a file: {rows:?}");
}
