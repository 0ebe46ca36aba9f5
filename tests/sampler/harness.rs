//! Samplers, boards, cgroups and the processes in them.

use crate::bed::{self, Container, PLAIN, Version};
use calc::board::{self, BLOCK_BYTES, Block, Board, Key, Kind, Load};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// As long as nothing should ever take: a test that waits longer fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// No limits that would stand in the way of a load.
pub(crate) const FREE: Container = Container { quota_usec: None, ..PLAIN };

/// Waits until `holds`.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "not after {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn sleep(seconds: f64) {
    std::thread::sleep(Duration::from_secs_f64(seconds));
}

/// CLOCK_REALTIME.
pub(crate) fn now_usec() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set");
    u64::try_from(now.as_micros()).expect("microseconds")
}

fn serial() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A directory in memory, gone with the test, with a board's place in it.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        let directory = Path::new("/dev/shm").join(format!("cgproc-test-{}", serial()));
        fs::create_dir(&directory).expect("a directory in memory");
        Self(directory)
    }

    pub(crate) fn board(&self) -> PathBuf {
        self.0.join("board")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process, killed and buried with its test.
pub(crate) struct Started(pub(crate) Child);

impl Started {
    /// With its output thrown away.
    pub(crate) fn quietly(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("a process"))
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).expect("a pid")
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: a signal to a process that the test has started and not waited for.
        assert_eq!(unsafe { libc::kill(self.pid(), signal) }, 0, "kill {}", self.pid());
    }

    /// How it ends by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("a process ends", || {
            status = self.0.try_wait().expect("its status");
            status.is_some()
        });
        status.expect("a status")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // What a container's script has made goes on SIGTERM.
        if self.0.try_wait().is_ok_and(|status| status.is_none()) {
            self.signal(libc::SIGTERM);
            for _ in 0..500 {
                if self.0.try_wait().is_ok_and(|status| status.is_some()) {
                    return;
                }
                sleep(0.01);
            }
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `cgproc sampler --board BOARD OPTIONS`.
pub(crate) fn sampler(board: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(bed::command());
    command.arg("sampler").arg("--board").arg(board).args(options);
    command.env_remove("LD_PRELOAD").env_remove("CGPROC_BOARD").stdin(Stdio::null());
    command
}

/// A sampler that runs, and what it says.
pub(crate) struct Sampler {
    pub(crate) process: Started,
    log: PathBuf,
}

impl Sampler {
    /// Waits until it has published.
    pub(crate) fn start(place: &Place, options: &[&str]) -> Self {
        Self::start_by(place, sampler(&place.board(), options))
    }

    /// As another program starts it.
    pub(crate) fn start_by(place: &Place, mut command: Command) -> Self {
        let begun = now_usec();
        let log = place.file("log");
        let file = OpenOptions::new().create(true).append(true).open(&log).expect("a log");
        command.stderr(file);
        let mut sampler = Self { process: Started::quietly(&mut command), log };
        until("the sampler publishes", || {
            let ended = sampler.process.0.try_wait().expect("its status");
            assert!(ended.is_none(), "the sampler ended, {ended:?}: {}", sampler.log());
            published_usec(&place.board()).is_some_and(|moment| moment >= begun)
        });
        sampler
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("its log")
    }

    pub(crate) fn end(mut self, signal: i32) -> ExitStatus {
        self.process.signal(signal);
        self.process.ended()
    }
}

/// Reads blocks as the readers do.
struct Blocks(File);

impl Board for Blocks {
    fn copy(&self, index: u64, into: &mut Block) -> Option<()> {
        let mut bytes = [0; BLOCK_BYTES];
        self.0.read_exact_at(&mut bytes, index * BLOCK_BYTES as u64).ok()?;
        for (word, bytes) in into.words_mut().iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_ne_bytes(bytes.try_into().expect("eight"));
        }
        Some(())
    }
}

fn blocks(board: &Path) -> Option<Blocks> {
    Some(Blocks(OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(board).ok()?))
}

/// When the board's header was published.
pub(crate) fn published_usec(board: &Path) -> Option<u64> {
    let mut header = Block::EMPTY;
    blocks(board)?.copy(0, &mut header)?;
    (header.is_whole() && header.slots().is_some()).then(|| header.published().realtime_usec)
}

/// The slot of `key` that may be believed.
pub(crate) fn slot(board: &Path, key: Key) -> Option<Block> {
    let mut block = Block::EMPTY;
    board::find(&blocks(board)?, key, now_usec(), &mut block)?;
    Some(block)
}

pub(crate) fn load(board: &Path, key: Key) -> Option<Load> {
    slot(board, key)?.load()
}

/// The directory of the cgroup with this path in the hierarchy where load is published.
pub(crate) fn load_directory(path: &str) -> PathBuf {
    let root = match bed::version() {
        Version::V1 => "/sys/fs/cgroup/cpuacct",
        Version::V2 => "/sys/fs/cgroup",
    };
    Path::new(root).join(path)
}

/// The key of the load of a cgroup; `None` when there is no such.
pub(crate) fn load_key(path: &str) -> Option<Key> {
    let kind = match bed::version() {
        Version::V1 => Kind::Cpuacct,
        Version::V2 => Kind::Unified,
    };
    Some(Key { kind, id: fs::metadata(load_directory(path)).ok()?.ino() })
}

/// Cgroups of one path in every hierarchy, gone with the test.
pub(crate) struct Group {
    pub(crate) path: String,
    directories: Vec<PathBuf>,
}

impl Group {
    pub(crate) fn new() -> Self {
        Self::at(format!("cgproc-test-{}", serial()))
    }

    pub(crate) fn below(&self, name: &str) -> Self {
        Self::at(format!("{}/{name}", self.path))
    }

    fn at(path: String) -> Self {
        let directories: Vec<PathBuf> = hierarchies().iter().map(|root| root.join(&path)).collect();
        for directory in &directories {
            fs::create_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
            inherit(directory);
        }
        Self { path, directories }
    }

    /// Writes a setting of the kernel's cgroup version; nothing for an empty name.
    pub(crate) fn set(&self, file: &str, value: &str) {
        let mut places = self.directories.iter().map(|directory| directory.join(file));
        let path = places.find(|path| path.exists()).unwrap_or_else(|| panic!("{}: no {file}", self.path));
        fs::write(&path, value).unwrap_or_else(|e| panic!("{value} to {}: {e}", path.display()));
    }

    /// `command` as it will start in this cgroup.
    pub(crate) fn enter(&self, command: &mut Command) {
        let files: Vec<PathBuf> = self.directories.iter().map(|directory| directory.join("cgroup.procs")).collect();
        let join = move || files.iter().try_for_each(|file| OpenOptions::new().write(true).open(file)?.write_all(b"0"));
        // SAFETY: it opens and writes files, and takes no lock that another thread may have held.
        unsafe { command.pre_exec(join) };
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for directory in &self.directories {
            // The kernel takes a moment to forget who was in it.
            for _ in 0..100 {
                if fs::remove_dir(directory).is_ok() || !directory.exists() {
                    break;
                }
                sleep(0.02);
            }
        }
    }
}

fn hierarchies() -> Vec<PathBuf> {
    if bed::version() == Version::V2 {
        return vec!["/sys/fs/cgroup".into()];
    }
    let entries = fs::read_dir("/sys/fs/cgroup").expect("/sys/fs/cgroup");
    let paths = entries.map(|entry| entry.expect("an entry"));
    let own = paths.filter(|entry| !entry.file_type().expect("its type").is_symlink());
    let named = own.filter(|entry| !["systemd", "unified"].contains(&&*entry.file_name().to_string_lossy()));
    named.map(|entry| entry.path()).filter(|path| path.join("cgroup.procs").exists()).collect()
}

/// Version 1's cpusets are empty at first; version 2's controllers have to be let through.
fn inherit(directory: &Path) {
    let parent = directory.parent().expect("a parent");
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if bed::version() == Version::V1 && directory.join(file).exists() {
            let inherited = fs::read(parent.join(file)).expect("the parent's");
            fs::write(directory.join(file), inherited).expect("a cpuset");
        }
    }
    if bed::version() == Version::V2 {
        fs::write(directory.join("cgroup.subtree_control"), "+memory +cpu +cpuset +pids").expect("controllers");
    }
}

/// `busy RUNNING BLOCKED`, outside of every container unless `group` says otherwise.
pub(crate) fn busy(running: u32, blocked: u32, group: Option<&Group>) -> Started {
    let mut command = Command::new(bed::programs().join("busy"));
    command.args([running, blocked].map(|count| count.to_string()));
    if let Some(group) = group {
        group.enter(&mut command);
    }
    Started::quietly(&mut command)
}

/// A container that runs a script under the object, with this board.
pub(crate) struct Running {
    process: Started,
    pub(crate) path: String,
    output: PathBuf,
}

impl Running {
    pub(crate) fn start(container: &Container, place: &Place, script: &str, seconds: u32) -> Self {
        let output = place.file(&serial());
        let script = format!("cd {}; export TERM=dumb\n{script}", bed::programs().display());
        let mut command = container.script(&script, Some(&bed::object()), seconds);
        command.env("CGPROC_BOARD", place.board()).stdin(Stdio::null());
        command.stdout(File::create(&output).expect("its output"));
        let process = Started(command.spawn().expect("tests/bed/container"));
        let under = container.under.map_or_else(String::new, |under| format!("{under}/"));
        Self { path: format!("{under}cgproc-test-{}", process.0.id()), process, output }
    }

    /// Waits until its cgroup is there.
    pub(crate) fn key(&self) -> Key {
        let mut key = None;
        until("a container's cgroup", || {
            key = load_key(&self.path);
            key.is_some()
        });
        key.expect("a key")
    }

    /// What it has printed up to now.
    pub(crate) fn text(&self) -> String {
        fs::read_to_string(&self.output).expect("its output")
    }

    /// Waits until it has printed `line`.
    pub(crate) fn said(&self, line: &str) {
        until(line, || self.text().lines().any(|said| said == line));
    }

    /// All that it prints until it ends.
    pub(crate) fn whole(mut self) -> String {
        let status = self.process.0.wait().expect("its status");
        let text = self.text();
        assert!(status.success(), "{status}: {text}");
        text
    }
}

/// The three averages at the beginning of a text, such as `/proc/loadavg`'s.
pub(crate) fn averages(text: &str) -> [f64; 3] {
    let mut words = text.split_whitespace().map(|word| word.parse().unwrap_or_else(|_| panic!("no average: {text:?}")));
    [(); 3].map(|()| words.next().unwrap_or_else(|| panic!("no three averages: {text:?}")))
}

/// The same as text: what tells one state of the file from another.
pub(crate) fn triple(text: &str) -> String {
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// The averages as `/proc/loadavg` has them.
pub(crate) fn shown(load: &Load) -> String {
    load.averages.map(calc::load::hundredths).map(|h| format!("{}.{:02}", h / 100, h % 100)).join(" ")
}

/// The kernel's own, which no object comes between.
pub(crate) fn kernels() -> String {
    triple(&fs::read_to_string("/proc/loadavg").expect("/proc/loadavg"))
}
