//! `/proc/PID/cgroup`: a line per hierarchy, `id:controllers:path`.

use super::Controller;
use crate::{
    lines::Lines,
    scan,
    source::{Files, Source},
};
use core::ffi::CStr;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Membership<'l> {
    /// `cpu,cpuacct`; `name=systemd` for a named hierarchy; empty for the v2 hierarchy.
    pub(super) names: &'l [u8],
    /// The cgroup's path; empty for `/`, so that a path below can be appended.
    pub(super) path: &'l [u8],
}

impl<'l> Membership<'l> {
    /// Parses a line; `None` if it is not one.
    pub(super) fn parse(line: &'l [u8]) -> Option<Self> {
        let (id, rest) = scan::split_at_byte(scan::without_newline(line), b':')?;
        scan::whole_number(id)?;
        let (names, path) = scan::split_at_byte(rest, b':')?;
        let path = if path == b"/" { b"" } else { path };
        (path.is_empty() || path.starts_with(b"/")).then_some(Self { names, path })
    }

    /// Whether this is the v2 hierarchy.
    pub(super) fn is_unified(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether this is the v1 hierarchy of `controller`.
    pub(super) fn has(&self, controller: Controller) -> bool {
        scan::parts(self.names, b',').any(|name| name == controller.name())
    }
}

/// Passes every line of `file` to `each`, and hashes the text. If a line is malformed, too long, or refused by `each`,
/// the controllers that it names are lost.
pub(super) fn read(
    files: &impl Files,
    file: &CStr,
    buffer: &mut [u8],
    mut each: impl FnMut(Membership<'_>) -> Option<()>,
) -> Option<u64> {
    let mut source = files.open(file)?;
    let mut lines = Lines::new(&mut source, buffer);
    let mut hash = scan::HASH_SEED;
    while let Some(line) = lines.next().ok()? {
        hash = scan::hash(hash, line.bytes);
        line.whole().and_then(Membership::parse).and_then(&mut each).unwrap_or(());
    }
    Some(hash)
}

/// The hash that [`read`] returns.
pub(super) fn hash(source: &mut impl Source, buffer: &mut [u8]) -> Option<u64> {
    let mut lines = Lines::new(source, buffer);
    let mut hash = scan::HASH_SEED;
    while let Some(line) = lines.next().ok()? {
        hash = scan::hash(hash, line.bytes);
    }
    Some(hash)
}

/// Whether `path` is `ancestor` or a path below it.
pub(super) fn is_at_or_below(path: &[u8], ancestor: &[u8]) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Whether `path` has a component `..`: then the cgroup is outside the reader's cgroup namespace.
pub(super) fn leaves_namespace(path: &[u8]) -> bool {
    scan::parts(path, b'/').any(|component| component == b"..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Bytes;

    fn parse(line: &str) -> Option<(&str, &str)> {
        let parsed = Membership::parse(line.as_bytes())?;
        Some((core::str::from_utf8(parsed.names).unwrap(), core::str::from_utf8(parsed.path).unwrap()))
    }

    #[test]
    fn lines() {
        assert_eq!(parse("0::/\n"), Some(("", "")));
        assert_eq!(parse("4:memory:/docker/4f1e\n"), Some(("memory", "/docker/4f1e")));
        assert_eq!(parse("3:cpuacct,cpu:/\n"), Some(("cpuacct,cpu", "")));
        assert_eq!(parse("1:name=systemd:/a:b\n"), Some(("name=systemd", "/a:b")));
        assert_eq!(parse("0::/../x"), Some(("", "/../x")));
        assert_eq!(parse("memory:/"), None);
        assert_eq!(parse("x:memory:/\n"), None);
        assert_eq!(parse("4:memory:relative\n"), None);
        assert_eq!(parse("\n"), None);
    }

    #[test]
    fn controllers_are_named_exactly() {
        let line = Membership::parse(b"3:cpuacct,cpu:/\n").unwrap();
        assert!(line.has(Controller::Cpu) && line.has(Controller::Cpuacct) && !line.is_unified());
        let line = Membership::parse(b"3:cpuset:/\n").unwrap();
        assert!(line.has(Controller::Cpuset) && !line.has(Controller::Cpu));
        let line = Membership::parse(b"3:name=memory:/\n").unwrap();
        assert!(!line.has(Controller::Memory));
    }

    #[test]
    fn below_is_by_components() {
        assert!(is_at_or_below(b"/a/b", b"/a"));
        assert!(is_at_or_below(b"/a", b"/a"));
        assert!(is_at_or_below(b"/a", b""));
        assert!(!is_at_or_below(b"/ab", b"/a"));
        assert!(!is_at_or_below(b"/a", b"/a/b"));
        assert!(leaves_namespace(b"/../a") && leaves_namespace(b"/a/.."));
        assert!(!leaves_namespace(b"/..a/b.."));
    }

    #[test]
    fn any_change_of_the_text_changes_the_hash() {
        let hash_of = |text: &str| hash(&mut Bytes::new(text), &mut [0; 16]).unwrap();
        assert_ne!(hash_of("0::/a\n"), hash_of("0::/b\n"));
        assert_eq!(hash_of("4:memory:/longer/than/the/buffer\n"), hash_of("4:memory:/longer/than/the/buffer\n"));
    }
}
