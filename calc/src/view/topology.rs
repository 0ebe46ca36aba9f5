//! How the view's CPUs share packages.

use crate::{cpus::CpuSet, source::Files};

/// What the view has of each package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    known: [Package; 16],
}

/// What the view has of one package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// `physical id` of cpuinfo.
    pub id: u32,
    /// CPUs in the view; 0 for no package.
    pub siblings: u32,
    /// Cores of which a CPU is in the view.
    pub cores: u32,
}

impl Packages {
    /// Reads them in place, as far as the kernel tells: what is not known stays out.
    pub fn read(&mut self, files: &impl Files, online: &CpuSet, scratch: &mut [u8]) {
        let _ = (files, online, scratch);
    }

    /// The package with this `physical id`.
    pub fn of(&self, id: u64) -> Option<Package> {
        self.known.into_iter().find(|package| package.siblings > 0 && u64::from(package.id) == id)
    }
}
