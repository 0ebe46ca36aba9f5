//! The least that the levels of a chain allow, and who set it: the one fold over them.

use super::Controller;
use crate::capacity::Capacity;

/// Who set a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Nobody: the machine has no more.
    #[default]
    Machine,
    /// A cgroup in sight.
    Level {
        /// Of whose hierarchy it is.
        controller: Controller,
        /// How far below the mount it is, as the length of its path.
        depth: u16,
    },
    /// A cgroup above those in sight, as the board tells.
    Above,
    /// This cgroup or one above it: version 1's `memory.stat` has the least limit of them all.
    Effective,
    /// A setting, in place of all limits.
    Declared,
}

impl By {
    pub(crate) fn level(controller: Controller, depth: usize) -> Self {
        // All paths of a process's places fit into their pool.
        // No path is longer than the pool that holds it.
        Self::Level { controller, depth: depth as u16 }
    }

    /// How deep the cgroup is; 0 for what is none in sight.
    pub(crate) fn depth(self) -> usize {
        if let Self::Level { depth, .. } = self { depth.into() } else { 0 }
    }
}

/// A limit that may be less than another.
pub trait Limit {
    /// Whether it allows less.
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

/// The least limit, and who set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Least<L> {
    /// The limit.
    pub value: L,
    /// Who set it.
    pub by: By,
}

/// Takes a limit into account; whether it is less than those before. Of two that allow the same, the first one counts.
pub(crate) fn lower<L: Limit>(least: &mut Option<Least<L>>, value: L, by: By) -> bool {
    let is_least = least.as_ref().is_none_or(|least| value.is_less(&least.value));
    if is_least {
        *least = Some(Least { value, by });
    }
    is_least
}

/// The least limit of memory or of swap, and the least of what the levels have left, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// `None` where nobody limits it.
    pub(crate) limit: Option<Least<u64>>,
    /// `None` where nobody can say what is used: all of it would be too much, and nothing too little.
    pub(crate) left: Option<Least<u64>>,
}

impl Room {
    pub(crate) const NONE: Self = Self { limit: None, left: None };

    /// Takes a level into account; whether its limit is the least so far. What is used may not be known.
    pub(crate) fn lower(&mut self, limit: u64, usage: Option<u64>, by: By) -> bool {
        if let Some(usage) = usage {
            lower(&mut self.left, limit.saturating_sub(usage), by);
        }
        lower(&mut self.limit, limit, by)
    }
}
