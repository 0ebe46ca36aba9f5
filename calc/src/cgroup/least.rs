//! The least that the levels of a chain allow: the one fold over them.

use crate::capacity::Capacity;

/// A limit that may be less than another.
pub trait Limit: Copy {
    /// Whether it allows less.
    fn is_less(&self, other: &Self) -> bool;
}

impl Limit for Capacity {
    fn is_less(&self, other: &Self) -> bool {
        self.is_less(other)
    }
}

impl Limit for u64 {
    fn is_less(&self, other: &Self) -> bool {
        self < other
    }
}

/// Takes a level's limit into account; whether it is less than those before. Of two that allow the same, the first one counts.
pub fn lower<L: Limit>(least: &mut Option<L>, limit: L) -> bool {
    let is_least = least.is_none_or(|least| limit.is_less(&least));
    if is_least {
        *least = Some(limit);
    }
    is_least
}

/// The least limit of memory or of swap, and the least of what the levels have left, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// `None` where nobody limits it.
    pub limit: Option<u64>,
    /// `None` where nobody can say what is used: all of it would be too much, and nothing too little.
    pub left: Option<u64>,
}

impl Room {
    pub(crate) const NONE: Self = Self { limit: None, left: None };

    /// Takes a level into account; whether its limit is the least so far. What is used may not be known.
    pub(crate) fn lower(&mut self, limit: u64, usage: Option<u64>) -> bool {
        if let Some(usage) = usage {
            lower(&mut self.left, limit.saturating_sub(usage));
        }
        lower(&mut self.limit, limit)
    }
}
