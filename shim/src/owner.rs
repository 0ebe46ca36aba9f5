//! Whether this process may change the shim's state: a vfork child runs in its parent's memory.

use crate::sys;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// The process that the state belongs to; 0 before the first.
static OWNER: AtomicI32 = AtomicI32::new(0);

/// Whether the state is this process's own.
pub(crate) fn is_ours() -> bool {
    let (own, owner) = (sys::getpid(), OWNER.load(Relaxed));
    if own == owner {
        return true;
    }
    // A vfork child's parent is the owner, and waits. A forked child took its memory with it; the kernel may not tell one
    // that has fewer rights than its parent.
    if owner != 0 && sys::getppid() == owner && sys::share_memory(own, owner) == Some(true) {
        return false;
    }
    OWNER.store(own, Relaxed);
    true
}
