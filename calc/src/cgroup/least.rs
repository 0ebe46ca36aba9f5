//! The least that the levels of a chain allow, and which of them set it: the only fold over levels.

use super::Controller;
use crate::capacity::Capacity;

/// What set a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Nothing: the machine has no more.
    #[default]
    Machine,
    /// A cgroup in sight.
    Level {
        /// The controller whose hierarchy it is in.
        controller: Controller,
        /// Its depth below the mount, as the length of its path.
        depth: u16,
    },
    /// A cgroup above those in sight, according to the board.
    Above,
    /// This cgroup or one above it: version 1's `memory.stat` has the lowest limit of them all.
    Effective,
    /// A setting, in place of all limits.
    Declared,
}

impl By {
    pub(crate) fn level(controller: Controller, depth: usize) -> Self {
        // A path is no longer than the pool that holds it.
        Self::Level { controller, depth: depth as u16 }
    }

    /// The cgroup's depth; 0 if it is none in sight.
    pub(crate) fn depth(self) -> usize {
        if let Self::Level { depth, .. } = self { depth.into() } else { 0 }
    }
}

/// A limit that can be compared with others.
pub trait Limit {
    /// Whether it allows less than `other`.
    fn is_less(&self, other: &Self) -> bool;
}

impl Limit for u64 {
    fn is_less(&self, other: &Self) -> bool {
        self < other
    }
}

impl Limit for Capacity {
    fn is_less(&self, other: &Self) -> bool {
        self.is_less(other)
    }
}

/// The lowest limit, and what set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Least<L> {
    /// The limit.
    pub value: L,
    /// What set it.
    pub by: By,
}

/// Takes a limit into account, and returns whether it is lower than all before. Of two equal ones, the first counts.
pub(crate) fn lower<L: Limit>(least: &mut Option<Least<L>>, value: L, by: By) -> bool {
    let is_least = least.as_ref().is_none_or(|least| value.is_less(&least.value));
    if is_least {
        *least = Some(Least { value, by });
    }
    is_least
}

/// The lowest limit of memory or of swap, and the least that a level has left, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// `None` if there is no limit.
    pub(crate) limit: Option<Least<u64>>,
    /// `None` if the usage is unknown: all of the limit would be too much, and nothing too little.
    pub(crate) left: Option<Least<u64>>,
}

impl Room {
    pub(crate) const NONE: Self = Self { limit: None, left: None };

    /// Takes a level into account, and returns whether its limit is the lowest so far. The usage may be unknown.
    pub(crate) fn lower(&mut self, limit: u64, usage: Option<u64>, by: By) -> bool {
        if let Some(usage) = usage {
            lower(&mut self.left, limit.saturating_sub(usage), by);
        }
        lower(&mut self.limit, limit, by)
    }
}
