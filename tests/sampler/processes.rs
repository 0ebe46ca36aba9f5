//! Processes, their files, and waiting for them.

#[path = "turns.rs"]
mod turns;

pub(crate) use crate::bed::{PATIENCE, until};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use turns::Turn;

pub(crate) fn sleep(seconds: f64) {
    std::thread::sleep(Duration::from_secs_f64(seconds));
}

/// CLOCK_REALTIME.
pub(crate) fn now_usec() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set");
    u64::try_from(now.as_micros()).expect("microseconds")
}

pub(crate) fn serial() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A directory in memory with a place for a board, removed with the test. Whoever has one may run.
pub(crate) struct Place(PathBuf, #[expect(dead_code, reason = "held")] Turn);

impl Place {
    /// Runs beside other tests.
    pub(crate) fn new() -> Self {
        Self::with(Turn::beside_others())
    }

    /// Runs while no other test does.
    pub(crate) fn alone() -> Self {
        Self::with(Turn::alone())
    }

    fn with(turn: Turn) -> Self {
        let directory = Path::new("/dev/shm").join(format!("cgproc-test-{}", serial()));
        fs::create_dir(&directory).expect("a directory in memory");
        Self(directory, turn)
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

/// A process, killed and reaped when dropped.
pub(crate) struct Started(pub(crate) Child);

impl Started {
    /// Discards its output.
    pub(crate) fn quietly(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("a process"))
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).expect("a pid")
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: it signals a process that the test started and has not waited for.
        assert_eq!(unsafe { libc::kill(self.pid(), signal) }, 0, "kill {}", self.pid());
    }

    /// Waits until it ends by itself; returns its status.
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
        // On SIGTERM, what a container's script has made is removed.
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
