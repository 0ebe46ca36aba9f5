//! How long the suite runs: short, some ten minutes in all, or long.

use crate::bed;
use std::sync::OnceLock;

static IS_LONG: OnceLock<bool> = OnceLock::new();

/// What the command line says; once.
pub(crate) fn choose(is_long: bool) {
    IS_LONG.set(is_long).expect("one choice");
}

/// What a part in a process of its own is told.
pub(crate) fn option() -> Option<&'static str> {
    is_long().then_some("--long")
}

pub(crate) fn is_long() -> bool {
    *IS_LONG.get().expect("a choice")
}

/// One of two, by the length.
pub(crate) fn of<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// A number of rounds, by the length; fewer in User-Mode Linux, whose system calls are slow.
pub(crate) fn rounds(short: u32, long: u32) -> u32 {
    of(short, long) / if bed::host().is_uml { 8 } else { 1 }
}
