//! Figures under load: whatever a container does, what its programs read adds up, never runs backwards, and shows the
//! share of its own capacity that it uses. A file that a program keeps open is as fresh as the kernel's own.

mod bed;

#[path = "load/figures.rs"]
mod figures;
#[path = "load/fresh.rs"]
mod fresh;
#[path = "load/shares.rs"]
mod shares;

use bed::{Container, PLAIN};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A container ahead of all other work on the machine, so it gets what it is allowed.
const FAVOURED: Container = Container { is_favoured: true, ..PLAIN };

/// Only one such container runs at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Longer than anything should take, in seconds.
const HANGS: u32 = 400;
