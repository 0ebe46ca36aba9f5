//! lseek(2), pread(2), fseek(3): a file that was told of is read again from its start.

use crate::{
    asked::{self, Question},
    door::doors,
    got, marked,
};
use libc::{FILE, SEEK_SET, c_int, c_long, c_void, iovec, off_t, size_t, ssize_t};

doors! {
    lseek(fd: c_int, offset: off_t, whence: c_int) -> off_t, asks to(fd, offset, whence), gives got::again(fd);
    lseek64(fd: c_int, offset: off_t, whence: c_int) -> off_t, asks to(fd, offset, whence), gives got::again(fd);
    pread(fd: c_int, into: *mut c_void, len: size_t, offset: off_t) -> ssize_t, asks at(fd, offset), gives got::again(fd);
    pread64(fd: c_int, into: *mut c_void, len: size_t, offset: off_t) -> ssize_t, asks at(fd, offset), gives got::again(fd);
    // What `pread` is in a fortified program.
    __pread_chk(fd: c_int, into: *mut c_void, len: size_t, offset: off_t, room: size_t) -> ssize_t,
        asks at(fd, offset), gives got::again(fd);
    __pread64_chk(fd: c_int, into: *mut c_void, len: size_t, offset: off_t, room: size_t) -> ssize_t,
        asks at(fd, offset), gives got::again(fd);
    preadv(fd: c_int, into: *const iovec, count: c_int, offset: off_t) -> ssize_t, asks at(fd, offset), gives got::again(fd);
    preadv64(fd: c_int, into: *const iovec, count: c_int, offset: off_t) -> ssize_t, asks at(fd, offset), gives got::again(fd);
    preadv2(fd: c_int, into: *const iovec, count: c_int, offset: off_t, flags: c_int) -> ssize_t,
        asks at(fd, offset), gives got::again(fd);
    preadv64v2(fd: c_int, into: *const iovec, count: c_int, offset: off_t, flags: c_int) -> ssize_t,
        asks at(fd, offset), gives got::again(fd);
    rewind(file: *mut FILE) -> (), asks stream_to(file, 0, SEEK_SET), gives got::stream_again(file);
    fseek(file: *mut FILE, offset: c_long, whence: c_int) -> c_int,
        asks stream_to(file, offset, whence), gives got::stream_again(file);
    fseeko(file: *mut FILE, offset: off_t, whence: c_int) -> c_int,
        asks stream_to(file, offset, whence), gives got::stream_again(file);
    fseeko64(file: *mut FILE, offset: off_t, whence: c_int) -> c_int,
        asks stream_to(file, offset, whence), gives got::stream_again(file);
}

fn to(fd: c_int, offset: off_t, whence: c_int) -> Option<Question> {
    if whence == SEEK_SET { at(fd, offset) } else { None }
}

fn at(fd: c_int, offset: off_t) -> Option<Question> {
    if offset != 0 || !marked::is_marked(fd) {
        return None;
    }
    let question = asked::descriptor(fd);
    if question.is_none() {
        marked::forget(fd);
    }
    question
}

/// # Safety
/// The stream is open.
unsafe fn stream_to(file: *mut FILE, offset: off_t, whence: c_int) -> Option<Question> {
    if offset != 0 || whence != SEEK_SET {
        return None;
    }
    // SAFETY: the caller guarantees it.
    at(unsafe { libc::fileno(file) }, 0)
}
