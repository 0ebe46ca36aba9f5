//! What the end-to-end tests stand on: the object and the command under test, the compiled programs, real limited
//! containers, and facts about the machine.
#![allow(dead_code, reason = "each test executable uses its own part")]

pub(crate) mod disk;
pub(crate) mod machine;

use machine::Machine;
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

/// The shared object under test: `$CGPROC_OBJECT`, or the one that is packaged.
pub(crate) fn object() -> PathBuf {
    built("CGPROC_OBJECT", "libcgproc.so")
}

/// The command under test: `$CGPROC_COMMAND`, or the one that is packaged.
pub(crate) fn command() -> PathBuf {
    built("CGPROC_COMMAND", "cgproc")
}

/// The same, linked statically, for roots without a C library.
pub(crate) fn static_command() -> PathBuf {
    packaged(THIS_MACHINE, "cgproc-static")
}

fn built(variable: &str, name: &str) -> PathBuf {
    let Some(named) = std::env::var_os(variable) else { return packaged(THIS_MACHINE, name) };
    let path = PathBuf::from(named);
    assert!(path.is_file(), "{variable}={} is missing", path.display());
    path
}

/// Debian's name of this machine.
const THIS_MACHINE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// A file of `packaging/compile`. The tests test the very bytes that are packaged.
pub(crate) fn packaged(machine: &str, name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("built").join(machine).join(name);
    assert!(path.is_file(), "{} is missing: packaging/compile {machine}", path.display());
    path
}

/// A file of the repository. The crate that is built may stand below its top.
pub(crate) fn repository(path: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().find(|directory| directory.join("tests/bed").is_dir()).unwrap_or(own).join(path)
}

/// Where the set-up keeps what it fetched.
pub(crate) fn cache() -> PathBuf {
    std::env::var_os("CGPROC_CACHE").map_or_else(|| "/var/cache/cgproc".into(), PathBuf::from)
}

/// The kernel's cgroup version as far as limits are concerned: a hybrid machine counts as V1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

pub(crate) fn version() -> Version {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() { Version::V2 } else { Version::V1 }
}

/// The machine's own figures, read without the object.
pub(crate) struct Host {
    pub(crate) cpus: usize,
    pub(crate) swap_kib: u64,
    pub(crate) uptime_sec: u64,
    /// User-Mode Linux has its own layout of cpuinfo, and counts all CPU time as system time.
    pub(crate) is_uml: bool,
}

pub(crate) fn host() -> Host {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let uptime = read("/proc/uptime");
    Host {
        cpus: read("/proc/stat").lines().filter(|l| is_cpu_line(l)).count(),
        swap_kib: figure(&read("/proc/meminfo"), "SwapTotal:").expect("SwapTotal"),
        uptime_sec: uptime.split('.').next().and_then(|s| s.parse().ok()).expect("uptime"),
        is_uml: read("/proc/cpuinfo").contains("User Mode Linux"),
    }
}

/// True for `cpu0 ...`, but not for the sum, `cpu  ...`.
pub(crate) fn is_cpu_line(line: &str) -> bool {
    line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The number after `key` at the start of a line.
pub(crate) fn figure(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Prints once which machine these results come from.
pub(crate) fn log_machine() {
    static LOGGED: OnceLock<()> = OnceLock::new();
    LOGGED.get_or_init(|| {
        let uname = sh("uname -srvm");
        let magic = sh("stat -f -c '%T (0x%t)' /sys/fs/cgroup /sys/fs/cgroup/memory 2>/dev/null | tr '\\n' ' '");
        println!("machine: {}", uname.trim());
        println!("cgroups: {:?}, /sys/fs/cgroup is {}", version(), magic.trim());
    });
}

/// The output of a shell command on the machine itself.
pub(crate) fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-c", script]).output().expect("sh");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// How much of the cgroup file system a container shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// The machine's mounts, no cgroup namespace.
    Raw,
    /// Its own cgroup mounted alone, no cgroup namespace: Docker's default on v1.
    Bind,
    /// A cgroup namespace: Docker's default on v2.
    Namespace,
}

/// A container description: each command gets a fresh one, which is removed afterwards.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) memory: &'static str,
    /// Swap allowed beyond the memory, if the machine has swap.
    pub(crate) swap: Option<&'static str>,
    pub(crate) quota_usec: Option<u32>,
    pub(crate) cpus: Option<&'static str>,
    /// Processes and threads.
    pub(crate) pids: Option<u32>,
    /// Ahead of all other work on the machine.
    pub(crate) is_favoured: bool,
    /// The cgroup to make it below, which exists in every hierarchy.
    pub(crate) under: Option<&'static str>,
    pub(crate) view: View,
}

/// 512 MiB and 1.5 CPUs, as Docker would set them up on this kernel.
pub(crate) const PLAIN: Container = Container {
    memory: "512M",
    swap: None,
    quota_usec: Some(150_000),
    cpus: None,
    pids: None,
    is_favoured: false,
    under: None,
    view: View::Namespace,
};

/// What a command printed on both streams, and how it ended.
pub(crate) struct Outcome {
    pub(crate) text: String,
    pub(crate) status: Option<i32>,
}

impl Container {
    /// The container's command line, up to that of the program.
    pub(crate) fn enter(&self) -> Command {
        let mut command = Command::new(repository("tests/bed/container"));
        command.args(["-m", self.memory]);
        if let Some(swap) = self.swap {
            command.args(["-s", swap]);
        }
        if let Some(quota) = self.quota_usec {
            command.args(["-q", &quota.to_string()]);
        }
        if let Some(cpus) = self.cpus {
            command.args(["-c", cpus]);
        }
        if let Some(pids) = self.pids {
            command.args(["-p", &pids.to_string()]);
        }
        if self.is_favoured {
            command.arg("-f");
        }
        if let Some(under) = self.under {
            command.args(["-u", under]);
        }
        command.args([
            "-V",
            match self.view {
                View::Raw => "raw",
                View::Bind => "bind",
                View::Namespace => "ns",
            },
        ]);
        command.arg("--").stdin(Stdio::null()).env_remove("LD_PRELOAD");
        command
    }

    /// Runs a shell script in a new container, under the object if one is given, for at most `seconds`.
    pub(crate) fn run(&self, script: &str, preload: Option<&Path>, seconds: u32) -> Outcome {
        let output = self.script(script, preload, seconds).output().expect("tests/bed/container");
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Outcome { text, status: output.status.code() }
    }

    /// The command that [`Container::run`] runs.
    pub(crate) fn script(&self, script: &str, preload: Option<&Path>, seconds: u32) -> Command {
        let mut command = self.enter();
        // Debian's own programs, even if others come first in the caller's PATH.
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(["env", &format!("PATH=/usr/sbin:/usr/bin:/sbin:/bin:{path}")]);
        if let Some(object) = preload {
            command.arg(format!("LD_PRELOAD={}", object.display()));
        }
        command.args(["timeout", "-k", "2", &seconds.to_string(), "bash", "-c"]);
        command.arg(format!("exec 2>&1\n{script}"));
        command
    }
}

/// Longer than anything should take, however busy the machine: what exceeds it hangs.
pub(crate) const PATIENCE_SEC: u32 = 300;
pub(crate) const PATIENCE: Duration = Duration::from_secs(PATIENCE_SEC as u64);

/// For how many minutes hostile tests play other cases than usual: `CGPROC_FUZZ_MINUTES`.
pub(crate) fn fuzz_minutes() -> Option<u64> {
    let minutes = std::env::var("CGPROC_FUZZ_MINUTES").ok()?;
    Some(minutes.parse().expect("CGPROC_FUZZ_MINUTES is a number"))
}

/// Lets an attacker continue for some seconds, or for as many minutes as requested, and calls `look` each second.
pub(crate) fn endure(mut look: impl FnMut()) {
    const USUAL: Duration = Duration::from_secs(20);
    let begun = Instant::now();
    let whole = fuzz_minutes().map_or(USUAL, |minutes| Duration::from_secs(60 * minutes));
    while begun.elapsed() < whole {
        std::thread::sleep(Duration::from_secs(1));
        look();
    }
}

/// A figure of a process in `/proc/PID/status`, such as `VmHWM:` in KiB.
pub(crate) fn status_figure(pid: i32, key: &str) -> u64 {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    figure(&text, key).unwrap_or_else(|| panic!("{path}: no {key}"))
}

/// How many descriptors a process has open.
pub(crate) fn descriptors(pid: i32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count()
}

/// Waits until the condition holds.
pub(crate) fn until(what: &str, is_so: impl FnMut() -> bool) {
    until_but(what, is_so, String::new);
}

/// The same; if it hangs, `seen` says what was there instead.
pub(crate) fn until_but(what: &str, mut is_so: impl FnMut() -> bool, seen: impl FnOnce() -> String) {
    let (begun, machine) = (Instant::now(), Machine::default());
    while !is_so() {
        if begun.elapsed() > PATIENCE {
            panic!("hangs: {what}: not within {PATIENCE:?}; {}; {machine}", seen());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A script that mounts an overlay over /etc, in its own mount namespace. A copy would not do: others, such as a package
/// manager, may be changing the machine's /etc. Uses /mnt.
pub(crate) const OWN_ETC: &str = "mount -t tmpfs -o mode=755 tmpfs /mnt && mkdir /mnt/upper /mnt/work && \
    mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc";

/// Failures are collected and reported together: one run shows them all.
#[derive(Default)]
pub(crate) struct Findings {
    text: String,
    checked: usize,
    failed: usize,
    machine: Machine,
}

impl Findings {
    /// Records a check, and what was seen if it failed.
    pub(crate) fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.checked += 1;
        if !holds {
            self.failed += 1;
            let _ = writeln!(self.text, "  {}", what());
        }
    }

    /// Fails the test with everything found, or if nothing was checked.
    pub(crate) fn conclude(self, name: &str) {
        println!("{name}: {} checks, {} failed", self.checked, self.failed);
        assert!(self.checked > 0, "{name}: nothing was checked");
        let Self { text, checked, failed, machine } = self;
        assert!(failed == 0, "{name}: {failed} of {checked} checks failed\n{text}  {machine}");
    }
}

/// Records a cell of `docs/reach.md`: what `probe` gave in `runtime`. `tests/run` makes the tables from these lines.
pub(crate) fn note_reach(table: &str, runtime: &str, version: &str, probe: &str, cell: &str) {
    println!("reach|{table}|{runtime}|{version}|{probe}|{cell}");
}

/// The compiled programs' directory, with the plain files of `tests/programs` beside them.
pub(crate) fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
        let output = Command::new(repository("tests/programs/build")).arg(&to).output().expect("tests/programs/build");
        assert!(
            output.status.success(),
            "tests/programs/build {}:\n{}",
            to.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        to
    })
}
