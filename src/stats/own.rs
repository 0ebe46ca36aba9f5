//! A cgroup's own limits, as its files say.

use super::files::Group;
use calc::{
    capacity::Capacity,
    cgroup::{
        Controller, Version, cpu,
        cpuset::{self, Kind},
        memory::Amounts,
        pids,
    },
    cpus::CpuSet,
};

/// Limits; `None` for what is not limited here.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) quota: Option<Capacity>,
    /// How many CPUs it may run on.
    pub(super) cpus: Option<u64>,
    pub(super) threads: Option<u64>,
    /// Its memory, with what was in use when the limits were read.
    pub(super) memory: Amounts,
    /// What it allows those below it: in version 1, a cgroup may keep its limit to itself.
    pub(super) handed_down: Amounts,
    /// Whether there were cgroups below it.
    pub(super) has_below: bool,
}

impl Own {
    /// Reads the limits that these controllers set.
    pub(super) fn read(group: &Group<'_>, version: Version, controllers: &[Controller], has_below: bool) -> Self {
        let text = &mut [0; 4096];
        let has = |controller| controllers.contains(&controller);
        let memory = if has(Controller::Memory) { Amounts::of_one(group, version, text) } else { Amounts::default() };
        let may_keep = version == Version::V1 && has_below && has(Controller::Memory);
        Self {
            quota: if has(Controller::Cpu) { cpu::quota(group, version, text) } else { None },
            cpus: if has(Controller::Cpuset) { cpus(group, version, text) } else { None },
            threads: if has(Controller::Pids) { pids::limit(group, text) } else { None },
            memory,
            handed_down: if may_keep { Amounts::for_those_below(group, version, text) } else { memory },
            has_below,
        }
    }
}

fn cpus(group: &Group<'_>, version: Version, text: &mut [u8]) -> Option<u64> {
    let mut set = CpuSet::EMPTY;
    cpuset::of_one(Kind::Cpus, group, version, &mut set, text)?;
    Some(set.count()).filter(|count| *count > 0)
}
