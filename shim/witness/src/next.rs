//! The definition of a function behind ours.

use once_cell::race::OnceNonZeroUsize;
use std::{ffi::CStr, num::NonZeroUsize};

/// Stands for a function that nobody behind us defines.
const ABSENT: NonZeroUsize = NonZeroUsize::MIN;

/// Where the definition of one function is, once it was looked up.
///
/// redhook has its own, behind a `std::sync::Once`: dlsym may call malloc, whose initialisation may call the same hook,
/// which would then wait for itself. Here whoever finds no entry looks it up, and all find the same.
pub(crate) struct Next(OnceNonZeroUsize);

impl Next {
    pub(crate) const fn new() -> Self {
        Self(OnceNonZeroUsize::new())
    }

    /// The address of `symbol` in the objects after this one.
    pub(crate) fn address(&self, symbol: &CStr) -> Option<NonZeroUsize> {
        let found = self.0.get_or_init(|| {
            // SAFETY: a string; the loader knows by this code's address who asks.
            let address = unsafe { libc::dlsym(libc::RTLD_NEXT, symbol.as_ptr()) };
            NonZeroUsize::new(address as usize).unwrap_or(ABSENT)
        });
        (found != ABSENT).then_some(found)
    }
}
