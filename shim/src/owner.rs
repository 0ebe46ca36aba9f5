//! Whether this process may change the shim's state: a vfork child runs in its parent's memory.

use crate::sys;
use core::{
    ffi::c_int,
    sync::atomic::{AtomicI32, Ordering::Relaxed},
};

/// The process that owns the state; 0 before the first.
static OWNER: AtomicI32 = AtomicI32::new(0);

/// Whether the state is this process's own.
pub(crate) fn is_ours() -> bool {
    is(sys::getpid())
}

/// Whether the state belongs to `own`, this process.
#[inline(never)]
pub(crate) fn is(own: c_int) -> bool {
    let owner = OWNER.load(Relaxed);
    if own == owner {
        return true;
    }
    if owner != 0 && is_in_memory_of(owner, own) {
        return false;
    }
    OWNER.store(own, Relaxed);
    true
}

/// Whether `own` is a vfork child of `owner`, which waits for it. A forked child has its own copy of the memory. The
/// kernel may refuse to tell a child with fewer rights than its parent.
#[cold]
fn is_in_memory_of(owner: c_int, own: c_int) -> bool {
    match sys::getppid() {
        // A parent outside this pid namespace has no number to compare.
        0 => sys::has_one_thread() && sys::has_memory_of_its_own() == Some(false),
        parent => parent == owner && sys::share_memory(own, owner) == Some(true),
    }
}
