//! `LD_PRELOAD` in a container: ours first, then whatever the image or its user preloads.

use super::layout::LIBRARY;
use crate::host::preload_file::{entries, is_ours};
use anyhow::{Result, ensure};
use std::path::PathBuf;

/// The variable's name.
pub(crate) const VARIABLE: &str = "LD_PRELOAD";

/// The kernel starts no program with a longer variable, name and all (`MAX_ARG_STRLEN`).
pub(crate) const LONGEST: usize = 128 << 10;

/// The value that has the library too; `None` if the existing one has it, by whatever path. Fails if the variable would
/// be too long.
pub(crate) fn with_ours(existing: Option<&str>) -> Result<Option<String>> {
    with(existing, LIBRARY)
}

/// The same, by this path of the library.
pub(crate) fn with(existing: Option<&str>, library: &str) -> Result<Option<String>> {
    let value = match existing {
        Some(existing) if ours_in(existing).is_some() => return Ok(None),
        Some(existing) if !entries(existing.as_bytes()).is_empty() => format!("{library}:{existing}"),
        _ => library.to_owned(),
    };
    ensure!(VARIABLE.len() + 1 + value.len() < LONGEST, "{VARIABLE} would be longer than the kernel takes");
    Ok(Some(value))
}

/// The path of the library in a value.
pub(crate) fn ours_in(value: &str) -> Option<PathBuf> {
    entries(value.as_bytes()).into_iter().find(|entry| is_ours(entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn of(existing: Option<&str>) -> Option<String> {
        with_ours(existing).unwrap()
    }

    #[test]
    fn ours_is_first_and_others_are_kept() {
        assert_eq!(of(None).as_deref(), Some(LIBRARY));
        assert_eq!(of(Some("")).as_deref(), Some(LIBRARY));
        assert_eq!(of(Some(" :")).as_deref(), Some(LIBRARY));
        assert_eq!(of(Some("/a.so /b.so:c.so")).unwrap(), format!("{LIBRARY}:/a.so /b.so:c.so"));
    }

    #[test]
    fn once_is_enough() {
        assert_eq!(of(Some(&of(Some("/a.so")).unwrap())), None);
        assert_eq!(of(Some("/a.so:/usr/lib/libcgproc.so")), None, "an image that brings its own");
    }

    /// Both are tried on the kernel.
    #[test]
    fn as_long_as_the_kernel_takes() {
        let starts =
            |value: &str| Command::new("/bin/true").env(VARIABLE, value).stderr(Stdio::null()).status().is_ok();
        let longest = "/".repeat(LONGEST - "LD_PRELOAD=:".len() - LIBRARY.len() - 1);
        assert!(starts(&of(Some(&longest)).unwrap()));
        assert!(with_ours(Some(&format!("{longest}/"))).is_err());
        assert!(!starts(&format!("{LIBRARY}:{longest}/")));
    }
}
