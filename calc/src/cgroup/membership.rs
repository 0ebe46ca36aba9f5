//! `/proc/PID/cgroup`: one line a hierarchy, `id:controllers:path`.

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
    /// The cgroup's path, empty for `/`: so that a path below can be appended to it.
    pub(super) path: &'l [u8],
}

impl<'l> Membership<'l> {
    /// Parses a line; `None` when it is not one.
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

/// Hands every line of `file` to `each`, and hashes the text. `None` on a line that is none, or too long to be judged.
pub(super) fn read(
    files: &impl Files,
    file: &CStr,
    buffer: &mut [u8],
    mut each: impl FnMut(Membership<'_>) -> Option<()>,
) -> Option<u64> {
    let mut source = files.open(file)?;
    let mut lines = Lines::new(&mut source, buffer);
    let mut hash = scan::HASH_SEED;
    while let Some(line) = lines.next()? {
        hash = scan::hash(hash, line.bytes);
        each(Membership::parse(line.whole()?)?)?;
    }
    Some(hash)
}

/// The hash that [`read`] gives.
pub(super) fn hash(source: &mut impl Source, buffer: &mut [u8]) -> Option<u64> {
    let mut lines = Lines::new(source, buffer);
    let mut hash = scan::HASH_SEED;
    while let Some(line) = lines.next()? {
        hash = scan::hash(hash, line.bytes);
    }
    Some(hash)
}

/// Whether `path` is `ancestor` or a path below it.
pub(super) fn is_at_or_below(path: &[u8], ancestor: &[u8]) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Whether a component of `path` is `..`: a cgroup outside the reader's cgroup namespace.
pub(super) fn leaves_namespace(path: &[u8]) -> bool {
    scan::parts(path, b'/').any(|component| component == b"..")
}
