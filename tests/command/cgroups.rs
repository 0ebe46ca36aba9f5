//! The cgroups that `cgproc run` makes: what they contain, and when they go.

use crate::{
    bed,
    bed::{Version, disk::Disk},
    harness::{
        Public, Started, TELL_AND_WAIT, cgproc, directory, err, kill, out, own, printed, read, run, until, waiting,
    },
};
use std::{
    fs,
    fs::File,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

#[test]
fn the_limits_are_in_the_kernels_files() {
    bed::log_machine();
    let options = ["--memory", "256M", "--cpus", "0.5", "--cpuset", "0", "--pids", "50"];
    let (mut program, memberships) = waiting(&options);
    let expected: &[(&str, &str, &str)] = match bed::version() {
        Version::V1 => &[
            ("memory", "memory.limit_in_bytes", "268435456"),
            ("cpu", "cpu.cfs_quota_us", "50000"),
            ("cpu", "cpu.cfs_period_us", "100000"),
            ("cpuset", "cpuset.cpus", "0"),
            ("pids", "pids.max", "50"),
        ],
        Version::V2 => &[
            ("memory", "memory.max", "268435456"),
            ("cpu", "cpu.max", "50000 100000"),
            ("cpuset", "cpuset.cpus.effective", "0"),
            ("pids", "pids.max", "50"),
        ],
    };
    let directories: Vec<PathBuf> = expected.iter().map(|(name, ..)| directory(name, &memberships)).collect();
    for ((_, file, value), directory) in expected.iter().zip(&directories) {
        assert_eq!(read(&directory.join(file)), *value, "{file}");
        assert!(directory.ends_with(format!("cgproc-run-{}", program.pid())), "{}", directory.display());
        assert_eq!(read(&directory.join("cgroup.procs")), program.child().to_string(), "only the program is in it");
    }
    drop(program.0.stdin.take());
    assert_eq!(program.ended().code(), Some(7));
    for directory in directories {
        assert!(!directory.exists(), "{} is left", directory.display());
    }
}

#[test]
fn disks_are_counted_for_the_program_alone() {
    let disk = Disk::new();
    let name = &disk.name;
    // Read before the run, so the machine's figures are not 0.
    bed::sh(&disk.traffic(1, 3));
    let script = format!("grep -w {name} /proc/diskstats; {}\ngrep -w {name} /proc/diskstats", disk.traffic(2, 0));
    for limit in [["--memory", "64M"], ["--cpus", "0.9"], ["--pids", "100"]] {
        let text = printed(&run(&limit, &script));
        let sectors: Vec<(&str, &str)> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .map(|fields| (fields[5], fields[9]))
            .collect();
        assert_eq!(sectors, [("0", "0"), ("0", "4096")], "{limit:?}: {text}");
    }
}

#[test]
fn swap_is_beyond_the_memory() {
    let (_program, memberships) = waiting(&["-m", "64M", "--swap", "32m"]);
    let directory = directory("memory", &memberships);
    match bed::version() {
        Version::V1 => assert_eq!(read(&directory.join("memory.memsw.limit_in_bytes")), (96 << 20).to_string()),
        Version::V2 => assert_eq!(read(&directory.join("memory.swap.max")), (32 << 20).to_string()),
    }
}

#[test]
fn the_program_sees_its_limits() {
    let script = "grep MemTotal /proc/meminfo; nproc; cat /sys/devices/system/cpu/online";
    let text = printed(&run(&["--memory", "256M", "--cpuset", "0"], script));
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["MemTotal:", "262144", "kB", "1", "0"]);
}

#[test]
fn survivors_are_left_running_and_named() {
    let output = run(&["--memory", "64M"], "sleep 600 >/dev/null 2>&1 </dev/null & echo $!");
    assert_eq!(output.status.code(), Some(0));
    let pid: i32 = out(&output).trim().parse().expect("a pid");
    let memberships = read(Path::new(&format!("/proc/{pid}/cgroup")));
    let directory = directory("memory", &memberships);
    let message = err(&output);
    assert!(message.starts_with("cgproc: processes of sh are still running in "), "{message}");
    assert!(message.contains(directory.to_str().expect("UTF-8")) && message.lines().count() == 1, "{message}");
    kill(pid, libc::SIGKILL);
    until("its end", || !Path::new(&format!("/proc/{pid}")).exists());
    let names = message.split(" are still running in ").nth(1).and_then(|rest| rest.split(": ").next()).expect("names");
    names.split(", ").map(Path::new).for_each(age);
    printed(&run(&[], ""));
    for left in names.split(", ") {
        assert!(!Path::new(left).exists(), "the next run leaves {left}");
    }
}

/// Makes a directory a minute old.
fn age(directory: &Path) {
    let long_ago = SystemTime::now() - Duration::from_secs(60);
    File::open(directory).and_then(|it| it.set_modified(long_ago)).expect("its time");
}

#[test]
fn stale_cgroups_are_cleared_and_others_are_not() {
    let mut over = Command::new("true").spawn().expect("true");
    assert!(over.wait().expect("its status").success());
    let mut elsewhere = Command::new("true").spawn().expect("true");
    assert!(elsewhere.wait().expect("its status").success());
    let home = own("memory");
    let make = |name: String| {
        let directory = home.join(name);
        fs::create_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        directory
    };
    let stale = make(format!("cgproc-run-{}", over.id()));
    age(&stale);
    // However slow the machine is, this counts as just made: by a run in another pid namespace, for all we know.
    let young = make(format!("cgproc-run-{}", elsewhere.id()));
    File::open(&young).and_then(|it| it.set_modified(SystemTime::now() + bed::PATIENCE)).expect("its time");
    let of_a_live_one = make(format!("cgproc-run-{}", std::process::id()));
    let foreign = make(format!("cgproc-test-{}", over.id()));
    let output = run(&[], "");
    let left = [&stale, &young, &of_a_live_one, &foreign].map(|directory| fs::remove_dir(directory).is_ok());
    printed(&output);
    assert_eq!(left, [false, true, true, true]);
}

#[test]
fn what_a_run_made_lasts_as_long_as_the_run_in_other_pid_namespaces_too() {
    let script = format!("echo $CGPROC_BOARD; {TELL_AND_WAIT}");
    let arguments = ["run", "--pidns", "-m", "64M", "--", "sh", "-c", &script];
    let mut program = Started::new(cgproc(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()));
    let board = PathBuf::from(program.line());
    let lines: Vec<String> = std::iter::from_fn(|| Some(program.line()).filter(|line| line != ".")).collect();
    let cgroup = directory("memory", &lines.join("\n"));
    // The program has made a cgroup for later. That it is empty, and old, is no sign of its run's end.
    let below = cgroup.join("below");
    fs::create_dir(&below).expect("a cgroup");
    let files = board.parent().expect("a directory");
    let made = [files, &cgroup, &below];
    made.iter().for_each(|it| age(it));
    let nested = || printed(&run(&["--pidns"], &format!("{} run true", bed::command().display())));
    nested();
    assert_eq!(made.map(Path::exists), [true; 3], "{made:?}");
    kill(program.pid(), libc::SIGKILL);
    program.ended();
    drop(program.0.stdin.take());
    until("the program's end", || fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default().is_empty());
    // Other tests' runs may be quicker.
    made.iter().filter(|it| it.exists()).for_each(|it| age(it));
    nested();
    assert_eq!(made.map(Path::exists), [false; 3], "{made:?}");
}

/// A cgroup that belongs to user 65534, containing one to start from.
struct Delegated {
    top: PathBuf,
    start: PathBuf,
}

impl Delegated {
    fn new() -> Self {
        let name = format!("cgproc-test-{}", std::process::id());
        let hand_down = |directory: &Path| {
            if bed::version() == Version::V2 {
                fs::write(directory.join("cgroup.subtree_control"), "+memory").expect("handed down");
            }
        };
        let root = if bed::version() == Version::V2 { "/sys/fs/cgroup".into() } else { own("memory") };
        hand_down(&root);
        let top = root.join(name);
        let start = top.join("start");
        for directory in [&top, &start] {
            fs::create_dir(directory).expect("a cgroup");
            for owned in ["", "cgroup.procs", "cgroup.subtree_control"].map(|file| directory.join(file)) {
                let _ = chown(&owned, Some(65534), Some(65534));
            }
        }
        hand_down(&top);
        Self { top, start }
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        let gone = [&self.start, &self.top].map(fs::remove_dir);
        assert!(gone.iter().all(Result::is_ok) || std::thread::panicking(), "{gone:?}");
    }
}

#[test]
fn a_delegated_cgroup_is_enough() {
    let public = Public::new();
    let delegated = Delegated::new();
    let command = public.unprivileged(&["--memory", "64M"], "cat /proc/self/cgroup; grep MemTotal /proc/meminfo");
    let mut entered = Command::new("sh");
    entered.args(["-c", "echo $$ >$0 && exec \"$@\""]).arg(delegated.start.join("cgroup.procs"));
    entered.arg(command.get_program()).args(command.get_args()).env_remove("CGPROC_OBJECT").env_remove("LD_PRELOAD");
    let text = printed(&entered.output().expect("sh"));
    assert_eq!(bed::figure(&text, "MemTotal:"), Some(65_536), "{text}");
    // On version 2, a cgroup with children cannot hold processes, so the new one is made beside the old one.
    let home = if bed::version() == Version::V2 { &delegated.top } else { &delegated.start };
    let made = directory("memory", &text);
    assert_eq!(made.parent(), Some(home.as_path()));
    assert!(!made.exists());
}

#[test]
fn cgroups_that_the_program_makes_go_too() {
    let (mut program, memberships) = waiting(&["--memory", "64M"]);
    let directory = directory("memory", &memberships);
    fs::create_dir_all(directory.join("a/b")).expect("cgroups below the program's");
    drop(program.0.stdin.take());
    assert_eq!(program.ended().code(), Some(7));
    assert!(!directory.exists());
}

#[test]
fn a_run_within_a_run() {
    let inner = format!("{} run --cpuset 0 --", bed::command().display());
    let script = format!("{inner} sh -c 'nproc; grep MemTotal /proc/meminfo'");
    let text = printed(&run(&["--memory", "256M", "--pids", "100"], &script));
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["1", "MemTotal:", "262144", "kB"]);
}
