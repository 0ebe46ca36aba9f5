//! Descriptors that must not lack: the standard ones, which this process may have been started without, and those that
//! its clients take.

use std::{fs::File, mem::forget, os::fd::AsRawFd};

/// Descriptors that nothing else keeps, because clients of this process may take as many.
pub(crate) const FOR_CLIENTS: u64 = 65;

/// If we were started without some standard descriptors, keeps files of ours from getting their numbers: the program
/// then finds them closed, as it would without us.
pub(crate) fn hold_closed_standard_descriptors() {
    while let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let number = null.as_raw_fd();
        if number > 2 {
            break;
        }
        forget(null);
    }
}
