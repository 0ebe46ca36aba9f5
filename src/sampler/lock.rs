//! The lock that lets only one sampler have a board: a record lock for writing, which requires a descriptor that is
//! open for writing. A process with read access can block it, but is not mistaken for a sampler.

use std::{fs::File, io, os::fd::AsRawFd};

/// Locks the whole file until it is closed; fails if anybody has a lock on it.
pub(super) fn take(file: &File) -> io::Result<()> {
    match control(file, libc::F_OFD_SETLK, &mut whole(libc::F_WRLCK)) {
        // A kernel before 3.15 has no such lock, and nobody is kept out.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        taken => taken,
    }
}

/// Whether somebody holds the lock that [`take`] takes: a test for a readers' lock conflicts only with writers.
pub(super) fn is_held(file: &File) -> bool {
    let mut found = whole(libc::F_RDLCK);
    control(file, libc::F_OFD_GETLK, &mut found).is_ok() && found.l_type != kind(libc::F_UNLCK)
}

fn control(file: &File, request: libc::c_int, lock: &mut libc::flock) -> io::Result<()> {
    // SAFETY: the request takes a pointer to a `flock`, which this is, and the descriptor is open as long as `file` is.
    match unsafe { libc::fcntl(file.as_raw_fd(), request, &raw mut *lock) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// From the first byte to the last possible one.
fn whole(of: libc::c_int) -> libc::flock {
    // SAFETY: all of its fields are numbers.
    let zero: libc::flock = unsafe { std::mem::zeroed() };
    libc::flock { l_type: kind(of), l_whence: kind(libc::SEEK_SET), ..zero }
}

fn kind(number: libc::c_int) -> libc::c_short {
    libc::c_short::try_from(number).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn try_as_reader(file: &File) -> bool {
        control(file, libc::F_OFD_SETLK, &mut whole(libc::F_RDLCK)).is_ok()
    }

    pub(in super::super) fn take_as_reader(file: &File) {
        assert!(try_as_reader(file));
    }

    #[test]
    fn readers_are_told_from_the_writer() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let open = |is_written| File::options().read(true).write(is_written).open(&path).unwrap();
        let (reader, writer, other) = (open(false), open(true), open(true));
        assert!(take(&reader).is_err() && !is_held(&reader));
        take_as_reader(&reader);
        assert!(take(&writer).is_err() && !is_held(&writer));
        drop(reader);
        take(&writer).unwrap();
        assert!(take(&other).is_err() && is_held(&other) && !is_held(&writer));
        assert!(is_held(&open(false)) && !try_as_reader(&open(false)));
        drop(writer);
        take(&other).unwrap();
    }
}
