//! The declared view, if no cgroup can be made.

use crate::{
    bed,
    harness::{Public, Started, cgproc, err, out, printed, read, tempfile, until},
};
use std::{
    fs,
    fs::File,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

#[test]
fn stale_declared_views_are_cleared_and_others_are_not() {
    let home = tempfile();
    fs::create_dir(&home).expect("a directory");
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).expect("closed");
    let mut over = Command::new("true").spawn().expect("true");
    assert!(over.wait().expect("its status").success());
    let make = |number: u32, written: SystemTime| {
        let directory = home.join(format!("cgproc-run-{number}"));
        fs::create_dir(&directory).expect("a directory");
        fs::write(directory.join("memory.max"), "max\n").expect("written");
        File::open(&directory).and_then(|it| it.set_modified(written)).expect("its time");
        directory
    };
    let long_ago = SystemTime::now() - Duration::from_secs(60);
    let stale = make(over.id(), long_ago);
    let of_a_live_one = make(std::process::id(), long_ago);
    let output = cgproc(&["run", "true"]).env("XDG_RUNTIME_DIR", &home).output().expect("cgproc");
    let left = [&stale, &of_a_live_one].map(|directory| directory.exists());
    // Its writer may be in another pid namespace. However slow the machine is, this counts as just written.
    let written_just_now = make(over.id(), SystemTime::now() + bed::PATIENCE);
    let second = cgproc(&["run", "true"]).env("XDG_RUNTIME_DIR", &home).output().expect("cgproc");
    let kept = written_just_now.exists();
    fs::remove_dir_all(&home).expect("removed");
    printed(&output);
    printed(&second);
    assert_eq!((left, kept), ([false, true], true));
}

#[test]
fn read_only_cgroups_make_it_a_declared_view_for_root_too() {
    let script = "for d in $(sed -n 's/^[^ ]* \\([^ ]*\\) cgroup.*/\\1/p' /proc/mounts); do mount -o remount,bind,ro $d; done; \
                  exec \"$0\" run --memory 256M -- sh -c 'stat -c %a $CGPROC_CGROUP; grep MemTotal /proc/meminfo; \
                  setpriv --reuid 65534 --regid 65534 --clear-groups grep MemTotal /proc/meminfo'";
    let public = Public::new();
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script]).arg(public.0.join("cgproc"));
    command.env_remove("CGPROC_OBJECT").env_remove("LD_PRELOAD").env_remove("XDG_RUNTIME_DIR");
    let output = command.output().expect("unshare");
    assert!(output.status.success(), "{}", err(&output));
    let message = err(&output);
    assert!(
        message.contains("Read-only file system): the limits are shown, not enforced; cgroups are mounted"),
        "{message}"
    );
    let figures: Vec<_> = out(&output).split_whitespace().map(str::to_owned).collect();
    assert_eq!(figures, ["755", "MemTotal:", "262144", "kB", "MemTotal:", "262144", "kB"]);
}

#[test]
fn without_the_right_the_limits_are_declared() {
    let public = Public::new();
    let script = "echo $CGPROC_CGROUP; stat -c %a $CGPROC_CGROUP; cat $CGPROC_CGROUP/memory.max \
                  $CGPROC_CGROUP/memory.swap.max $CGPROC_CGROUP/cpu.max $CGPROC_CGROUP/pids.max; \
                  grep MemTotal /proc/meminfo; nproc; cut -d. -f1 /proc/uptime; exit 3";
    let options = ["--memory", "256M", "--swap", "0", "--cpus", "0.5", "--pids", "50"];
    let output = public.unprivileged(&options, script).output().expect("setpriv");
    assert_eq!(output.status.code(), Some(3));
    let message = err(&output);
    assert!(message.starts_with("cgproc: no right to make a cgroup (/sys/fs/cgroup"), "{message}");
    assert!(message.contains("shown, not enforced") && message.lines().count() == 1, "{message}");
    let text = out(&output);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1..6], ["700", "268435456", "0", "50000 100000", "50"]);
    assert_eq!(lines[6].split_whitespace().nth(1), Some("262144"));
    assert_eq!(lines[7], "1");
    assert!(lines[8].parse::<u64>().expect("seconds") < bed::host().uptime_sec, "the uptime is the program's");
    assert!(!Path::new(lines[0]).exists(), "{} is left", lines[0]);
}

#[test]
fn a_declared_view_is_never_more_than_the_own() {
    bed::log_machine();
    let public = Public::new();
    let script = format!(
        "setpriv --reuid 65534 --regid 65534 --clear-groups {}/cgproc run --memory 4G --cpus 64 -- \
         sh -c 'grep MemTotal /proc/meminfo; nproc' 2>/dev/null",
        public.0.display()
    );
    let text = bed::PLAIN.run(&script, None, bed::PATIENCE_SEC).text;
    let expected = [String::from("MemTotal:"), "524288".into(), "kB".into(), bed::host().cpus.min(2).to_string()];
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), expected, "of 512 MiB and 1.5 CPUs");
}

#[test]
fn the_first_process_of_a_pid_namespace_does_not_count_but_orphans_do() {
    let public = Public::new();
    let script = "echo $CGPROC_CGROUP; sh -c 'sleep 600 <&- >&- 2>&- &'; echo left; read x";
    let mut command = public.unprivileged(&["--pidns", "--memory", "1G"], script);
    let mut program = Started::new(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()));
    let processes = Path::new(&program.line()).join("cgroup.procs");
    assert_eq!(program.line(), "left");
    let name = |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_else(|_| "gone".into());
    let names = || {
        let text = fs::read_to_string(&processes).expect("the list of processes");
        let mut names: Vec<_> = text.lines().map(|pid| name(pid).trim().to_owned()).collect();
        names.sort_unstable();
        names
    };
    until("the shell and the orphan alone", || names() == ["sh", "sleep"]);
    drop(program.0.stdin.take());
    program.ended();
}

#[test]
fn a_declared_view_follows_the_programs_processes() {
    let public = Public::new();
    // CPU time of a child that has ended still counts, memory that was given back does not, and orphans belong to the
    // program.
    let script = "t() { sed -n 's/usage_usec //p' $CGPROC_CGROUP/cpu.stat; }; \
                  m() { cat $CGPROC_CGROUP/memory.current; }; \
                  until [ $(t) -gt 300000 ]; do sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'; done; echo used; \
                  (sh -c 'x=$(head -c 60000000 /dev/zero | tr \"\\0\" x); sleep 600' & echo $!); \
                  until [ $(m) -gt 60000000 ]; do sleep 0.1; done; echo grown; read pid; kill $pid; \
                  until [ $(m) -lt 60000000 ]; do sleep 0.1; done; echo shrunk";
    let mut command = public.unprivileged(&["--memory", "1G"], script);
    let mut program = Started::new(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()));
    assert_eq!(program.line(), "used");
    let orphan = program.line();
    assert_eq!(program.line(), "grown");
    let orphan_stat = read(Path::new(&format!("/proc/{orphan}/status")));
    assert!(orphan_stat.contains(&format!("PPid:\t{}\n", program.pid())), "the command takes orphans in");
    let mut stdin = program.0.stdin.take().expect("a pipe");
    stdin.write_all(format!("{orphan}\n").as_bytes()).expect("written");
    assert_eq!(program.line(), "shrunk");
    assert!(program.ended().success());
}

#[test]
fn a_declared_views_age_has_a_source() {
    let public = Public::new();
    let script = format!("{}/cgproc explain uptime", public.0.display());
    let text = out(&public.unprivileged(&["--memory", "64M"], &script).output().expect("setpriv"));
    assert!(text.contains("\n  read     ") && text.contains("/cgproc.began  "), "{text}");
}

#[test]
fn a_declared_list_of_cpus_must_be_allowed() {
    let public = Public::new();
    let output = public.unprivileged(&["--cpuset", "2000"], "echo ran").output().expect("setpriv");
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(125), ""));
    assert!(err(&output).contains("--cpuset 2000: the CPUs here are "), "{}", err(&output));
}
