//! The standard descriptors, which this process may have been started without.

use std::{fs::File, mem::forget, os::fd::AsRawFd};

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
