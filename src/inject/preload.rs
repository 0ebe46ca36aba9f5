//! `LD_PRELOAD` in a container: ours first, then whatever the image or its user preloads.

use super::layout::LIBRARY;
use crate::host::preload_file::{entries, is_ours};
use std::path::PathBuf;

/// The variable's name.
pub(crate) const VARIABLE: &str = "LD_PRELOAD";

/// The value that has the library too; `None` if the existing one has it, by whatever path.
pub(crate) fn with_ours(existing: Option<&str>) -> Option<String> {
    with(existing, LIBRARY)
}

/// The same, by this path of the library.
pub(crate) fn with(existing: Option<&str>, library: &str) -> Option<String> {
    match existing {
        Some(existing) if ours_in(existing).is_some() => None,
        Some(existing) if !entries(existing.as_bytes()).is_empty() => Some(format!("{library}:{existing}")),
        _ => Some(library.to_owned()),
    }
}

/// The path of the library in a value.
pub(crate) fn ours_in(value: &str) -> Option<PathBuf> {
    entries(value.as_bytes()).into_iter().find(|entry| is_ours(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_first_and_others_are_kept() {
        assert_eq!(with_ours(None).as_deref(), Some(LIBRARY));
        assert_eq!(with_ours(Some("")).as_deref(), Some(LIBRARY));
        assert_eq!(with_ours(Some(" :")).as_deref(), Some(LIBRARY));
        assert_eq!(with_ours(Some("/a.so /b.so:c.so")).unwrap(), format!("{LIBRARY}:/a.so /b.so:c.so"));
    }

    #[test]
    fn once_is_enough() {
        assert_eq!(with_ours(Some(&with_ours(Some("/a.so")).unwrap())), None);
        assert_eq!(with_ours(Some("/a.so:/usr/lib/libcgproc.so")), None, "an image that brings its own");
    }
}
