//! Tests run side by side, except when one needs the machine to itself.

use std::sync::{Condvar, Mutex};

/// How many tests are running; negative if one runs alone.
static RUNNING: Mutex<i32> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

/// A test's right to run, until dropped.
pub(crate) struct Turn(i32);

impl Turn {
    /// Beside others. A test may hold several.
    pub(crate) fn beside_others() -> Self {
        Self::take(1, |running| running >= 0)
    }

    /// Once no other test is running; none starts meanwhile.
    pub(crate) fn alone() -> Self {
        Self::take(-1, |running| running == 0)
    }

    fn take(share: i32, may_begin: impl Fn(i32) -> bool) -> Self {
        let running = RUNNING.lock().expect("the turns");
        *CHANGED.wait_while(running, |running| !may_begin(*running)).expect("the turns") += share;
        Self(share)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().expect("the turns") -= self.0;
        CHANGED.notify_all();
    }
}
