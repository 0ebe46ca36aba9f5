//! A cgroup's threads, and what they are doing.

use super::directory::Directory;
use calc::scan;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Mode, OFlags, RawDir, openat},
    io::{Errno, read},
};
use std::{io::Write, mem::MaybeUninit};

/// Numbers of threads in a cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Running or waiting for a CPU (`R`).
    pub(super) running: u32,
    /// In uninterruptible sleep (`D`). Idle ones (`I`) do not count in the kernel's load either.
    pub(super) blocked: u32,
    pub(super) threads: u32,
}

impl Counts {
    /// The threads that the load averages count.
    pub(super) fn active(&self) -> u32 {
        self.running.saturating_add(self.blocked)
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            running: self.running.saturating_add(other.running),
            blocked: self.blocked.saturating_add(other.blocked),
            threads: self.threads.saturating_add(other.threads),
        }
    }

    fn add(&mut self, state: u8) {
        self.threads = self.threads.saturating_add(1);
        match state {
            b'R' => self.running = self.running.saturating_add(1),
            b'D' => self.blocked = self.blocked.saturating_add(1),
            _ => {}
        }
    }
}

/// The file in which a cgroup lists what runs in it.
#[derive(Clone, Copy, Debug)]
pub(super) enum List {
    /// A file that lists threads.
    Threads(&'static str),
    /// A file that lists processes.
    Processes(&'static str),
}

/// Observes threads through /proc.
pub(super) struct Threads {
    proc: OwnedFd,
    /// Our own thread, which is running while it looks.
    own: u32,
    list: Vec<u8>,
}

impl Threads {
    /// Uses the mounted /proc.
    pub(super) fn new() -> Result<Self, Errno> {
        let proc = openat(rustix::fs::CWD, "/proc", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let own = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
        Ok(Self { proc, own, list: Vec::new() })
    }

    /// Counts the threads of a cgroup; `None` if they cannot be counted because some are in a pid namespace that /proc
    /// does not show. If nothing has run since all of them were `asleep`, it is enough that there are still as many.
    pub(super) fn count(
        &mut self,
        directory: &Directory,
        top: &OwnedFd,
        list: List,
        asleep: Option<Counts>,
    ) -> Result<Option<Counts>, Errno> {
        let (List::Threads(name) | List::Processes(name)) = list;
        let mut text = std::mem::take(&mut self.list);
        let counted = directory.read_all(top, name, &mut text).and_then(|()| {
            let are_as_many = |counts: &Counts| numbers(&text).count() == counts.threads as usize;
            asleep.filter(are_as_many).map_or_else(|| self.count_listed(&text, list), |counts| Ok(Some(counts)))
        });
        self.list = text;
        counted
    }

    fn count_listed(&self, text: &[u8], list: List) -> Result<Option<Counts>, Errno> {
        let mut counts = Counts::default();
        for id in numbers(text) {
            if id == 0 {
                return Ok(None);
            }
            let seen = match list {
                List::Threads(_) => self.see(id, id, &mut counts),
                List::Processes(_) => self.see_all_of(id, &mut counts),
            };
            match seen {
                // It has ended.
                Err(Errno::NOENT | Errno::SRCH) | Ok(()) => {}
                Err(Errno::ACCESS | Errno::PERM) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(counts))
    }

    /// Looks at each thread of a process.
    fn see_all_of(&self, process: u32, counts: &mut Counts) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let tasks = openat(&self.proc, format!("{process}/task"), flags, Mode::empty())?;
        let mut buffer = [MaybeUninit::uninit(); 2048];
        let mut entries = RawDir::new(tasks, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            if let Some(thread) = scan::whole_number(entry.file_name().to_bytes()).and_then(|id| u32::try_from(id).ok())
            {
                self.see(process, thread, counts)?;
            }
        }
        Ok(())
    }

    /// Looks at one thread. A thread that has ended does not count, whatever becomes of the others of its process.
    fn see(&self, process: u32, thread: u32, counts: &mut Counts) -> Result<(), Errno> {
        match self.look_at(process, thread, counts) {
            Err(Errno::NOENT | Errno::SRCH) => Ok(()),
            seen => seen,
        }
    }

    /// See [`Self::see`]. /proc/TID without the `task` directory would add up the whole process.
    fn look_at(&self, process: u32, thread: u32, counts: &mut Counts) -> Result<(), Errno> {
        if thread == self.own {
            return Ok(());
        }
        let mut path = [0_u8; 64];
        let mut rest = &mut path[..];
        let _ = write!(rest, "{process}/task/{thread}/stat\0");
        let unused = rest.len();
        let path = path.get(..path.len() - unused).unwrap_or_default();
        let path = std::ffi::CStr::from_bytes_with_nul(path).map_err(|_| Errno::INVAL)?;
        let file = openat(&self.proc, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut text = [0_u8; 128];
        let length = read(file.as_fd(), &mut text)?;
        counts.add(state(text.get(..length).unwrap_or_default()).unwrap_or(b'?'));
        Ok(())
    }
}

/// The numbers in a list, one per line.
pub(super) fn numbers(text: &[u8]) -> impl Iterator<Item = u32> {
    scan::parts(text, b'\n').filter_map(|line| u32::try_from(scan::whole_number(line)?).ok())
}

/// The state in a thread's `stat`, `7 (a) b) R 1 …`: the name may contain anything.
fn state(stat: &[u8]) -> Option<u8> {
    let (_, after) = scan::split_at_last(stat, b')')?;
    after.strip_prefix(b" ")?.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_stands_behind_the_last_parenthesis() {
        assert_eq!(state(b"7 (cat) S 1 7"), Some(b'S'));
        assert_eq!(state(b"7 (a) R (b) D 1 7"), Some(b'D'));
        assert_eq!(state(b"7 ()) R 1"), Some(b'R'));
        assert_eq!(state(b"7 (cat"), None);
        assert_eq!(state(b""), None);
    }

    #[test]
    fn only_what_the_kernels_load_counts_is_active() {
        let mut counts = Counts::default();
        for state in *b"RRDISTtZX?" {
            counts.add(state);
        }
        assert_eq!(counts, Counts { running: 2, blocked: 1, threads: 10 });
        assert_eq!((counts.active(), counts.and(counts).active()), (3, 6));
    }

    #[test]
    fn lists() {
        assert_eq!(numbers(b"1\n0\n4194304\n").collect::<Vec<_>>(), [1, 0, 4_194_304]);
        assert_eq!(numbers(b"").count(), 0);
    }

    /// A sleeping thread of this process: its number, and what ends it.
    fn sleeper() -> (u32, std::sync::mpsc::Sender<()>, std::thread::JoinHandle<bool>) {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tell.send(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()).unwrap();
            wait.recv().is_err()
        });
        (told.recv().unwrap(), done, thread)
    }

    #[test]
    fn this_process_is_seen_but_for_the_thread_that_looks() {
        let threads = Threads::new().unwrap();
        let (other, done, thread) = sleeper();
        let (me, own) = (std::process::id(), threads.own);
        // Tests running at the same time have threads too.
        let all = threads.count_listed(format!("{me}\n").as_bytes(), List::Processes("cgroup.procs"));
        assert!(all.unwrap().unwrap().threads >= 1);
        let listed = |text: String| threads.count_listed(text.as_bytes(), List::Threads("tasks")).unwrap();
        assert_eq!(listed(format!("{own}\n{other}\n")).unwrap().threads, 1);
        drop(done);
        assert!(thread.join().unwrap());
        assert_eq!(listed("4194305\n".into()), Some(Counts::default()));
        assert_eq!(listed("0\n".into()), None);
    }

    #[test]
    fn a_thread_that_has_ended_takes_no_other_with_it() {
        let threads = Threads::new().unwrap();
        let (other, done, thread) = sleeper();
        let mut counts = Counts::default();
        for id in [4_194_305, other] {
            assert_eq!(threads.see(std::process::id(), id, &mut counts), Ok(()));
        }
        assert_eq!(counts.threads, 1);
        drop(done);
        assert!(thread.join().unwrap());
    }
}
