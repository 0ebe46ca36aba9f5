//! What the tests of the command start and inspect.

pub(crate) use crate::bed::until;
use crate::{bed, bed::Version};
use std::{
    fs,
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
};

/// `cgproc` with `arguments`; the object is the only thing of ours in its environment.
pub(crate) fn cgproc(arguments: &[&str]) -> Command {
    let mut command = Command::new(bed::command());
    command.args(arguments).env("CGPROC_OBJECT", bed::object()).env_remove("LD_PRELOAD").stdin(Stdio::null());
    let (name, value) = mark();
    command.env(name, value);
    command
}

/// A variable that distinguishes this test's processes from all others on the machine.
pub(crate) fn mark() -> (&'static str, String) {
    ("_TEST_THAT_STARTED_IT", format!("{} {:?}", std::process::id(), std::thread::current().id()))
}

/// Runs `cgproc run OPTIONS -- sh -c SCRIPT` to its end.
pub(crate) fn run(options: &[&str], script: &str) -> Output {
    cgproc(&[&["run"], options, &["--", "sh", "-c", script]].concat()).output().expect("cgproc")
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The output of a run that must succeed and report nothing.
pub(crate) fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{:?}: {}", output.status, err(output));
    assert_eq!(err(output), "");
    out(output)
}

/// The directory of `controller`'s cgroup, given the text of a `/proc/PID/cgroup`.
pub(crate) fn directory(controller: &str, memberships: &str) -> PathBuf {
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
pub(crate) fn own(controller: &str) -> PathBuf {
    directory(controller, &fs::read_to_string("/proc/self/cgroup").expect("/proc/self/cgroup"))
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).trim().to_owned()
}

/// A process of a test, killed and reaped when dropped.
pub(crate) struct Started(pub(crate) Child);

impl Started {
    pub(crate) fn new(command: &mut Command) -> Self {
        Self(command.spawn().expect("cgproc"))
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).expect("a pid")
    }

    /// Waits for the program to print a line.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        // One byte at a time, to leave the rest to the next reader.
        let mut byte = [0];
        while self.0.stdout.as_mut().expect("a pipe").read(&mut byte).expect("a line") == 1 && byte[0] != b'\n' {
            line.push(byte[0].into());
        }
        line
    }

    /// The command's only child: the program.
    pub(crate) fn child(&self) -> i32 {
        let children = self.children();
        assert_eq!(children.len(), 1, "children of the command");
        children[0]
    }

    pub(crate) fn children(&self) -> Vec<i32> {
        children(self.pid())
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.0.wait().expect("its status")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn children(pid: i32) -> Vec<i32> {
    let parent = format!("PPid:\t{pid}\n");
    let numbers = fs::read_dir("/proc").expect("/proc").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_child =
        |pid: &i32| fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|text| text.contains(&parent));
    numbers.filter_map(|name| name.parse().ok()).filter(is_child).collect()
}

pub(crate) fn kill(pid: i32, signal: i32) {
    // SAFETY: it signals a process that the test started and has not waited for, or its group.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0, "kill {pid} {signal}");
}

/// Waits until `pid` has stopped or ended, and returns the raw status.
pub(crate) fn changed(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, libc::WUNTRACED) }, pid);
    status
}

/// Whether a process that takes its signals from a queue is waiting for the next one.
pub(crate) fn has_obeyed(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let has_none = |name: &str| {
        let pending = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        u64::from_str_radix(pending.trim(), 16) == Ok(0)
    };
    has_none("SigPnd:") && has_none("ShdPnd:") && state(pid) == 'S'
}

pub(crate) fn state(pid: i32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('?')
}

/// A script that prints its cgroups, then waits for the end of its input.
pub(crate) const TELL_AND_WAIT: &str = "cat /proc/self/cgroup; echo .; read x; exit 7";

/// A waiting program, started with `options`, and the text of its `/proc/self/cgroup`.
pub(crate) fn waiting(options: &[&str]) -> (Started, String) {
    let arguments = [&["run"], options, &["sh", "-c", TELL_AND_WAIT]].concat();
    let mut program = Started::new(cgproc(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()));
    let lines: Vec<String> = std::iter::from_fn(|| Some(program.line()).filter(|line| line != ".")).collect();
    (program, lines.join("\n"))
}

/// A file name that nobody else uses.
pub(crate) fn tempfile() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("cgproc-test-{}-{number}", std::process::id()))
}

/// Copies of the command and of the object, in a place where every user can read them.
pub(crate) struct Public(pub(crate) PathBuf);

impl Public {
    pub(crate) fn new() -> Self {
        let directory = tempfile();
        fs::create_dir(&directory).expect("a directory");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("made readable");
        for (from, name) in [(bed::command(), "cgproc"), (bed::object(), "libcgproc.so")] {
            // Copied by another process: programs that other threads start meanwhile would inherit our descriptor, open
            // for writing.
            let copied = Command::new("install").arg("-m755").arg(from).arg(directory.join(name)).status();
            assert!(copied.expect("install").success());
        }
        Self(directory)
    }

    /// The command without any rights, with the object beside it.
    pub(crate) fn unprivileged(&self, options: &[&str], script: &str) -> Command {
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
