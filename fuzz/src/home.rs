//! A directory for the files that targets need, which is removed when the process ends.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};
use tempfile::TempDir;

static HOME: Mutex<Option<TempDir>> = Mutex::new(None);

/// A directory of this name in it.
pub(crate) fn directory(name: &str) -> PathBuf {
    let mut home = HOME.lock().unwrap_or_else(PoisonError::into_inner);
    let home = home.get_or_insert_with(|| {
        // Nothing drops a static.
        // SAFETY: the function needs nothing that the process may have lost by then.
        unsafe { libc::atexit(remove) };
        tempfile::tempdir().expect("a directory")
    });
    let path = home.path().join(name);
    std::fs::create_dir(&path).expect("a directory");
    path
}

extern "C" fn remove() {
    drop(HOME.lock().unwrap_or_else(PoisonError::into_inner).take());
}
