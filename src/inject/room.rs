//! Where a container has room for a mount point of ours, below what is mounted there already.

/// Whether directories and files can be made in a mount of this type: in a `tmpfs`, which is the container's own, unless
/// an option makes it something else, read-only, or full. In anything else they would stay.
pub(crate) fn is_in<'a>(kind: &str, options: impl IntoIterator<Item = &'a str>) -> bool {
    let spoils = |option: &str| matches!(option, "ro" | "bind" | "rbind") || option.starts_with("nr_inodes");
    kind == "tmpfs" && !options.into_iter().any(spoils)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_of_the_containers_own() {
        for (kind, options, expected) in [
            ("tmpfs", &[][..], true),
            ("tmpfs", &["nosuid", "size=1m", "mode=755"], true),
            ("tmpfs", &["nosuid", "ro"], false),
            ("tmpfs", &["rbind"], false),
            ("tmpfs", &["nr_inodes=1"], false),
            ("bind", &[], false),
            ("", &[], false),
        ] {
            assert_eq!(is_in(kind, options.iter().copied()), expected, "{kind} {options:?}");
        }
    }
}
