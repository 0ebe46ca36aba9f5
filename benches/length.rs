//! How long the suite runs: short, some ten minutes in all, or long.

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
