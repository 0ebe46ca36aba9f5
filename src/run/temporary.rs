//! The directories, in memory where that can be had, for what a run has the object read.

use super::cgroup;
use crate::host::trusted;
use anyhow::Result;
use rustix::{fs::statfs, process::geteuid};
use std::{
    env, fs,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// Where directories may lie, the best first. What the environment names may be another user's (su, sudo -E), who could put what he
/// likes in the place of ours.
fn homes() -> impl Iterator<Item = PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let runtime = runtime.and_then(|path| kept(&path)).filter(|path| is_ours_alone(path));
    runtime.into_iter().chain(["/dev/shm".into()]).chain(kept(&env::temp_dir()))
}

/// Whether this is such a directory as a login makes for its user.
fn is_ours_alone(path: &Path) -> bool {
    let is_own = |it: fs::Metadata| it.is_dir() && it.uid() == geteuid().as_raw() && it.mode() & 0o077 == 0;
    fs::metadata(path).is_ok_and(is_own)
}

/// The directory that `path` leads to, if nobody but root and this user can put another one in its place, or in that of one that
/// we make in it. It is named without symbolic links: they may be another user's, who can change them once we have looked.
fn kept(path: &Path) -> Option<PathBuf> {
    let may_be_changed = |it: fs::Metadata| it.mode() & 0o022 != 0 && it.mode() & STICKY == 0;
    let is_kept = |it: fs::Metadata| trusted::is_believed(it.uid()) && !may_be_changed(it);
    let real = path.canonicalize().ok()?;
    real.ancestors().all(|it| fs::symlink_metadata(it).is_ok_and(is_kept)).then_some(real)
}

/// In such a directory nobody renames what belongs to others.
const STICKY: u32 = 0o1000;

/// A new directory.
pub(crate) fn make() -> Result<PathBuf> {
    make_in(homes())
}

/// A new directory on a tmpfs: the object takes no other for a board's.
pub(crate) fn make_in_memory() -> Result<PathBuf> {
    make_in(homes().filter(|home| statfs(home).is_ok_and(|it| it.f_type == libc::TMPFS_MAGIC)))
}

fn make_in(homes: impl Iterator<Item = PathBuf>) -> Result<PathBuf> {
    // Programs that root starts go on as other users, and are to see what they saw before.
    let mode = if geteuid().is_root() { 0o755 } else { 0o700 };
    let make = |path: &Path| fs::DirBuilder::new().mode(mode).create(path);
    let mut refusals = Vec::new();
    for home in homes {
        match cgroup::make_named(&home, make) {
            Ok(directory) => return Ok(directory),
            Err(error) => refusals.push(format!("{}: {error}", home.display())),
        }
    }
    anyhow::bail!("no place in memory for the files of this run: {}", refusals.join(", "))
}

/// Removes the directories of runs of ours that are over.
pub(crate) fn clear_stale() {
    for entry in homes().filter_map(|home| fs::read_dir(home).ok()).flatten().flatten() {
        if entry.file_name().to_str().is_some_and(cgroup::is_stale) && is_left_alone(&entry) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether this is a directory of ours that nobody writes any more: its run may be alive and in another pid namespace.
fn is_left_alone(entry: &fs::DirEntry) -> bool {
    const SILENCE: Duration = Duration::from_secs(10);
    entry.metadata().is_ok_and(|it| {
        let age = it.modified().ok().and_then(|time| time.elapsed().ok());
        it.is_dir() && it.uid() == geteuid().as_raw() && age.is_some_and(|age| age > SILENCE)
    })
}
