//! Looks at the cgroups.

use super::{
    container::Recognised,
    figures::{self, Versioned},
    limits::{self, Sum, Sums},
    member::Member,
    names::Names,
    processes::{self, Listed},
    rows::{self, Row, Which},
    sample::{CgroupSample, Container, Machine, MemoryUse, Pressures, Sample},
};
use crate::{
    host::{
        clocks,
        kernel::{self, Kernel},
    },
    sampler::{Event, Watch},
    see::{board_reader::BoardReader, board_state, view},
};
use anyhow::Result;
use calc::{
    board::{self, Block},
    cgroup::{Controller, Version},
    host::Host,
    scan,
    source::Files as _,
    view::memory,
};
use rustix::{
    fd::OwnedFd,
    fs::{CWD, Mode, OFlags, openat},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use std::path::{Path, PathBuf};

/// Looks at the cgroups again and again.
pub(crate) struct Collector {
    board: PathBuf,
    which: Which,
    /// Only this cgroup and those below it.
    top: PathBuf,
    members: Vec<Member>,
    watch: Option<Watch>,
    rows: Vec<Row>,
    /// The limits by hierarchy, of this look.
    sums: Vec<Sums>,
    /// The hierarchies' changes that the rows include; `None` if the rows are out of date.
    changes: Option<usize>,
    /// How many looks there have been.
    round: usize,
    names: Names,
    /// The machine's `/proc/devices`.
    drivers: Option<OwnedFd>,
}

/// What all cgroups of a look have in common.
struct Now {
    host: Host,
    machine: Machine,
    /// MemAvailable of the machine.
    available_bytes: Option<u64>,
    realtime_usec: u64,
    board: Option<BoardReader>,
}

impl Collector {
    /// Looks at the cgroups that are mounted here, with what is published on `board`. Raises the limit of open files:
    /// a dozen are kept open for each cgroup.
    pub(crate) fn new(board: &Path, which: Which) -> Result<Self> {
        Ok(Self::of(Member::all()?, board, which))
    }

    fn of(members: Vec<Member>, board: &Path, which: Which) -> Self {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        Self {
            board: board.to_owned(),
            which,
            top: "/".into(),
            members,
            watch: None,
            rows: Vec::new(),
            sums: Vec::new(),
            changes: None,
            round: 0,
            names: Names::new(),
            drivers: openat(CWD, "/proc/devices", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok(),
        }
    }

    /// Looks only at the cgroup at this path below the mounts, whatever runs in it, and at those below it.
    pub(crate) fn below(self, cgroup: &Path) -> Self {
        Self { top: Path::new("/").join(cgroup), changes: None, ..self }
    }

    /// Looks at others from now on.
    pub(crate) fn choose(&mut self, which: Which) {
        (self.which, self.changes) = (which, None);
    }

    /// Reads another board from now on.
    pub(crate) fn read_board(&mut self, board: &Path) {
        self.board = board.to_owned();
    }

    /// Looks at the cgroups.
    pub(crate) fn look(&mut self) -> Sample {
        self.find();
        let now = Now::read(&self.board);
        let monotonic_usec = clocks::now_usec(libc::CLOCK_MONOTONIC);
        self.sum_up(&now);
        let listed = self.list();
        let rows = std::mem::take(&mut self.rows);
        let mut cgroups = Vec::with_capacity(rows.len());
        for row in &rows {
            let processes = row.home().and_then(|(member, index)| listed[member].get(index).copied().flatten());
            if processes.is_some_and(|it| it.is_gone) {
                continue;
            }
            cgroups.push(CgroupSample {
                container: row.recognised.as_ref().map(|it| named(it, row, &self.members, &mut self.names)),
                age: processes.and_then(|it| it.age(now.host.since_boot_usec)),
                ..self.looked_at(row, processes, &now)
            });
        }
        self.rows = rows;
        let parents = rows::parents(cgroups.iter().map(|cgroup| cgroup.path.as_path()));
        cgroups.iter_mut().zip(parents).for_each(|(cgroup, parent)| cgroup.parent = parent);
        self.round += 1;
        Sample {
            monotonic_usec,
            cgroups,
            left_out: self.members.iter().map(|member| member.hierarchy.left_out()).max().unwrap_or(0),
            machine: now.machine,
            is_part: rows::is_part(&self.members, &self.top),
            has_board: now.board.is_some(),
        }
    }

    /// Finds out which cgroups there are by now.
    fn find(&mut self) {
        if self.round == 1 {
            self.watch = Watch::new();
            self.members.iter_mut().for_each(|member| member.watch(&mut self.watch));
        }
        let events = self.watch.as_ref().map(Watch::events).unwrap_or_default();
        let is_lost = events.iter().any(|(_, event)| *event == Event::Lost);
        for ((number, index), event) in &events {
            if let Some(member) = self.members.iter_mut().find(|member| member.hierarchy.number() == *number) {
                member.hear(*index, event, &mut self.watch);
            }
        }
        for member in &mut self.members {
            member.prepare(self.round, is_lost, &mut self.watch);
        }
        let changes = self.members.iter().map(|member| member.hierarchy.changes()).sum();
        if self.changes != Some(changes) {
            self.rows = rows::rows(&mut self.members, self.which, &self.top);
            self.changes = Some(changes);
        }
    }

    /// Sums up the limits of the rows in each hierarchy.
    fn sum_up(&mut self, now: &Now) {
        let rows = &self.rows;
        let summed = |(number, member)| {
            let wanted: Vec<usize> = rows.iter().filter_map(|row: &Row| row.nearest[number]).collect();
            limits::sum_up(member, &wanted, now.board.as_ref(), now.realtime_usec)
        };
        self.sums = self.members.iter_mut().enumerate().map(summed).collect();
    }

    /// The processes of the rows, by hierarchy and index.
    fn list(&mut self) -> Vec<Vec<Option<Listed>>> {
        let rows = &self.rows;
        let tops = |number| {
            rows.iter().filter_map(Row::home).filter(|(member, _)| *member == number).map(|(_, index)| index).collect()
        };
        let listed = |(number, member)| {
            let tops: Vec<usize> = tops(number);
            if tops.is_empty() { Vec::new() } else { processes::listed(member, &tops) }
        };
        self.members.iter_mut().enumerate().map(listed).collect()
    }

    /// The figures of a row.
    fn looked_at(&self, row: &Row, processes: Option<Listed>, now: &Now) -> CgroupSample {
        let group = |controller| self.group(row, controller);
        let sum = |controller| self.sum(&row.nearest, controller);
        let unified = self.members.iter().position(|it| it.version == Version::V2);
        let pressures = unified.and_then(|it| self.members[it].group(row.places[it]?));
        let slot = self.slot(row, now);
        let pids = &mut [0; 64];
        let io = group(Controller::Io).map(|it| figures::io(it, self.drivers.as_ref())).unwrap_or_default();
        let cpu = figures::cpu(group(Controller::Cpuacct), group(Controller::Cpu));
        // Rates and shares are about the time between two readings, and many cgroups take a while to read.
        let [monotonic_usec, realtime_usec, boottime_usec] =
            [libc::CLOCK_MONOTONIC, libc::CLOCK_REALTIME, libc::CLOCK_BOOTTIME].map(clocks::now_usec);
        CgroupSample {
            id: row.id,
            path: row.path.clone(),
            monotonic_usec,
            cpu,
            memory: self.memory(row, now),
            io,
            pressure: pressures.map_or_else(Pressures::default, |group| figures::pressures(&group)),
            limits: limits::shown(sum, &now.machine),
            load: slot.as_ref().and_then(Block::load),
            capacity_usec: slot.and_then(|it| it.capacity_usec(realtime_usec, boottime_usec)),
            processes: processes.map(|it| it.count),
            threads: group(Controller::Pids).and_then(|(group, _)| calc::cgroup::pids::count(&group, pids)),
            ..CgroupSample::default()
        }
    }

    fn memory(&self, row: &Row, now: &Now) -> MemoryUse {
        let own = self.sum(&row.places, Controller::Memory);
        let Some((group, own)) = self.group(row, Controller::Memory).zip(own) else { return MemoryUse::default() };
        let (figures, reclaimable_bytes) = figures::memory(group, own.memory_bytes);
        let is_limited = own.limits.memory_limit_bytes < now.host.memory_bytes;
        let left = memory::available_bytes(&own.limits, reclaimable_bytes, &now.host);
        MemoryUse { available_bytes: if is_limited { left } else { now.available_bytes }, ..figures }
    }

    /// Its slot on the board.
    fn slot(&self, row: &Row, now: &Now) -> Option<Block> {
        let (member, index) = row.home()?;
        let mut block = Block::EMPTY;
        let key = self.members[member].load_key(index)?;
        board::find(now.board.as_ref()?, key, now.realtime_usec, &mut block).map(|()| block)
    }

    /// The hierarchy that has a controller.
    fn member(&self, controller: Controller) -> Option<(usize, &Member)> {
        self.members.iter().enumerate().find(|(_, member)| member.has(controller))
    }

    /// A row's files in the hierarchy of a controller; `None` if it is not there.
    fn group(&self, row: &Row, controller: Controller) -> Option<Versioned<'_>> {
        let (number, member) = self.member(controller)?;
        Some((member.group(row.places[number]?)?, member.version))
    }

    /// The limits in the hierarchy of a controller.
    fn sum(&self, places: &[Option<usize>], controller: Controller) -> Option<&Sum> {
        let (number, _) = self.member(controller)?;
        self.sums.get(number)?.get(places[number]?)?.as_ref()
    }
}

impl Now {
    fn read(board: &Path) -> Self {
        let host = view::machine();
        Self {
            machine: Machine { cpus: view::machine_cpus().unwrap_or(1), memory_bytes: host.memory_bytes },
            host,
            available_bytes: machines_available_bytes(),
            realtime_usec: clocks::now_usec(libc::CLOCK_REALTIME),
            board: board_state::check(board).ok().and_then(|()| BoardReader::open(board)),
        }
    }
}

/// MemAvailable of the kernel's own /proc/meminfo.
fn machines_available_bytes() -> Option<u64> {
    let text = kernel::whole(&mut Kernel.open(c"/proc/meminfo")?)?;
    let value = scan::parts(&text, b'\n').find_map(|line| line.strip_prefix(b"MemAvailable:"))?;
    let (kib, _) = scan::number(scan::after_blanks(value))?;
    kib.checked_mul(1024)
}

fn named(recognised: &Recognised, row: &Row, members: &[Member], names: &mut Names) -> Container {
    let maker = || row.home().and_then(|(member, index)| members[member].hierarchy.maker(index));
    let called = names.of(recognised, &row.path, maker);
    Container { engine: recognised.engine, id: recognised.id.clone(), name: called.name, pod: called.pod }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sampler::Root,
        stats::sample::{CpuUse, Engine, IoUse, Limits, Stall},
    };
    use calc::board::Kind;
    use std::{fs, sync::Arc};
    use tempfile::TempDir;

    const ID: &str = "4f1e5d0c9b8a7f6e5d4c3b2a19080706f5e4d3c2b1a0998877665544332211ff";

    /// Makes a cgroup out of plain files.
    fn make(directory: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("cgroup.procs"), "").unwrap();
        files.iter().for_each(|(name, text)| fs::write(directory.join(name), text).unwrap());
    }

    fn member(path: &Path, kinds: &[Kind], controllers: &[Controller], number: usize) -> Member {
        let root = Root::new(path.to_owned(), kinds.to_vec());
        let version = if kinds == [Kind::Unified] { Version::V2 } else { Version::V1 };
        Member::open(root, version, controllers.to_vec(), number, &Arc::default()).unwrap()
    }

    fn collector(members: Vec<Member>, which: Which) -> Collector {
        Collector::of(members, Path::new("/nowhere/board"), which)
    }

    fn version_2() -> (TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let container = home.path().join("docker").join(ID);
        make(home.path(), &[]);
        make(&home.path().join("docker"), &[("memory.max", "1073741824\n"), ("memory.current", "536870912\n")]);
        make(
            &container,
            &[
                (
                    "cpu.stat",
                    "usage_usec 70\nuser_usec 50\nsystem_usec 20\nnr_periods 9\nnr_throttled 4\nthrottled_usec 800\n",
                ),
                ("cpu.max", "5000 10000\n"),
                ("cpuset.cpus.effective", "0\n"),
                ("memory.max", "2147483648\n"),
                ("memory.current", "104857600\n"),
                (
                    "memory.stat",
                    "anon 5\nfile 62914560\ninactive_file 41943040\nactive_file 20971520\nslab_reclaimable 4096\n",
                ),
                ("memory.swap.current", "8192\n"),
                ("memory.swap.max", "16384\n"),
                ("memory.events", "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\n"),
                (
                    "io.stat",
                    "8:0 rbytes=4096 wbytes=1024 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=4 wbytes=1 rios=1 wios=1\n",
                ),
                ("pids.current", "7\n"),
                ("pids.max", "90\n"),
                (
                    "cpu.pressure",
                    "some avg10=1.50 avg60=0.00 avg300=0.00 total=123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=4\n",
                ),
            ],
        );
        make(&container.join("nested.service"), &[("cgroup.procs", "1\n0\n")]);
        (home, container)
    }

    fn look(home: &Path, which: Which) -> Sample {
        collector(vec![member(home, &[Kind::Unified], &Controller::ALL, 0)], which).look()
    }

    #[test]
    fn figures_of_version_2() {
        let (home, _) = version_2();
        let sample = look(home.path(), Which::Containers);
        let [_, _, it] = sample.cgroups.as_slice() else { panic!("{sample:?}") };
        assert_eq!(it.path, Path::new("/docker").join(ID));
        assert_eq!(it.container.as_ref().map(|it| (it.engine, it.id.as_str())), Some((Engine::Docker, ID)));
        let cpu = CpuUse {
            usage_usec: Some(70),
            user_usec: Some(50),
            system_usec: Some(20),
            periods: Some(9),
            throttled_periods: Some(4),
            throttled_usec: Some(800),
        };
        assert_eq!(it.cpu, cpu);
        let memory = MemoryUse {
            usage_bytes: Some(100 << 20),
            working_set_bytes: Some(60 << 20),
            cache_bytes: Some(60 << 20),
            swap_bytes: Some(8192),
            available_bytes: Some((512 << 20) + (60 << 20) + 4096),
            oom_events: Some(2),
            oom_kills: Some(1),
        };
        assert_eq!(it.memory, memory);
        let io = IoUse { read_bytes: Some(4100), written_bytes: Some(1025), reads: Some(2), writes: Some(3) };
        assert_eq!(it.io, io);
        assert_eq!(it.pressure.cpu.some, Some(Stall { avg10: 1.5, total_usec: 123 }));
        assert_eq!(it.pressure.cpu.full, Some(Stall { avg10: 0.0, total_usec: 4 }));
        assert_eq!(it.pressure.memory.some, None);
        let limits = Limits {
            cpus: Some(0.5),
            quota_cpus: Some(0.5),
            memory_bytes: Some(1 << 30),
            swap_bytes: Some(16384),
            threads: Some(90),
        };
        assert_eq!(it.limits, limits);
        assert_eq!((it.processes, it.threads), (Some(2), Some(7)), "with those below");
        assert!(it.age.is_some() && it.load.is_none() && !sample.has_board);
    }

    #[test]
    fn counters_have_the_time_at_which_they_were_read() {
        let (home, _) = version_2();
        let sample = look(home.path(), Which::All);
        let times: Vec<u64> = sample.cgroups.iter().map(|it| it.monotonic_usec).collect();
        let until = clocks::now_usec(libc::CLOCK_MONOTONIC);
        assert!(sample.monotonic_usec > 0 && sample.monotonic_usec <= times[0], "{times:?}");
        assert!(times.is_sorted() && times.last() <= Some(&until), "{times:?}");
    }

    /// One container without limits, in separate hierarchies.
    fn version_1() -> (TempDir, Vec<Member>) {
        let home = tempfile::tempdir().unwrap();
        let path = Path::new("docker").join(ID);
        let at = |hierarchy: &str| home.path().join(hierarchy).join(&path);
        make(&at("cpuacct"), &[("cpuacct.usage", "70999\n"), ("cpuacct.stat", "user 3\nsystem 2\n")]);
        let stat = "nr_periods 9\nnr_throttled 4\nthrottled_time 800999\n";
        make(&at("cpu"), &[("cpu.stat", stat), ("cpu.cfs_quota_us", "-1\n"), ("cpu.cfs_period_us", "100000\n")]);
        make(
            &at("memory"),
            &[
                ("memory.limit_in_bytes", "9223372036854771712\n"),
                ("memory.usage_in_bytes", "4096\n"),
                (
                    "memory.stat",
                    "cache 1\ntotal_cache 8192\ntotal_swap 5\ntotal_inactive_file 8192\ntotal_active_file 0\n",
                ),
                ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 6\n"),
            ],
        );
        let bytes = "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n";
        make(&at("blkio"), &[("blkio.throttle.io_service_bytes_recursive", bytes)]);
        let members = vec![
            member(&home.path().join("cpuacct"), &[Kind::Cpuacct], &[Controller::Cpuacct], 0),
            member(&home.path().join("cpu"), &[Kind::Cpu], &[Controller::Cpu], 1),
            member(&home.path().join("memory"), &[Kind::Memory], &[Controller::Memory], 2),
            member(&home.path().join("blkio"), &[], &[Controller::Io], 3),
        ];
        (home, members)
    }

    #[test]
    fn figures_of_version_1() {
        let (_home, members) = version_1();
        let mut collector = collector(members, Which::Containers);
        let sample = collector.look();
        let [it] = sample.cgroups.as_slice() else { panic!("one row for all hierarchies: {sample:?}") };
        let cpu = CpuUse {
            usage_usec: Some(70),
            user_usec: Some(30_000),
            system_usec: Some(20_000),
            periods: Some(9),
            throttled_periods: Some(4),
            throttled_usec: Some(800),
        };
        assert_eq!(it.cpu, cpu);
        assert_eq!(it.memory.working_set_bytes, Some(0), "never below 0");
        assert_eq!((it.memory.swap_bytes, it.memory.cache_bytes), (Some(5), Some(8192)));
        assert_eq!((it.memory.oom_events, it.memory.oom_kills), (None, Some(6)));
        assert!(it.memory.available_bytes > Some(4096), "the machine's");
        assert_eq!((it.io.read_bytes, it.io.written_bytes, it.io.reads), (Some(10), Some(20), Some(0)));
        let cpus = sample.machine.cpus as f64;
        assert_eq!(it.limits, Limits { cpus: Some(cpus), ..Limits::default() }, "the machine's alone");
        assert_eq!(it.pressure, Pressures::default());
    }

    #[test]
    fn rows_are_containers_or_all() {
        let (home, container) = version_2();
        let paths = |sample: &Sample| -> Vec<PathBuf> { sample.cgroups.iter().map(|it| it.path.clone()).collect() };
        let all = look(home.path(), Which::All);
        let inside = Path::new("/").join(container.strip_prefix(home.path()).unwrap());
        let expected = ["/".into(), "/docker".into(), inside.clone(), inside.join("nested.service")];
        assert_eq!(paths(&all), expected);
        assert_eq!(all.cgroups.iter().map(|it| it.parent).collect::<Vec<_>>(), [None, Some(0), Some(1), Some(2)]);
        // The top is what is visible of a container that we are in: what is below it is shown.
        make(&home.path().join("plain/child"), &[]);
        make(&home.path().join("plain"), &[]);
        let within = ["/".into(), "/docker".into(), inside.clone(), "/plain".into(), "/plain/child".into()];
        let sample = look(home.path(), Which::Containers);
        assert_eq!((paths(&sample), sample.is_part), (within.to_vec(), true));
        make(&container.join("plain"), &[]);
        let members = vec![member(home.path(), &[Kind::Unified], &Controller::ALL, 0)];
        let mut below = collector(members, Which::Containers).below(&inside);
        let expected = [inside.clone(), inside.join("nested.service"), inside.join("plain")];
        assert_eq!(paths(&below.look()), expected);
        below.choose(Which::All);
        assert_eq!(paths(&below.look()), expected);
    }

    #[test]
    fn cgroups_come_and_go() {
        let (home, container) = version_2();
        let mut collector =
            collector(vec![member(home.path(), &[Kind::Unified], &Controller::ALL, 0)], Which::Containers);
        let count = |collector: &mut Collector| collector.look().cgroups.len();
        assert_eq!(count(&mut collector), 3);
        let service = home.path().join("system.slice/a.service");
        make(&service, &[("cpu.stat", "usage_usec 7\n")]);
        assert_eq!(count(&mut collector), 4);
        fs::write(service.join("cpu.stat"), "usage_usec 8\n").unwrap();
        let usage = collector.look().cgroups.into_iter().find_map(|it| it.cpu.usage_usec.filter(|it| *it < 70));
        assert_eq!(usage, Some(8), "read again from its start");
        fs::remove_dir_all(&service).unwrap();
        fs::remove_dir_all(&container).unwrap();
        assert_eq!(count(&mut collector), 2);
        assert_eq!(collector.members[0].hierarchy.take_gone(), [], "nothing is kept of what is gone");
    }

    #[test]
    fn limits_that_are_written_count_at_once() {
        let (home, container) = version_2();
        let path = Path::new("/").join(container.strip_prefix(home.path()).unwrap());
        let members = vec![member(home.path(), &[Kind::Unified], &Controller::ALL, 0)];
        let mut collector = collector(members, Which::Containers).below(&path);
        let mut limits = || collector.look().cgroups[0].limits;
        for _ in 0..3 {
            assert_eq!(
                (limits().quota_cpus, limits().memory_bytes, limits().threads),
                (Some(0.5), Some(1 << 30), Some(90))
            );
        }
        for (file, text) in [("cpu.max", "max 10000\n"), ("pids.max", "max\n"), ("../memory.max", "max\n")] {
            fs::write(container.join(file), text).unwrap();
        }
        assert_eq!((limits().quota_cpus, limits().memory_bytes, limits().threads), (None, Some(2 << 30), None));
    }

    #[test]
    fn this_machine_can_be_looked_at() {
        let mut collector = Collector::new(Path::new("/nowhere/board"), Which::All).unwrap();
        let sample = collector.look();
        assert!(sample.machine.cpus > 0 && sample.machine.memory_bytes > 0);
        for (index, cgroup) in sample.cgroups.iter().enumerate() {
            assert!(cgroup.parent.is_none_or(|parent| parent < index), "{cgroup:?}");
        }
    }
}
