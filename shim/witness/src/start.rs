//! What happens when the library is loaded.

use crate::{address, tell};

/// glibc calls the constructors of a program's own libraries first, so hooks may run before this one.
#[ctor::ctor(unsafe)]
fn start() {
    address::keep();
    tell::start();
}
