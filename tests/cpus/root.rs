//! The root with the newest and the oldest releases.

use crate::bed;
use std::path::PathBuf;

pub(crate) fn root() -> PathBuf {
    let root = bed::cache().join("roots/counting");
    assert!(root.is_dir(), "{} is missing: tests/bed/roots counting", root.display());
    root
}
