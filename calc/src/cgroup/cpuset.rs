//! The cpuset controller's files.

use super::{Controller, Version, places::Places};
use crate::{cpus::CpuSet, source::Files};
use core::ffi::CStr;

/// What a cpuset allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// CPUs.
    Cpus,
    /// Memory nodes.
    Mems,
}

/// The file that holds what a cgroup may really use, and the one for kernels that have no such file.
const fn names(kind: Kind, version: Version) -> [&'static [u8]; 2] {
    match (kind, version) {
        (Kind::Cpus, Version::V1) => [b"cpuset.effective_cpus", b"cpuset.cpus"],
        (Kind::Cpus, Version::V2) => [b"cpuset.cpus.effective", b"cpuset.cpus"],
        (Kind::Mems, Version::V1) => [b"cpuset.effective_mems", b"cpuset.mems"],
        (Kind::Mems, Version::V2) => [b"cpuset.mems.effective", b"cpuset.mems"],
    }
}

/// What the machine has.
const fn online(kind: Kind) -> &'static CStr {
    match kind {
        Kind::Cpus => c"/sys/devices/system/cpu/online",
        Kind::Mems => c"/sys/devices/system/node/online",
    }
}

/// Adds what the own cgroup allows, or the nearest above that says so, or all that the machine has.
#[inline(never)]
pub(crate) fn allowed(
    kind: Kind,
    files: &impl Files,
    places: &Places,
    set: &mut CpuSet,
    scratch: &mut [u8],
) -> Option<()> {
    if let Some(place) = places.hierarchy(Controller::Cpuset) {
        for level in place.chain() {
            for name in names(kind, place.version) {
                let Some(mut file) = level.open(files, name, scratch) else { continue };
                set.read(&mut file, scratch)?;
                if !set.is_empty() {
                    return Some(());
                }
            }
        }
    }
    set.read(&mut files.open(online(kind))?, scratch)?;
    (!set.is_empty()).then_some(())
}
