//! The limits in force for a cgroup: its own and those of all above it, in sight or not.

use super::{
    member::Member,
    sample::{Limits, Machine},
};
use crate::see::board_reader::BoardReader;
use calc::{
    board::{self, Above, Block},
    cgroup::Controller,
};

/// What a cgroup may have, in one hierarchy.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    /// Under its own limits and those above.
    pub(super) limits: Above,
    /// Under those that it hands down. In version 1, a cgroup may keep its memory limit to itself.
    below: Above,
    /// How many CPUs it may run on, if a cgroup says so.
    cpus: Option<u64>,
    threads: Option<u64>,
    /// Its memory in use.
    pub(super) memory_bytes: Option<u64>,
}

impl Sum {
    const NONE: Self = Self { limits: Above::NONE, below: Above::NONE, cpus: None, threads: None, memory_bytes: None };
}

/// The limits of a hierarchy's cgroups, by index, as far as they were asked for.
pub(super) type Sums = Vec<Option<Sum>>;

/// Sums up the limits of the cgroups at `wanted` and of all above them.
pub(super) fn sum_up(member: &mut Member, wanted: &[usize], board: Option<&BoardReader>, now_usec: u64) -> Sums {
    let mut sums = vec![None; member.length()];
    let mut is_wanted = vec![false; sums.len()];
    for index in wanted {
        let chain = std::iter::successors(Some(*index), |index| member.hierarchy.node(*index)?.parent());
        for index in chain {
            match is_wanted.get_mut(index) {
                Some(known) if !*known => *known = true,
                // Those above are marked already.
                _ => break,
            }
        }
    }
    for index in member.hierarchy.order() {
        if is_wanted.get(index) == Some(&true) {
            sums[index] = Some(summed(member, index, &sums, board, now_usec));
        }
    }
    sums
}

fn summed(member: &mut Member, index: usize, sums: &Sums, board: Option<&BoardReader>, now_usec: u64) -> Sum {
    let parent = member.hierarchy.node(index).and_then(|node| node.parent());
    let above = parent.and_then(|parent| sums.get(parent)?.clone());
    if member.hierarchy.is_machines_root(index) {
        return Sum::NONE;
    }
    let above = above.unwrap_or_else(|| {
        let published = board.and_then(|board| published(member, index, board, now_usec)).unwrap_or(Above::NONE);
        Sum { below: published, ..Sum::NONE }
    });
    with_own(member, index, &above)
}

/// The limits above a cgroup that has none above it in sight.
fn published(member: &Member, index: usize, board: &BoardReader, now_usec: u64) -> Option<Above> {
    let mut block = Block::EMPTY;
    let key = *member.keys(index).first()?;
    board::find(board, key, now_usec, &mut block)?;
    block.above()
}

/// A cgroup's own limits, under those above it. What is in use is read at every look, limits only if they may have
/// changed.
fn with_own(member: &mut Member, index: usize, above: &Sum) -> Sum {
    let Some(own) = member.own(index) else { return above.clone() };
    let memory_bytes = member.memory_in_use(index);
    let mut limits = above.below;
    if let Some(quota) = own.quota {
        limits.lower_quota(quota);
    }
    let mut below = limits;
    limits.lower_memory(&own.memory.with_usage(memory_bytes));
    below.lower_memory(&own.handed_down.with_usage(memory_bytes));
    let least = |own: u64| above.threads.map_or(own, |above| above.min(own));
    Sum {
        limits,
        below,
        cpus: own.cpus.or(above.cpus),
        threads: own.threads.map(least).or(above.threads),
        memory_bytes,
    }
}

/// The limits as they are shown, from the sums of the hierarchies of each controller.
pub(super) fn shown<'s>(sum: impl Fn(Controller) -> Option<&'s Sum>, machine: &Machine) -> Limits {
    let limited = |bytes: u64| (bytes < u64::MAX).then_some(bytes);
    let memory = sum(Controller::Memory).map(|sum| &sum.limits);
    let quota = sum(Controller::Cpu).and_then(|sum| sum.limits.quota());
    let quota_cpus = quota.map(|quota| quota.quota_usec as f64 / quota.period_usec as f64);
    let cpus = sum(Controller::Cpuset).and_then(|sum| sum.cpus).unwrap_or(machine.cpus).min(machine.cpus) as f64;
    Limits {
        cpus: Some(quota_cpus.map_or(cpus, |quota| quota.min(cpus))),
        quota_cpus,
        memory_bytes: memory.and_then(|it| limited(it.memory_limit_bytes)),
        swap_bytes: memory.and_then(|it| limited(it.swap_limit_bytes)),
        threads: sum(Controller::Pids).and_then(|sum| sum.threads),
    }
}
