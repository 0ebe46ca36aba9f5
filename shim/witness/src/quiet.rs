//! Programs that install a seccomp filter: it may kill them for a system call that they do not make themselves.

use crate::tell;
use std::sync::atomic::{AtomicBool, Ordering};

static QUIET: AtomicBool = AtomicBool::new(false);

/// Whether this process is told of no more.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Installs the filter, and is quiet from then on.
#[cold]
pub(crate) fn after<R: PartialEq + From<i8>>(install: impl FnOnce() -> R) -> R {
    if !is_quiet() {
        tell::unfit("", b"the program installs a seccomp filter, which may not allow what the witness does");
    }
    let was = QUIET.swap(true, Ordering::Relaxed);
    let returned = install();
    if returned == R::from(-1) {
        QUIET.store(was, Ordering::Relaxed);
    }
    returned
}
