//! Who imposed a limit, by name. calc determines who it was.

use crate::see::view::View;
use calc::{
    cgroup::least::By,
    settings::CpuCount,
    source::{Files, Scratch},
    view::{
        cpu::{self, Choice},
        imposer, memory,
    },
};
use serde::Serialize;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// The total memory.
    Memory,
    /// The memory that is left.
    MemoryLeft,
    Swap,
    /// CPU time per period.
    Quota,
    /// The CPUs, by the cpuset and the quota.
    Cpus,
    /// CPU time, by the quota or the number of CPUs.
    Capacity,
    Pids,
    /// Space on the root's file system.
    Disk,
}

/// Who imposed a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", content = "name", rename_all = "snake_case")]
pub(super) enum Imposer {
    /// The cgroup with this directory.
    Cgroup(String),
    /// A cgroup that is not visible, known from the board or from version 1's `hierarchical_memory_limit`.
    OutOfSight(&'static str),
    /// A setting.
    Setting(&'static str),
}

/// A cgroup known from the board.
pub(super) const BOARD: Imposer = Imposer::OutOfSight("the board");

/// Who set each limit of a view.
pub(super) struct Setters {
    memory: memory::SetBy,
    cpus: cpu::SetBy,
    quota: By,
    pids: By,
}

impl Setters {
    /// The setters of a view whose CPUs are counted as `by` says.
    pub(super) fn of(view: &View<impl Files>, by: CpuCount) -> Self {
        let (files, places, above) = (&view.files, &view.places, &view.above);
        let scratch: &mut Scratch = &mut [0; _];
        let mut memory = memory::set_by(files, places, above, &view.machine, scratch).unwrap_or_default();
        let mut cpus = cpu::SetBy::default();
        cpu::count(files, places, above, Choice::by(by), &mut cpus, scratch);
        for by in [&mut memory.total, &mut memory.left, &mut cpus.online, &mut cpus.capacity] {
            *by = imposer::traced(*by, files, places, scratch);
        }
        let quota = view.quota(by, above).map_or(By::Machine, |quota| quota.by);
        Self { memory, cpus, quota, pids: view.threads_limit().map_or(By::Machine, |limit| limit.by) }
    }

    fn by(&self, resource: Resource) -> By {
        match resource {
            Resource::Memory => self.memory.total,
            Resource::MemoryLeft => self.memory.left,
            Resource::Swap => self.memory.swap,
            Resource::Quota => self.quota,
            Resource::Cpus => self.cpus.online,
            Resource::Capacity => self.cpus.capacity,
            Resource::Pids => self.pids,
            Resource::Disk => By::Declared,
        }
    }

    /// Who imposed the limit of `resource`, by name.
    pub(super) fn imposer(&self, resource: Resource, view: &View<impl Files>) -> Option<Imposer> {
        match (self.by(resource), resource) {
            (By::Machine, _) | (By::Effective, Resource::Swap) => None,
            (By::Effective, _) => Some(Imposer::OutOfSight("hierarchical_memory_limit")),
            (By::Above, _) => Some(BOARD),
            (By::Declared, Resource::Disk) => Some(Imposer::Setting("CGPROC_DISK")),
            (By::Declared, Resource::Memory | Resource::MemoryLeft) => Some(Imposer::Setting("CGPROC_MEMORY")),
            (By::Declared, _) => Some(Imposer::Setting("CGPROC_CPUS")),
            (by @ By::Level { .. }, _) => {
                let scratch: &mut Scratch = &mut [0; _];
                let directory = imposer::directory(by, &view.places, scratch)?;
                Some(Imposer::Cgroup(directory.to_string_lossy().into_owned()))
            }
        }
    }
}
