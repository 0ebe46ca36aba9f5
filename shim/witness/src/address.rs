//! Where the reader listens.

use once_cell::race::OnceBox;
use rustix::net::SocketAddrUnix;
use std::ffi::{CStr, c_char};

/// Set by the constructor: programs that write their title overwrite the text of their environment later.
static ADDRESS: OnceBox<SocketAddrUnix> = OnceBox::new();

/// Whether there is a reader.
pub(crate) fn is_known() -> bool {
    ADDRESS.get().is_some() || named().is_some()
}

/// The reader's address.
pub(crate) fn get() -> Option<SocketAddrUnix> {
    match ADDRESS.get() {
        Some(address) => Some(address.clone()),
        None => read(),
    }
}

/// Remembers it. Allocates, so only the constructor may call it.
pub(crate) fn keep() {
    if let Some(address) = read() {
        let _ = ADDRESS.set(Box::new(address));
    }
}

fn read() -> Option<SocketAddrUnix> {
    SocketAddrUnix::new(named()?).ok()
}

unsafe extern "C" {
    /// The libc crate does not have it.
    fn secure_getenv(name: *const c_char) -> *const c_char;
}

/// The name of the variable, with its final NUL.
const NAME: [u8; witness_event::SOCKET.len() + 1] = {
    let mut name = [0; _];
    let mut at = 0;
    while at < witness_event::SOCKET.len() {
        name[at] = witness_event::SOCKET.as_bytes()[at];
        at += 1;
    }
    name
};

/// A program with more rights than its user tells nobody anything.
fn named() -> Option<&'static CStr> {
    // SAFETY: a string. The value is used before anything can change the environment.
    let value = unsafe { secure_getenv(NAME.as_ptr().cast()) };
    // SAFETY: the environment's strings end in a NUL.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) })
}
