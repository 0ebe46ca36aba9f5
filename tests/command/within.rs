//! A run from a cgroup with limits: its program has those limits too, wherever its own cgroup can be made.

use crate::{
    bed,
    bed::Version,
    harness::{Public, directory, err, out, own, printed, read, run},
};
use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A run inside a run with `outer` options.
fn nested(outer: &[&str], inner: &str, script: &str) -> Output {
    run(outer, &format!("{} run {inner} -- sh -c '{script}'", bed::command().display()))
}

#[test]
fn the_outer_memory_is_all_there_is() {
    let outer = ["--memory", "128M", "--swap", "0"];
    // `tail` keeps the whole input, because it has no newline.
    let keeps = |size: &str| format!("head -c {size} /dev/zero | tail -n 1 | wc -c");
    assert_eq!(printed(&nested(&outer, "--cpus 1", &keeps("30M"))).trim(), (30 << 20).to_string());
    let more = nested(&outer, "--cpus 1", &keeps("200M"));
    assert_eq!(String::from_utf8_lossy(&more.stdout).trim(), "0", "{}", err(&more));
}

#[test]
fn every_outer_limit_is_in_the_kernels_files() {
    let outer = ["--memory", "128M", "--cpus", "0.5", "--cpuset", "0", "--pids", "90"];
    let text = printed(&nested(&outer, "--memory 256M --pids 50", "cat /proc/self/cgroup; cat /proc/meminfo; nproc"));
    assert_eq!(bed::figure(&text, "MemTotal:"), Some(128 << 10), "{text}");
    assert!(text.ends_with("\n1\n"), "{text}");
    let script = "d=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup); cd $d; \
                  cat memory.max memory.swap.max cpu.max cpuset.cpus pids.max";
    if bed::version() == Version::V2 {
        let outer = [&outer[..], &["--swap", "16M"]].concat();
        let output = nested(&outer, "--memory 256M --swap 32M --cpus 1 --pids 50", script);
        assert!(err(&output).starts_with("cgproc: --cpus 1: our own cgroup has only 0.5,"), "{}", err(&output));
        let text = out(&output);
        assert_eq!(text.lines().collect::<Vec<_>>(), ["134217728", "16777216", "50000 100000", "0", "50"]);
    }
}

#[test]
fn more_cpu_time_than_there_is_around_is_told() {
    let outer = ["--memory", "128M", "--cpus", "0.5"];
    for limits in ["--cpus 0.7", "--cpus 0.7 --memory 64M"] {
        let output = nested(&outer, limits, &format!("{} explain cpus.quota", bed::command().display()));
        let message = "cgproc: --cpus 0.7: our own cgroup has only 0.5, so the program gets no more; ";
        assert!(err(&output).starts_with(message) && err(&output).lines().count() == 1, "{}", err(&output));
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).starts_with("cpus.quota: 0.50 cpus\n"), "{}", out(&output));
    }
    assert!(printed(&nested(&outer, "--cpus 0.5", "nproc")).starts_with('1'), "as much is no less");
}

/// A memory-limited cgroup of root's, inside one that belongs to user 65534.
struct Limited {
    top: PathBuf,
    start: PathBuf,
}

impl Limited {
    const BYTES: u64 = 96 << 20;

    fn new() -> Self {
        let is_v2 = bed::version() == Version::V2;
        let root = if is_v2 { "/sys/fs/cgroup".into() } else { own("memory") };
        let hand_down = |directory: &Path| {
            if is_v2 {
                fs::write(directory.join("cgroup.subtree_control"), "+memory +pids").expect("handed down");
            }
        };
        hand_down(&root);
        let top = root.join(format!("cgproc-test-within-{}", std::process::id()));
        let start = top.join("start");
        fs::create_dir(&top).expect("a cgroup");
        for owned in ["", "cgroup.procs", "cgroup.subtree_control"] {
            let _ = chown(top.join(owned), Some(65534), Some(65534));
        }
        hand_down(&top);
        fs::create_dir(&start).expect("a cgroup");
        let file = if is_v2 { "memory.high" } else { "memory.limit_in_bytes" };
        fs::write(start.join(file), Self::BYTES.to_string()).expect("a limit");
        Self { top, start }
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let gone = [&self.start, &self.top].map(fs::remove_dir);
        assert!(gone.iter().all(Result::is_ok) || std::thread::panicking(), "{gone:?}");
    }
}

#[test]
fn a_cgroup_that_may_be_made_above_alone_leaves_no_limit() {
    /// Version 1 has no such file.
    const SCRIPT: &str =
        "cat /proc/self/cgroup; cat /sys/fs/cgroup$(sed -n s/0:://p /proc/self/cgroup)/memory.high 2>&1";
    let (public, limited) = (Public::new(), Limited::new());
    let command = public.unprivileged(&["--memory", "128M"], SCRIPT);
    let mut entered = Command::new("sh");
    entered.args(["-c", "echo $$ >$0 && exec \"$@\""]).arg(limited.start.join("cgroup.procs"));
    entered.arg(command.get_program()).args(command.get_args()).env_remove("CGPROC_OBJECT").env_remove("LD_PRELOAD");
    let output = entered.output().expect("sh");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let made = directory("memory", &text);
    match bed::version() {
        Version::V1 => {
            assert_eq!(made, limited.start, "{text}");
            assert!(err(&output).starts_with("cgproc: no right to make a cgroup ("), "{}", err(&output));
        }
        Version::V2 => {
            assert_eq!(made.parent(), Some(limited.top.as_path()), "{text}");
            assert_eq!(text.lines().last(), Some(&*Limited::BYTES.to_string()));
        }
    }
    assert_eq!(read(&limited.start.join("cgroup.procs")), "");
}

/// Version 1 has no such rule.
#[test]
fn a_cgroup_with_processes_gives_no_limits_below_it() {
    if bed::version() == Version::V1 {
        printed(&run(&["--memory", "64M"], ""));
        return;
    }
    let start = Path::new("/sys/fs/cgroup").join(format!("cgproc-test-busy-{}", std::process::id()));
    fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+memory").expect("handed down");
    fs::create_dir(&start).expect("a cgroup");
    let script = "echo $$ >\"$0\"/cgroup.procs && exec unshare --cgroup --mount sh -c \
                  'cd /sys/fs && umount -l cgroup && mount -t cgroup2 cgroup2 cgroup && \
                  exec \"$0\" run --memory 64M -- grep MemTotal /proc/meminfo' \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(&start).arg(bed::command()).env("CGPROC_OBJECT", bed::object());
    let output = command.env_remove("LD_PRELOAD").output().expect("sh");
    fs::remove_dir(&start).expect("removed");
    assert_eq!(bed::figure(&out(&output), "MemTotal:"), Some(65_536), "{}", err(&output));
    let message = err(&output);
    assert!(message.starts_with("cgproc: the cgroup has processes, and version 2 then gives no limits"), "{message}");
    assert!(message.contains("shown, not enforced; move its processes into a cgroup below it first"), "{message}");
}
