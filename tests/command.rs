//! The command itself, on the machine's real cgroups: limits, statuses, signals, terminals, and what it leaves behind.
//! Needs root, as the other end-to-end tests do.

mod bed;

use bed::Version;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, SystemTime};

/// `cgproc` with `arguments`, in an environment without anything of ours but the object.
fn cgproc(arguments: &[&str]) -> Command {
    let mut command = Command::new(bed::command());
    command.args(arguments).env("CGPROC_OBJECT", bed::object()).env_remove("LD_PRELOAD").stdin(Stdio::null());
    command
}

/// `cgproc run OPTIONS -- sh -c SCRIPT`, to its end.
fn run(options: &[&str], script: &str) -> Output {
    cgproc(&[&["run"], options, &["--", "sh", "-c", script]].concat()).output().expect("cgproc")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a run that has to succeed and has nothing to complain of prints.
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{:?}: {}", output.status, err(output));
    assert_eq!(err(output), "");
    out(output)
}

/// The directory of `controller`'s cgroup in the text of a `/proc/PID/cgroup`.
fn directory(controller: &str, memberships: &str) -> PathBuf {
    let lines = memberships.lines().filter_map(|line| line.splitn(3, ':').skip(1).collect::<Vec<_>>().try_into().ok());
    let mut lines = lines.map(|[names, path]: [&str; 2]| (names, path));
    match bed::version() {
        Version::V2 => {
            let (_, path) = lines.find(|(names, _)| names.is_empty()).expect("a line of version 2");
            Path::new("/sys/fs/cgroup").join(&path[1..])
        }
        Version::V1 => {
            let has = |names: &str| names.split(',').any(|name| name == controller);
            let (names, path) = lines.find(|(names, _)| has(names)).expect(controller);
            let mounts = [names, controller].map(|name| Path::new("/sys/fs/cgroup").join(name));
            let mount = mounts.into_iter().find(|mount| mount.join("cgroup.procs").exists()).expect("a mount");
            mount.join(&path[1..])
        }
    }
}

/// The cgroup directory of this test in `controller`'s hierarchy.
fn own(controller: &str) -> PathBuf {
    directory(controller, &fs::read_to_string("/proc/self/cgroup").expect("/proc/self/cgroup"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).trim().to_owned()
}

/// A process of a test, killed and buried with it.
struct Started(Child);

impl Started {
    fn new(command: &mut Command) -> Self {
        Self(command.spawn().expect("cgproc"))
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).expect("a pid")
    }

    /// Waits until the program has printed a line.
    fn line(&mut self) -> String {
        let mut line = String::new();
        // One byte at a time: what follows is for the next reader.
        let mut byte = [0];
        while self.0.stdout.as_mut().expect("a pipe").read(&mut byte).expect("a line") == 1 && byte[0] != b'\n' {
            line.push(byte[0].into());
        }
        line
    }

    /// The one child of the command: the program.
    fn child(&self) -> i32 {
        let parent = format!("PPid:\t{}\n", self.pid());
        let numbers =
            fs::read_dir("/proc").expect("/proc").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let is_child =
            |pid: &i32| fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|text| text.contains(&parent));
        let children: Vec<i32> = numbers.filter_map(|name| name.parse().ok()).filter(is_child).collect();
        assert_eq!(children.len(), 1, "children of the command");
        children[0]
    }

    fn ended(&mut self) -> ExitStatus {
        self.0.wait().expect("its status")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn kill(pid: i32, signal: i32) {
    // SAFETY: a signal to a process, or its group, that the test has started and not waited for.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0, "kill {pid} {signal}");
}

/// Waits until `pid` has stopped or ended, and returns the raw status.
fn changed(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, libc::WUNTRACED) }, pid);
    status
}

/// A script that tells its cgroups and then waits for its input to end.
const TELL_AND_WAIT: &str = "cat /proc/self/cgroup; echo .; read x; exit 7";

/// A program under `options` that waits, and the text of its `/proc/self/cgroup`.
fn waiting(options: &[&str]) -> (Started, String) {
    let arguments = [&["run"], options, &["sh", "-c", TELL_AND_WAIT]].concat();
    let mut program = Started::new(cgproc(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()));
    let lines: Vec<String> = std::iter::from_fn(|| Some(program.line()).filter(|line| line != ".")).collect();
    (program, lines.join("\n"))
}

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
fn the_programs_status_is_the_commands() {
    for code in [0, 1, 3, 125, 255] {
        assert_eq!(run(&["--memory", "64M"], &format!("exit {code}")).status.code(), Some(code));
    }
    for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGSEGV, libc::SIGPIPE, libc::SIGRTMIN() + 2] {
        let status = run(&["--memory", "64M"], &format!("kill -{signal} $$")).status;
        assert_eq!(status.signal(), Some(signal), "{status:?}");
        assert!(!status.core_dumped());
    }
}

#[test]
fn programs_that_cannot_be_run() {
    let plain = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let cases = [
        ("no-such-program-anywhere", 127, "cgproc: cannot run no-such-program-anywhere: No such file or directory\n"),
        (plain.to_str().expect("UTF-8"), 126, "Permission denied\n"),
        ("/", 126, "cgproc: cannot run /: Permission denied\n"),
    ];
    for (program, code, message) in cases {
        for options in [&[][..], &["--memory", "64M"]] {
            let output = cgproc(&[&["run"], options, &["--", program]].concat()).output().expect("cgproc");
            assert_eq!((output.status.code(), out(&output).as_str()), (Some(code), ""), "{program}");
            assert!(err(&output).ends_with(message), "{}", err(&output));
        }
    }
}

#[test]
fn bad_input_is_named() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage: cgproc"),
        (&["fly"], "unrecognized subcommand 'fly'"),
        (&["run"], "<PROG>"),
        (&["run", "--bogus", "true"], "unexpected argument '--bogus'"),
        (&["run", "--memory", "lots", "true"], "'lots' for '--memory <SIZE>'"),
        (&["run", "--memory", "0", "true"], "must be more than 0"),
        (&["run", "--memory", "12Q", "true"], "powers of 1024"),
        (&["run", "--swap", "1G", "true"], "--memory <SIZE>"),
        (&["run", "--cpus", "0", "true"], "'0' for '--cpus <N>'"),
        (&["run", "--cpus", "-1", "true"], "unexpected argument '-1'"),
        (&["run", "--cpus=-1", "true"], "'-1' for '--cpus <N>'"),
        (&["run", "--cpuset", "1-", "true"], "'1-' for '--cpuset <LIST>'"),
        (&["run", "--pids", "0", "true"], "'0' for '--pids <N>'"),
        (&["run", "--memory", "1G", "--cgroup", "/x", "true"], "cannot be used with"),
        (&["run", "--pids", "9", "--pid", "1", "true"], "cannot be used with"),
        (&["run", "--cgroup", "/x", "--pid", "1", "true"], "cannot be used with"),
        (&["run", "--cgroup", "/no/such/cgroup", "true"], "no cgroup /no/such/cgroup in sight"),
        (&["run", "--cgroup", "/usr", "true"], "/usr is a directory, but not of a cgroup"),
        (&["run", "--pid", "4194305", "true"], "no process 4194305"),
        (&["show"], "<FILE>"),
        (&["show", "memory"], "no answer for memory; there is one for /proc/meminfo, /proc/swaps,"),
        (&["show", "--pid", "4194305", "meminfo"], "no process 4194305"),
    ];
    for (arguments, message) in cases {
        let output = cgproc(arguments).output().expect("cgproc");
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(125), ""), "{arguments:?}");
        assert!(err(&output).contains(message), "{arguments:?}: {}", err(&output));
    }
}

#[test]
fn garbage_in_the_environment_is_named() {
    let garbage = [
        ("CGPROC", "maybe"),
        ("CGPROC_CPUS", "many"),
        ("CGPROC_MEMORY", "much"),
        ("CGPROC_CGROUP", "relative"),
        ("CGPROC_UPTIME", "guest"),
        ("CGPROC_AFFINITY", "0-3"),
        ("CGPROC_FILES", "meminfo,loadavg"),
        ("CGPROC_OBJECT", "/no/such/object.so"),
        ("CGPROC_OBJECT", "/usr"),
    ];
    for (name, value) in garbage {
        let output = cgproc(&["run", "true"]).env(name, value).output().expect("cgproc");
        assert_eq!(output.status.code(), Some(125), "{name}={value}");
        let message = err(&output);
        assert!(message.contains(name) && message.contains(value) && message.lines().count() == 1, "{message}");
    }
}

#[test]
fn a_limit_that_the_kernel_refuses_is_named() {
    let file = match bed::version() {
        Version::V1 => "cpu.cfs_quota_us",
        Version::V2 => "cpu.max",
    };
    let output = run(&["--cpus", "0.001"], "echo ran");
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(125), ""));
    let message = err(&output);
    assert!(message.starts_with("cgproc: the kernel refuses \"100"), "{message}");
    assert!(message.contains(file) && message.ends_with(": Invalid argument\n"), "{message}");

    let output = run(&["--memory", "64M", "--cpuset", "2000"], "echo ran");
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(125), ""));
    assert!(err(&output).contains("2000") && err(&output).contains("cpuset.cpus"), "{}", err(&output));
}

#[test]
fn the_program_is_started_as_if_alone() {
    // Descriptors, signals, environment, limits and the place among the processes, but for the process's own numbers.
    let script = "cat; for f in /proc/self/fd/*; do echo $f; done; grep -E '^(Sig[BCI]|ShdPnd|Umask|Cpus_allowed:)' \
                  /proc/self/status; env | grep -vE '^(LD_PRELOAD|CGPROC|_)'; ulimit -a; ps -o pgid=,sid=,tty=,ni= -p $$; \
                  echo $0 $1 \"$2\"";
    let told = |mut command: Command| {
        command.args(["sh", "-c", script, "zeroth", "first", "se cond"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.env("Z", "1").env("A", "a=b\u{e9}").env("CGPROC_OBJECT", bed::object()).process_group(0);
        let mut program = Started::new(&mut command);
        let pid = program.pid();
        program.0.stdin.take().expect("a pipe").write_all(b"input\n").expect("written");
        let mut text = String::new();
        program.0.stdout.take().expect("a pipe").read_to_string(&mut text).expect("text");
        assert!(program.ended().success());
        text.replace(&pid.to_string(), "GROUP")
    };
    let alone = told(Command::new("env"));
    assert!(alone.starts_with("input\n") && alone.contains("SigBlk"), "{alone}");
    let under_the_command = told(cgproc(&["run", "--memory", "1G", "--"]));
    assert_eq!(under_the_command.lines().count(), alone.lines().count(), "{under_the_command}");
    for (with, without) in under_the_command.lines().zip(alone.lines()) {
        assert_eq!(with, without);
    }
}

#[test]
fn signal_dispositions_and_closed_descriptors_are_passed_on() {
    for shell in ["trap '' PIPE CHLD HUP", "trap - PIPE", "exec <&-", "exec >&-", "exec <&- 2>&-"] {
        let told = |prefix: &str| {
            let file = tempfile();
            let script = format!(
                "{shell}; exec {prefix} sh -c 'grep ^Sig[BI] /proc/self/status >{0}; ls /proc/$$/fd >>{0}'",
                file.display()
            );
            let status = Command::new("sh").args(["-c", &script]).env("CGPROC_OBJECT", bed::object()).status();
            assert!(status.expect("sh").success(), "{script}");
            let text = read(&file);
            fs::remove_file(&file).expect("removed");
            text
        };
        let alone = told("env");
        assert!(alone.contains("SigIgn"), "{alone}");
        assert_eq!(told(&format!("{} run --memory 1G", bed::command().display())), alone, "after {shell}");
    }
}

/// A name for a file that nobody else has.
fn tempfile() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("cgproc-test-{}-{number}", std::process::id()))
}

#[test]
fn what_is_sent_to_the_command_reaches_the_program() {
    let script = "trap 'echo got; exit 9' TERM HUP USR1 INT; echo ready; while :; do sleep 0.02; done";
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, libc::SIGINT] {
        let mut program = Started::new(cgproc(&["run", "-m", "64M", "sh", "-c", script]).stdout(Stdio::piped()));
        assert_eq!(program.line(), "ready");
        kill(program.pid(), signal);
        assert_eq!(program.line(), "got", "signal {signal}");
        assert_eq!(program.ended().code(), Some(9));
    }
}

#[test]
fn a_program_that_signals_its_group_hears_it_once() {
    let script = "trap 'n=$((n+1))' USR1; kill -USR1 0; sleep 0.2; sleep 0.2; echo $n";
    let output = cgproc(&["run", "-m", "64M", "sh", "-c", script]).process_group(0).output().expect("cgproc");
    assert_eq!(printed(&output), "1\n");
}

#[test]
fn a_timer_set_before_reaches_the_program() {
    let script = "alarm 1; exec @ARGV or die";
    let mut command = Command::new("perl");
    command.args(["-e", script, "--"]).arg(bed::command()).args(["run", "-m", "64M", "sleep", "60"]);
    let status = command.env("CGPROC_OBJECT", bed::object()).status().expect("perl");
    assert_eq!(status.signal(), Some(libc::SIGALRM));
}

#[test]
fn it_stops_and_goes_on_with_the_program() {
    let script = "echo ready; read x; exit 7";
    let mut command = cgproc(&["run", "-m", "64M", "sh", "-c", script]);
    let mut program = Started::new(command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0));
    assert_eq!(program.line(), "ready");
    for (target, signal) in [(program.child(), libc::SIGSTOP), (-program.pid(), libc::SIGTSTP)] {
        kill(target, signal);
        let status = changed(program.pid());
        assert!(libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == signal, "{status:#x}");
        // To the command alone: it has to see to the program itself.
        kill(program.pid(), libc::SIGCONT);
    }
    drop(program.0.stdin.take());
    assert_eq!(program.ended().code(), Some(7));
}

/// A pseudo-terminal, and a shell with job control in its foreground that runs `script`.
struct Terminal {
    screen: BufReader<File>,
    shell: Started,
}

impl Terminal {
    fn new(script: &str) -> Self {
        let open = |path: &str| File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).open(path);
        let master = open("/dev/ptmx").expect("/dev/ptmx");
        let (mut number, unlocked): (i32, i32) = (0, 0);
        // SAFETY: both requests take a pointer to an int, which outlives the call.
        let made = unsafe {
            libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number) == 0
                && libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) == 0
        };
        assert!(made, "a pseudo-terminal");
        let slave = open(&format!("/dev/pts/{number}")).expect("its other end");
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("CGPROC_OBJECT", bed::object()).env_remove("LD_PRELOAD");
        command.stdout(slave.try_clone().expect("a copy")).stderr(slave.try_clone().expect("a copy")).stdin(slave);
        let lead = || {
            // SAFETY: both are system calls; standard input is the terminal.
            let leads = unsafe { libc::setsid() != -1 && libc::ioctl(0, libc::TIOCSCTTY, 0) != -1 };
            if leads { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        };
        // SAFETY: the closure makes system calls only.
        unsafe { command.pre_exec(lead) };
        Self { screen: BufReader::new(master), shell: Started::new(&mut command) }
    }

    fn types(&mut self, text: &str) {
        self.screen.get_mut().write_all(text.as_bytes()).expect("typed");
    }

    /// Reads the screen up to a line that ends in `text`.
    fn shows(&mut self, text: &str) {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            let read = self.screen.read_line(&mut line);
            assert!(read.is_ok_and(|read| read > 0), "{text:?} did not come after\n{all}");
            all.push_str(&line);
            if line.trim_end().ends_with(text) {
                return;
            }
        }
    }
}

/// The program alone and under the command: the shell must not see a difference.
fn alone_and_under_the_command(test: impl Fn(&str)) {
    test("env");
    test(&format!("{} run --memory 64M --", bed::command().display()));
}

#[test]
fn an_interrupt_from_the_terminal() {
    alone_and_under_the_command(|prefix| {
        let script = format!("trap : INT; {prefix} sh -c 'echo ready; while :; do sleep 0.02; done'; echo status $?");
        let mut terminal = Terminal::new(&script);
        terminal.shows("ready");
        terminal.types("\x03");
        terminal.shows("status 130");
        let script = format!("trap : INT; {prefix} sh -c 'trap \"exit 9\" INT; echo ready; read x'; echo status $?");
        let mut terminal = Terminal::new(&script);
        terminal.shows("ready");
        terminal.types("\x03");
        terminal.shows("status 9");
    });
}

#[test]
fn stopped_from_the_terminal_and_brought_back() {
    alone_and_under_the_command(|prefix| {
        let script = format!(
            "set -m; {prefix} sh -c 'echo ready; read x; echo \"read $x\"; exit 7'; echo status $?; fg; echo status $?"
        );
        let mut terminal = Terminal::new(&script);
        terminal.shows("ready");
        terminal.types("\x1a");
        terminal.shows("status 148");
        terminal.types("word\n");
        terminal.shows("read word");
        terminal.shows("status 7");
        assert!(terminal.shell.ended().success());
    });
}

#[test]
fn survivors_are_left_running_and_named() {
    let output = run(&["--memory", "64M"], "sleep 60 >/dev/null 2>&1 </dev/null & echo $!");
    assert_eq!(output.status.code(), Some(0));
    let pid: i32 = out(&output).trim().parse().expect("a pid");
    let memberships = read(Path::new(&format!("/proc/{pid}/cgroup")));
    let directory = directory("memory", &memberships);
    let message = err(&output);
    assert!(message.starts_with("cgproc: processes of sh still run in "), "{message}");
    assert!(message.contains(directory.to_str().expect("UTF-8")) && message.lines().count() == 1, "{message}");
    kill(pid, libc::SIGKILL);
    while Path::new(&format!("/proc/{pid}")).exists() {
        std::thread::yield_now();
    }
    printed(&run(&[], ""));
    assert!(!directory.exists(), "the next run leaves {}", directory.display());
}

#[test]
fn stale_cgroups_are_cleared_and_others_are_not() {
    let mut over = Command::new("true").spawn().expect("true");
    assert!(over.wait().expect("its status").success());
    let home = own("memory");
    let make = |name: String| {
        let directory = home.join(name);
        fs::create_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        directory
    };
    let stale = make(format!("cgproc-run-{}", over.id()));
    let of_a_live_one = make(format!("cgproc-run-{}", std::process::id()));
    let foreign = make(format!("cgproc-test-{}", over.id()));
    let output = run(&[], "");
    let left = [&stale, &of_a_live_one, &foreign].map(|directory| fs::remove_dir(directory).is_ok());
    printed(&output);
    assert_eq!(left, [false, true, true]);
}

#[test]
fn stale_declared_views_are_cleared_and_others_are_not() {
    let home = tempfile();
    fs::create_dir(&home).expect("a directory");
    let mut over = Command::new("true").spawn().expect("true");
    assert!(over.wait().expect("its status").success());
    let make = |number: u32, age_sec: u64| {
        let directory = home.join(format!("cgproc-run-{number}"));
        fs::create_dir(&directory).expect("a directory");
        fs::write(directory.join("memory.max"), "max\n").expect("written");
        let then = SystemTime::now() - Duration::from_secs(age_sec);
        File::open(&directory).and_then(|it| it.set_modified(then)).expect("made old");
        directory
    };
    let stale = make(over.id(), 60);
    let of_a_live_one = make(std::process::id(), 60);
    let output = cgproc(&["run", "true"]).env("XDG_RUNTIME_DIR", &home).output().expect("cgproc");
    let left = [&stale, &of_a_live_one].map(|directory| directory.exists());
    // Whoever writes it may be in another pid namespace.
    let written_just_now = make(over.id(), 0);
    let second = cgproc(&["run", "true"]).env("XDG_RUNTIME_DIR", &home).output().expect("cgproc");
    let kept = written_just_now.exists();
    fs::remove_dir_all(&home).expect("removed");
    printed(&output);
    printed(&second);
    assert_eq!((left, kept), ([false, true], true));
}

/// A cgroup that belongs to user 65534, with a cgroup in it to start from.
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
    // Version 2 knows no processes in a cgroup with children, so there the new one is beside.
    let home = if bed::version() == Version::V2 { &delegated.top } else { &delegated.start };
    let made = directory("memory", &text);
    assert_eq!(made.parent(), Some(home.as_path()));
    assert!(!made.exists());
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
    assert!(err(&output).contains("Read-only file system): the limits are shown, not enforced"), "{}", err(&output));
    let figures: Vec<_> = out(&output).split_whitespace().map(str::to_owned).collect();
    assert_eq!(figures, ["755", "MemTotal:", "262144", "kB", "MemTotal:", "262144", "kB"]);
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
    // Version 2 knows no processes in a cgroup with children: there the inner cgroup is beside the outer one.
    let memory =
        if bed::version() == Version::V1 { "262144" } else { text.split_whitespace().nth(2).expect("a figure") };
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["1", "MemTotal:", memory, "kB"]);
}

/// Copies of the command and the object where every user can read them.
struct Public(PathBuf);

impl Public {
    fn new() -> Self {
        let directory = tempfile();
        fs::create_dir(&directory).expect("a directory");
        for (from, name) in [(bed::command(), "cgproc"), (bed::object(), "libcgproc.so")] {
            fs::copy(from, directory.join(name)).expect("copied");
            fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o755)).expect("made readable");
        }
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("made readable");
        Self(directory)
    }

    /// The command without any right, and the object beside it.
    fn unprivileged(&self, options: &[&str], script: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]);
        command.arg(self.0.join("cgproc")).arg("run").args(options).args(["--", "sh", "-c", script]);
        command.env_remove("CGPROC_OBJECT").env_remove("XDG_RUNTIME_DIR").env_remove("LD_PRELOAD").stdin(Stdio::null());
        command
    }
}

impl Drop for Public {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
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
fn a_declared_view_follows_the_programs_processes() {
    let public = Public::new();
    // Time of a child that has ended counts, memory that is given back does not; an orphan is still the program's.
    let script = "t() { sed -n 's/usage_usec //p' $CGPROC_CGROUP/cpu.stat; }; \
                  m() { cat $CGPROC_CGROUP/memory.current; }; \
                  until [ $(t) -gt 300000 ]; do sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'; done; echo used; \
                  (sh -c 'x=$(head -c 60000000 /dev/zero | tr \"\\0\" x); sleep 60' & echo $!); \
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
fn a_declared_list_of_cpus_must_be_allowed() {
    let public = Public::new();
    let output = public.unprivileged(&["--cpuset", "2000"], "echo ran").output().expect("setpriv");
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(125), ""));
    assert!(err(&output).contains("not all CPUs of 2000 are allowed here"), "{}", err(&output));
}

/// Names that are the same in both texts; the figures of a running system are not.
fn shape(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.chars().filter(|c| !c.is_ascii_digit()).collect::<String>().split_whitespace().collect())
        .collect()
}

#[test]
fn show_prints_what_a_program_reads() {
    const FILES: [&str; 7] = [
        "/proc/meminfo",
        "/proc/swaps",
        "/proc/stat",
        "/proc/cpuinfo",
        "/proc/uptime",
        "/sys/devices/system/cpu/online",
        "/sys/devices/system/cpu/present",
    ];
    let options = ["--memory", "256M", "--swap", "0", "--cpuset", "0", "--cpus", "0.5"];
    for file in FILES {
        let script = format!("cat {file}; echo =; {} show {file}", bed::command().display());
        let text = printed(&run(&options, &script));
        let (read, shown) = text.split_once("=\n").expect("two texts");
        assert!(!read.is_empty(), "{file}");
        assert_eq!(shape(read), shape(shown), "{file}");
        if file.starts_with("/sys") || file == "/proc/swaps" {
            assert_eq!(read, shown, "{file}");
        }
    }
    let script = format!("{} show meminfo", bed::command().display());
    assert_eq!(bed::figure(&printed(&run(&options, &script)), "MemTotal:"), Some(262_144));
}

#[test]
fn show_says_why_it_is_the_kernels_text() {
    let output = cgproc(&["show", "-v", "meminfo"]).env("CGPROC", "off").output().expect("cgproc");
    assert_eq!(err(&output), "cgproc: /proc/meminfo: the kernel's own text: CGPROC=off\n");
    let kernels = fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    assert_eq!(bed::figure(&out(&output), "MemTotal:"), bed::figure(&kernels, "MemTotal:"));
    let silent = cgproc(&["show", "meminfo"]).env("CGPROC", "off").output().expect("cgproc");
    assert_eq!(err(&silent), "");
}

#[test]
fn the_view_of_another_container() {
    let (other, memberships) = waiting(&["--memory", "256M"]);
    let pid = other.child().to_string();
    let directory = directory("memory", &memberships);
    let total = "grep MemTotal /proc/meminfo";
    for options in [["--pid", pid.as_str()], ["--cgroup", directory.to_str().expect("UTF-8")]] {
        let text = printed(&run(&options, total));
        assert_eq!(bed::figure(&text, "MemTotal:"), Some(262_144), "{options:?}");
        let shown = printed(&cgproc(&[&["show", "meminfo"], options.as_slice()].concat()).output().expect("cgproc"));
        assert_eq!(bed::figure(&shown, "MemTotal:"), Some(262_144), "{options:?}");
    }
}

#[test]
fn help_manual_and_completions() {
    for arguments in [&["--help"][..], &["run", "--help"], &["--version"], &["man", "run"], &["completions", "bash"]] {
        let output = cgproc(arguments).output().expect("cgproc");
        assert!(output.status.success() && err(&output).is_empty(), "{arguments:?}");
        assert!(out(&output).contains("cgproc"), "{arguments:?}");
    }
}
