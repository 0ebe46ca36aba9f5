//! The cpuset controller's files.

use super::{CgroupFiles, Controller, Version, least::By, places::Places};
use crate::{cpus::CpuSet, scan, source::Files};
use core::ffi::CStr;

/// The resources that a cpuset restricts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// CPUs.
    Cpus,
    /// Memory nodes.
    Mems,
}

/// The file with what a cgroup may really use, and the file for kernels without it; then the same for version 1
/// mounted with `noprefix` (Android, ChromeOS).
const fn names(kind: Kind, version: Version) -> &'static [u8] {
    match (kind, version) {
        (Kind::Cpus, Version::V1) => b"cpuset.effective_cpus/cpuset.cpus/effective_cpus/cpus",
        (Kind::Cpus, Version::V2) => b"cpuset.cpus.effective/cpuset.cpus",
        (Kind::Mems, Version::V1) => b"cpuset.effective_mems/cpuset.mems/effective_mems/mems",
        (Kind::Mems, Version::V2) => b"cpuset.mems.effective/cpuset.mems",
    }
}

/// The file with what the machine has.
const fn online(kind: Kind) -> &'static CStr {
    match kind {
        Kind::Cpus => c"/sys/devices/system/cpu/online",
        Kind::Mems => c"/sys/devices/system/node/online",
    }
}

/// Adds to the empty `set` what the cgroup may use, if its file says so; otherwise leaves it empty. A list in another
/// form counts for nothing.
pub fn of_one(
    kind: Kind,
    group: &impl CgroupFiles,
    version: Version,
    set: &mut CpuSet,
    scratch: &mut [u8],
) -> Option<()> {
    for name in scan::parts(names(kind, version), b'/') {
        let Some(mut file) = group.open(name, scratch) else { continue };
        if set.read(&mut file, scratch).is_some() && !set.is_empty() {
            return Some(());
        }
        *set = CpuSet::EMPTY;
    }
    None
}

/// Adds to the empty `set` what the nearest cgroup that says so allows, from the own one upward, or else all that the
/// machine has. Returns which it was; `None` if in doubt.
#[inline(never)]
pub(crate) fn allowed(
    kind: Kind,
    files: &impl Files,
    places: &Places,
    set: &mut CpuSet,
    scratch: &mut [u8],
) -> Option<By> {
    if let Some(place) = places.hierarchy(Controller::Cpuset) {
        for level in place.chain() {
            if of_one(kind, &level.among(files), place.version, set, scratch).is_some() {
                return Some(By::level(Controller::Cpuset, level.depth()));
            }
        }
    }
    set.read(&mut files.open(online(kind))?, scratch)?;
    (!set.is_empty()).then_some(By::Machine)
}
