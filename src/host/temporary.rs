//! Directories, in memory if possible, for the files that a run has the object read.

use super::{
    named::{self, Named},
    trusted,
};
use anyhow::Result;
use rustix::{fs::statfs, process::geteuid};
use std::{
    env, fs,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// What this process has made.
static OURS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Where directories can be, best first. The environment may name another user's directory (su, sudo -E), and that user
/// could replace ours with anything.
fn homes() -> impl Iterator<Item = PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let runtime = runtime.and_then(|path| kept(&path)).filter(|path| is_ours_alone(path));
    runtime.into_iter().chain(["/dev/shm".into()]).chain(kept(&env::temp_dir()))
}

/// Whether this is a directory of the kind that a login makes for its user.
fn is_ours_alone(path: &Path) -> bool {
    let is_own = |it: fs::Metadata| it.is_dir() && it.uid() == geteuid().as_raw() && it.mode() & 0o077 == 0;
    fs::metadata(path).is_ok_and(is_own)
}

/// The directory that `path` leads to, if only root and this user can replace it or a directory that we make in it. The
/// result has no symbolic links: they may belong to another user, who could change them after our check.
fn kept(path: &Path) -> Option<PathBuf> {
    let may_be_changed = |it: fs::Metadata| it.mode() & 0o022 != 0 && it.mode() & STICKY == 0;
    let is_kept = |it: fs::Metadata| trusted::is_believed(it.uid()) && !may_be_changed(it);
    let real = path.canonicalize().ok()?;
    real.ancestors().all(|it| fs::symlink_metadata(it).is_ok_and(is_kept)).then_some(real)
}

/// In such a directory, users cannot rename what belongs to others.
const STICKY: u32 = 0o1000;

/// Makes a new directory.
pub(crate) fn make() -> Result<Named> {
    make_in(homes())
}

/// Makes a new directory on a tmpfs: the object accepts a board only there.
pub(crate) fn make_in_memory() -> Result<Named> {
    make_in(homes().filter(|home| statfs(home).is_ok_and(|it| it.f_type == libc::TMPFS_MAGIC)))
}

fn make_in(homes: impl Iterator<Item = PathBuf>) -> Result<Named> {
    // Programs that root starts may continue as other users, and must still see what they saw before.
    let mode = if geteuid().is_root() { 0o755 } else { 0o700 };
    let make = |path: &Path| fs::DirBuilder::new().mode(mode).create(path);
    let mut refusals = Vec::new();
    for home in homes {
        match Named::make(&home, "", make) {
            Ok(directory) => {
                OURS.lock().unwrap_or_else(PoisonError::into_inner).push(directory.to_owned());
                return Ok(directory);
            }
            Err(error) => refusals.push(format!("{}: {error}", home.display())),
        }
    }
    anyhow::bail!("no place in memory for the files of this run: {}", refusals.join(", "))
}

/// Removes the directories that this process has made, for one that ends without dropping what uses them.
pub(crate) fn remove_ours() {
    for directory in OURS.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        let _ = fs::remove_dir_all(directory);
    }
}

/// Removes the directories of past runs of ours.
pub(crate) fn clear_stale() {
    for entry in homes().filter_map(|home| fs::read_dir(home).ok()).flatten().flatten() {
        if let (true, Some(_lock)) = (is_our_own(&entry), named::take_stale(&entry)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether this is a directory of this user's.
fn is_our_own(entry: &fs::DirEntry) -> bool {
    entry.metadata().is_ok_and(|it| it.is_dir() && it.uid() == geteuid().as_raw())
}
