//! The cpuset controller's files.

use super::{Controller, Version, places::Places};
use crate::{cpus::CpuSet, source::Files};

/// What a cpuset allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Memory nodes.
    Mems,
}

/// The file that holds what a cgroup may really use, and the one for kernels that have no such file.
const fn names(kind: Kind, version: Version) -> [&'static [u8]; 2] {
    match (kind, version) {
        (Kind::Mems, Version::V1) => [b"cpuset.effective_mems", b"cpuset.mems"],
        (Kind::Mems, Version::V2) => [b"cpuset.mems.effective", b"cpuset.mems"],
    }
}

/// Adds what the own cgroup allows, or the nearest above that says so: whether one does. `None` on doubt.
#[inline(never)]
pub(crate) fn read(
    files: &impl Files,
    places: &Places,
    kind: Kind,
    set: &mut CpuSet,
    scratch: &mut [u8],
) -> Option<bool> {
    let Some(place) = places.hierarchy(Controller::Cpuset) else { return Some(false) };
    for level in place.chain() {
        for name in names(kind, place.version) {
            match level.text(files, name, scratch)? {
                None | Some(b"" | b"\n") => {}
                Some(list) => return set.parse_into(list).map(|()| true),
            }
        }
    }
    Some(false)
}
