//! `LD_PRELOAD` in a container: ours first, then whatever the image or its user preloads.

use super::layout::LIBRARY;
use crate::host::preload_file::{entries, is_ours};

/// The variable's name.
pub(crate) const VARIABLE: &str = "LD_PRELOAD";

/// The value that has the library too; `None` if the existing one has it, by whatever path.
pub(crate) fn with_ours(existing: Option<&str>) -> Option<String> {
    match existing {
        Some(existing) if entries(existing.as_bytes()).iter().any(|entry| is_ours(entry)) => None,
        Some(existing) if !entries(existing.as_bytes()).is_empty() => Some(format!("{LIBRARY}:{existing}")),
        _ => Some(LIBRARY.to_owned()),
    }
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
