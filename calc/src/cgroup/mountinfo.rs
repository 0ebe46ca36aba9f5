//! `/proc/self/mountinfo`: which part of which hierarchy is mounted where.

use super::{Controller, Version, membership};
use crate::{lines::Line, scan};

/// A mount, as far as a line tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mount<'l> {
    /// The directory of the file system that is mounted, escaped.
    root: &'l [u8],
    /// Where it is mounted, escaped.
    point: &'l [u8],
    kind: Kind<'l>,
}

/// A mount's file system.
#[derive(Clone, Copy, Debug)]
enum Kind<'l> {
    /// A v1 hierarchy, with the options that name its controllers.
    V1 { options: &'l [u8] },
    /// The v2 hierarchy.
    V2,
    /// Anything else.
    Other,
}

impl<'l> Mount<'l> {
    /// Parses the line, or the first piece of a longer one. `None` when that is not enough to judge it.
    ///
    /// The form: `id parent major:minor root point options tags… - type source options`, where tags may be none.
    pub(super) fn parse(line: &Line<'l>) -> Option<Self> {
        let mut fields = scan::parts(scan::without_newline(line.bytes), b' ');
        let root = fields.nth(3)?;
        let point = fields.next()?;
        fields.find(|field| *field == b"-")?;
        let type_name = fields.next()?;
        // Of a piece, the last field may have been cut.
        let source = fields.next();
        let kind = match type_name {
            b"cgroup" if line.ends => Kind::V1 { options: fields.next().or(source)? },
            b"cgroup2" if line.ends => Kind::V2,
            _ if line.ends || (source.is_some() && !type_name.starts_with(b"cgroup")) => Kind::Other,
            _ => return None,
        };
        Some(Self { root, point, kind })
    }

    /// Whether this mount shows the hierarchy of `controller`.
    pub(super) fn shows(&self, version: Version, controller: Controller) -> bool {
        match (version, self.kind) {
            (Version::V1, Kind::V1 { options }) => scan::parts(options, b',').any(|name| name == controller.name()),
            (Version::V2, Kind::V2) => true,
            _ => false,
        }
    }

    /// How much of the cgroup `path` is above this mount's top; `None` when the mount does not show that cgroup.
    pub(super) fn covers(&self, path: &[u8]) -> Option<usize> {
        let above = if self.root == b"/" { 0 } else { length_of_prefix(path, unescape(self.root))? };
        let below = path.get(above..)?;
        (membership::is_at_or_below(below, b"") && !membership::leaves_namespace(below)).then_some(above)
    }

    /// Where it is mounted.
    pub(super) fn point(&self) -> impl Iterator<Item = u8> + Clone + use<'l> {
        unescape(self.point)
    }
}

/// How long `prefix` is, when `path` begins with it.
fn length_of_prefix(path: &[u8], prefix: impl Iterator<Item = u8>) -> Option<usize> {
    let mut rest = path;
    for byte in prefix {
        let (first, after) = rest.split_first()?;
        if *first != byte {
            return None;
        }
        rest = after;
    }
    path.len().checked_sub(rest.len())
}

/// Undoes the kernel's escapes of blanks and backslashes: `\040`.
fn unescape(escaped: &[u8]) -> impl Iterator<Item = u8> + Clone + use<'_> {
    let mut rest = escaped;
    core::iter::from_fn(move || {
        let (byte, after) = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                ((a & 3) << 6 | (b & 7) << 3 | (c & 7), after)
            }
            [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        rest = after;
        Some(byte)
    })
}
