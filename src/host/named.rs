//! The directories of a run: cgroups, and places for files. They are named after the run's process, and locked for as
//! long as it lives: its number says nothing in another pid namespace, and the kernel unlocks whatever ends it.

use rustix::{
    fd::OwnedFd,
    fs::{FlockOperation, Mode, OFlags, flock, open},
};
use std::{
    fs::{DirEntry, Metadata},
    io,
    ops::Deref,
    path::{Path, PathBuf},
    time::Duration,
};

/// The names of all our directories: this, followed by the command's process id.
pub(crate) const PREFIX: &str = "cgproc-run-";
/// Follows the process id in the name of the cgroup in which a run's answers are counted.
pub(crate) const OF_ANSWERS: &str = "-answers";

/// A directory of this run.
pub(crate) struct Named {
    path: PathBuf,
    /// `None` on a file system that has no locks: others then go by the process id.
    _lock: Option<OwnedFd>,
}

impl Deref for Named {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl Named {
    /// Creates a directory named after this run, and `what` it is for if that is not its program, in `parent`.
    pub(crate) fn make(parent: &Path, what: &str, make: impl Fn(&Path) -> io::Result<()>) -> io::Result<Self> {
        let name = format!("{PREFIX}{}{what}", std::process::id());
        let directory = parent.join(&name);
        // The name is taken if something is left of a run that had our process id.
        let others = (1..10).map(|n| parent.join(format!("{name}-{n}")));
        let mut last = make(&directory).map(|()| directory);
        for other in others {
            match last {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = make(&other).map(|()| other),
                _ => break,
            }
        }
        // Others may hold a lock too, so this one does not wait: with theirs, nobody removes the directory either.
        last.map(|path| Self { _lock: lock(&path, FlockOperation::NonBlockingLockShared), path })
    }
}

/// Locks the directory of a run that is over, so that only one run removes it; `None` if that run may be alive.
pub(crate) fn take_stale(entry: &DirEntry) -> Option<OwnedFd> {
    let is_stale = entry.file_name().to_str().is_some_and(is_of_none_here);
    if !is_stale || !entry.metadata().is_ok_and(|it| is_left_alone(&it)) {
        return None;
    }
    lock(&entry.path(), FlockOperation::NonBlockingLockExclusive)
}

fn lock(directory: &Path, operation: FlockOperation) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = open(directory, flags, Mode::empty()).ok()?;
    flock(&opened, operation).is_ok().then_some(opened)
}

/// Whether a directory of this name belongs to a run that is over, or is in another pid namespace.
fn is_of_none_here(name: &str) -> bool {
    let number = name.strip_prefix(PREFIX).map(|rest| rest.split('-').next().unwrap_or(rest));
    number.and_then(|number| number.parse::<u32>().ok()).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
}

/// Whether this was not made or written to just now: a run in another pid namespace may be about to lock it.
fn is_left_alone(directory: &Metadata) -> bool {
    const SILENCE: Duration = Duration::from_secs(10);
    directory.modified().ok().and_then(|time| time.elapsed().ok()).is_some_and(|age| age > SILENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_none_here_is_ours_and_over() {
        let own = std::process::id();
        for name in
            [format!("{PREFIX}{own}"), format!("{PREFIX}{own}-3"), "cgproc-run-x".into(), "docker-99999999".into()]
        {
            assert!(!is_of_none_here(&name), "{name}");
        }
        for name in ["cgproc-run-4294967295", "cgproc-run-4294967295-2", "cgproc-run-4294967295-answers"] {
            assert!(is_of_none_here(name), "{name}");
        }
    }
}
