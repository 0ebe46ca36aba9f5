//! The standard descriptors that this process was started with, or without.

use std::{fs::File, mem::forget, os::fd::AsRawFd};

/// Keeps the numbers of standard descriptors that we were started without from being given to files of ours: the
/// program gets them closed, as it would without us.
pub(crate) fn hold_closed_standard_descriptors() {
    while let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let number = null.as_raw_fd();
        if number > 2 {
            break;
        }
        forget(null);
    }
}
