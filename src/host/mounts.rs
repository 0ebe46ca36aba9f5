//! Mount tables, `/proc/PID/mountinfo`. The paths in them may have been chosen by any user.

use calc::{
    cgroup::unescape,
    scan::{self, Parts},
};
use rustix::fs::makedev;
use std::{collections::HashMap, ffi::OsString, os::unix::ffi::OsStringExt, path::PathBuf};

/// A line of the table.
#[derive(Clone, Copy)]
pub(crate) struct Mount<'l> {
    pub(crate) number: u64,
    /// The number of its file system.
    pub(crate) device: u64,
    root: &'l [u8],
    point: &'l [u8],
    pub(crate) file_system: &'l [u8],
    options: &'l [u8],
}

impl<'l> Mount<'l> {
    /// Parses `number parent major:minor root point options tags… - type source options`; any other line is `None`.
    pub(crate) fn parse(line: &'l [u8]) -> Option<Self> {
        let mut fields = scan::parts(line, b' ');
        let number = scan::whole_number(fields.next()?)?;
        let (major, minor) = std::str::from_utf8(fields.nth(1)?).ok()?.split_once(':')?;
        let device = makedev(major.parse().ok()?, minor.parse().ok()?);
        let (root, point) = (fields.next()?, fields.next()?);
        fields.find(|field| *field == b"-")?;
        let file_system = fields.next()?;
        Some(Self { number, device, root, point, file_system, options: fields.nth(1).unwrap_or_default() })
    }

    /// The directory of the file system that is mounted.
    pub(crate) fn root(&self) -> PathBuf {
        path(self.root)
    }

    /// Where it is mounted.
    pub(crate) fn point(&self) -> PathBuf {
        path(self.point)
    }

    /// Whether it is mounted at the process's root.
    pub(crate) fn is_at_root(&self) -> bool {
        self.point == b"/"
    }

    /// Whether the whole file system is mounted.
    pub(crate) fn is_whole(&self) -> bool {
        self.root == b"/"
    }

    /// The options of its file system, escaped.
    pub(crate) fn options(&self) -> Parts<'l> {
        scan::parts(self.options, b',')
    }

    pub(crate) fn has(&self, option: &str) -> bool {
        self.options().any(|it| it == option.as_bytes())
    }
}

/// The mounts of a table, except those hidden by a later one on the same point.
pub(crate) fn in_sight(table: &[u8]) -> Vec<Mount<'_>> {
    let mounts: Vec<Mount<'_>> = scan::parts(table, b'\n').filter_map(Mount::parse).collect();
    let numbered = || mounts.iter().enumerate();
    let last: HashMap<&[u8], usize> = numbered().map(|(index, mount)| (mount.point, index)).collect();
    numbered().filter(|(index, mount)| last.get(mount.point) == Some(index)).map(|(_, mount)| *mount).collect()
}

fn path(escaped: &[u8]) -> PathBuf {
    OsString::from_vec(unescape(escaped).collect()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let mount = Mount::parse(b"36 35 98:1 /a\\040b /m\xff rw shared:9 master:1 - ext4 /dev/vda rw,errors=continue")
            .unwrap();
        assert_eq!((mount.number, mount.device, mount.file_system), (36, makedev(98, 1), &b"ext4"[..]));
        assert_eq!((mount.root(), mount.point()), (path(b"/a b"), path(b"/m\xff")));
        assert!(
            mount.has("rw")
                && mount.has("errors=continue")
                && !mount.has("errors")
                && !mount.is_whole()
                && !mount.is_at_root()
        );
    }

    #[test]
    fn other_forms_are_none() {
        for line in ["", "36 35 981 / / rw - ext4 d rw", "36 35 98:1 / / rw", "x 35 98:1 / / rw - ext4 d rw"] {
            assert!(Mount::parse(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn the_last_upon_a_point_is_in_sight() {
        let table = b"1 0 0:1 / / rw - a a rw\n2 1 0:2 / /b rw - b b rw\n3 1 0:3 / /b rw - c c rw\nodd\n4 1 0:4 / /d rw - d d rw\n";
        assert_eq!(in_sight(table).iter().map(|mount| mount.number).collect::<Vec<_>>(), [1, 3, 4]);
    }
}
