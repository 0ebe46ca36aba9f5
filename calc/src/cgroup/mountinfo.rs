//! `/proc/self/mountinfo`: which part of which hierarchy is mounted where.

use super::{Controller, Version, membership};
use crate::{lines::Line, scan};

/// A mount, as described by a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mount<'l> {
    /// The mounted directory of the file system, escaped.
    root: &'l [u8],
    /// The mount point, escaped.
    pub(super) point: &'l [u8],
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

impl<'l> Kind<'l> {
    /// Parses what follows the options of the mount.
    fn parse(mut fields: scan::Parts<'l>) -> Option<Self> {
        fields.find(|field| *field == b"-")?;
        Some(match (fields.next()?, fields.next()) {
            (b"cgroup", source) => Self::V1 { options: fields.next().or(source)? },
            (b"cgroup2", _) => Self::V2,
            _ => Self::Other,
        })
    }
}

impl<'l> Mount<'l> {
    /// Parses the line, or the first piece of a longer one. `None` if the mount point is not in it: such a line is
    /// longer than any path we keep, so it is none of ours. If the file system is not in it, that is [`Kind::Other`].
    ///
    /// The form: `id parent major:minor root point options tags… - type source options`; there may be no tags.
    pub(super) fn parse(line: &Line<'l>) -> Option<Self> {
        let mut fields = scan::parts(scan::without_newline(line.bytes), b' ');
        let root = fields.nth(3)?;
        let point = fields.next()?;
        // The last field of a piece may be cut.
        fields.next()?;
        let kind = if line.ends { Kind::parse(fields) } else { None };
        Some(Self { root, point, kind: kind.unwrap_or(Kind::Other) })
    }

    /// Whether this mount shows the hierarchy of `controller`.
    pub(super) fn shows(&self, version: Version, controller: Controller) -> bool {
        match (version, self.kind) {
            (Version::V1, Kind::V1 { options }) => scan::parts(options, b',').any(|name| name == controller.name()),
            (Version::V2, Kind::V2) => true,
            _ => false,
        }
    }

    /// The length of the part of the cgroup `path` above this mount's top; `None` if the mount does not show that
    /// cgroup.
    pub(super) fn covers(&self, path: &[u8]) -> Option<usize> {
        let above = if self.root == b"/" { 0 } else { length_of_prefix(path, unescape(self.root))? };
        let below = path.get(above..)?;
        (membership::is_at_or_below(below, b"") && !membership::leaves_namespace(below)).then_some(above)
    }
}

/// The length of `prefix`, if `path` begins with it.
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

/// Undoes the escapes of blanks and backslashes in the fields of a mount table: `\040` (`mangle`,
/// fs/proc_namespace.c).
pub fn unescape(escaped: &[u8]) -> impl Iterator<Item = u8> + Clone + use<'_> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{string::String, vec::Vec};

    fn mount(line: &str) -> Option<Mount<'_>> {
        Mount::parse(&Line { bytes: line.as_bytes(), begins: true, ends: true })
    }

    const MEMORY: &str = "51 47 0:32 /docker/1 /sys/fs/cgroup/memory ro,relatime master:7 - cgroup cgroup rw,memory\n";

    #[test]
    fn a_v1_mount_shows_the_controllers_of_its_options() {
        let both = mount("52 47 0:33 / /c ro - cgroup none rw,cpuacct,cpu\n").unwrap();
        assert!(both.shows(Version::V1, Controller::Cpu) && both.shows(Version::V1, Controller::Cpuacct));
        assert!(!both.shows(Version::V1, Controller::Cpuset) && !both.shows(Version::V2, Controller::Cpu));
    }

    #[test]
    fn the_source_may_be_anything() {
        for source in ["cgroup", "systemd", "/sys/fs/cgroup/memory", "none", "", "memory"] {
            let line = std::format!("51 47 0:32 / /m rw - cgroup {source} rw,memory\n");
            assert!(mount(&line).unwrap().shows(Version::V1, Controller::Memory), "{source:?}");
        }
        let named = mount("51 47 0:32 / /m rw - cgroup memory rw,name=memory\n").unwrap();
        assert!(!named.shows(Version::V1, Controller::Memory));
    }

    #[test]
    fn a_v2_mount_shows_all() {
        let unified = mount("24 22 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n").unwrap();
        assert!(Controller::ALL.iter().all(|controller| unified.shows(Version::V2, *controller)));
    }

    #[test]
    fn a_mount_covers_what_is_below_its_root() {
        let covers = |root: &str, path: &str| {
            mount(&std::format!("1 2 0:3 {root} /m rw - cgroup2 none rw\n")).unwrap().covers(path.as_bytes())
        };
        assert_eq!(covers("/", "/docker/1"), Some(0));
        assert_eq!(covers("/", ""), Some(0));
        assert_eq!(covers("/docker/1", "/docker/1"), Some(9));
        assert_eq!(covers("/docker/1", "/docker/1/below"), Some(9));
        assert_eq!(covers("/docker/1", "/docker/12"), None);
        assert_eq!(covers("/docker/1", "/docker"), None);
        assert_eq!(covers("/docker/1", ""), None);
        assert_eq!(covers("/..", ""), None);
        assert_eq!(covers("/", "/../beside"), None);
        assert_eq!(covers("/..", "/../beside"), Some(3));
        assert_eq!(covers("/../..", "/../../a"), Some(6));
        assert_eq!(covers("/..", "/../../a"), None);
        assert_eq!(covers("/with\\040blank", "/with blank/x"), Some(11));
    }

    #[test]
    fn escapes() {
        let plain = |escaped: &str| String::from_utf8(unescape(escaped.as_bytes()).collect::<Vec<_>>()).unwrap();
        assert_eq!(plain("/a\\040b\\011\\012\\134c"), "/a b\t\n\\c");
        assert_eq!(plain("/a\\04"), "/a\\04");
        assert_eq!(plain("\\"), "\\");
    }

    #[test]
    fn a_piece_is_something_else_where_it_tells_its_place() {
        fn piece(text: &str) -> Option<Mount<'_>> {
            Mount::parse(&Line { bytes: text.as_bytes(), begins: true, ends: false })
        }
        for text in [
            "36 35 98:0 / /m rw - overlay overlay rw,lowerdir=/a:/b",
            "36 35 98:0 / /m rw - overlay",
            "36 35 98:0 / /m rw - cgroup cgroup rw,mem",
            "36 35 98:0 / /m r",
        ] {
            let mount = piece(text).unwrap();
            assert_eq!(mount.point, b"/m");
            assert!(!mount.shows(Version::V1, Controller::Memory) && !mount.shows(Version::V2, Controller::Memory));
        }
        assert!(piece("36 35 98:0 /very/long").is_none() && piece("36 35 98:0 / /very/long").is_none());
        assert!(!mount("36 35 98:0 / / rw\n").unwrap().shows(Version::V2, Controller::Memory));
        assert!(mount(MEMORY).unwrap().shows(Version::V1, Controller::Memory));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..80), path in "(/[a.]{1,3}){0,3}", ends: bool) {
            if let Some(mount) = Mount::parse(&Line { bytes: &bytes, begins: true, ends }) {
                let above = mount.covers(path.as_bytes());
                prop_assert!(above.is_none_or(|above| above <= path.len()));
            }
        }

        #[test]
        fn cut_lines_are_judged(cut in 0_usize..90) {
            let _ = mount(&MEMORY[..cut.min(MEMORY.len())]);
        }
    }
}
