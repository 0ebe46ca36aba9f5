//! Loads, and containers that show them.

use crate::{
    bed::{self, Container, PLAIN, Version},
    groups::{Group, load_key},
    processes::{Place, Started, serial, until},
};
use calc::board::Key;
use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// No limits that could hold up a load.
pub(crate) const FREE: Container = Container { quota_usec: None, ..PLAIN };

/// The lowest one-minute average of the machine while [`machine_load`] exists: no container in these tests comes close.
pub(crate) const MACHINE_LEAST: f64 = 3.0;

/// A load on the machine, outside every container, which tests share. Its threads wait uninterruptibly, so they count
/// like running ones but take nothing away from anybody.
pub(crate) fn machine_load() -> Arc<Started> {
    static LOAD: Mutex<Weak<Started>> = Mutex::new(Weak::new());
    let load = {
        let mut shared = LOAD.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let load = Arc::new(busy(0, 48, None));
            *shared = Arc::downgrade(&load);
            load
        })
    };
    until("a load on the machine", || averages(&kernels())[0] > MACHINE_LEAST);
    load
}

/// A container whose threads only have to be counted: until [`Running::go`], they get hardly any CPU time, but count as
/// running.
pub(crate) const COUNTED: Container = Container { quota_usec: Some(10_000), ..PLAIN };

/// `busy RUNNING BLOCKED`, outside every container (or in `group`), with hardly any CPU time.
pub(crate) fn busy(running: u32, blocked: u32, group: Option<&Group>) -> Started {
    let mut command = Command::new(bed::programs().join("busy"));
    command.args([running, blocked].map(|count| count.to_string()));
    if let Some(group) = group {
        match bed::version() {
            Version::V1 => group.set("cpu.cfs_quota_us", "10000"),
            Version::V2 => group.set("cpu.max", "10000 100000"),
        }
        group.enter(&mut command);
    }
    Started::quietly(&mut command)
}

/// What a script runs to wait for [`Running::go`]. It sleeps meanwhile, and adds no load.
pub(crate) const AWAIT_GO: &str = "read -r _ <\"$GO\" || :";

/// A container that runs a script under the object, with this board.
pub(crate) struct Running {
    process: Started,
    pub(crate) path: String,
    output: PathBuf,
    go: PathBuf,
}

impl Running {
    pub(crate) fn start(container: &Container, place: &Place, script: &str, seconds: u32) -> Self {
        let (output, go) = (place.file(&serial()), place.file(&serial()));
        let made = Command::new("mkfifo").arg(&go).status().expect("mkfifo");
        assert!(made.success(), "{}", go.display());
        let script = format!("cd {}; export TERM=dumb\n{script}", bed::programs().display());
        let mut command = container.script(&script, Some(&bed::object()), seconds);
        command.env("CGPROC_BOARD", place.board()).env("GO", &go).stdin(Stdio::null());
        command.stdout(File::create(&output).expect("its output"));
        let process = Started(command.spawn().expect("tests/bed/container"));
        let under = container.under.map_or_else(String::new, |under| format!("{under}/"));
        Self { path: format!("{under}cgproc-test-{}", process.0.id()), process, output, go }
    }

    /// Continues the script that waits (or will wait) for this, from now on without a quota.
    pub(crate) fn go(&self) {
        for (root, file, none) in
            [("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "-1"), ("/sys/fs/cgroup", "cpu.max", "max")]
        {
            let file = Path::new(root).join(&self.path).join(file);
            if file.exists() {
                fs::write(&file, none).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            }
        }
        let mut whoever_reads = OpenOptions::new();
        whoever_reads.write(true).custom_flags(libc::O_NONBLOCK);
        until("the script waits", || whoever_reads.open(&self.go).is_ok());
    }

    /// Waits for its cgroup to exist.
    pub(crate) fn key(&self) -> Key {
        let mut key = None;
        until("a container's cgroup", || {
            key = load_key(&self.path);
            key.is_some()
        });
        key.expect("a key")
    }

    /// Ends a script that looks for the file `$GO.end`.
    pub(crate) fn end(&self) {
        fs::write(self.go.with_extension("end"), "").expect("a file");
    }

    /// Its output so far.
    pub(crate) fn text(&self) -> String {
        fs::read_to_string(&self.output).expect("its output")
    }

    /// Waits for it to print `line`.
    pub(crate) fn said(&self, line: &str) {
        until(line, || self.text().lines().any(|said| said == line));
    }

    /// Its whole output, until it ends.
    pub(crate) fn whole(mut self) -> String {
        let status = self.process.0.wait().expect("its status");
        let text = self.text();
        assert!(status.success(), "{status}: {text}");
        text
    }
}

/// The three averages at the start of a text such as `/proc/loadavg`.
pub(crate) fn averages(text: &str) -> [f64; 3] {
    let mut words = text.split_whitespace().map(|word| word.parse().unwrap_or_else(|_| panic!("no average: {text:?}")));
    [(); 3].map(|()| words.next().unwrap_or_else(|| panic!("no three averages: {text:?}")))
}

/// The same as text, which distinguishes states of the file.
pub(crate) fn triple(text: &str) -> String {
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// The kernel's own averages, without the object.
pub(crate) fn kernels() -> String {
    triple(&fs::read_to_string("/proc/loadavg").expect("/proc/loadavg"))
}
