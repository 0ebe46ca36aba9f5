//! Where the `cgproc` command starts; the rest is its library.
#![no_main]

use std::{
    ffi::{CStr, OsStr, OsString, c_char, c_int},
    os::unix::ffi::OsStrExt,
};

/// Called directly by the C library. The standard library's own start-up would ignore SIGPIPE and open closed standard
/// descriptors on /dev/null, and the program that `run` starts would inherit both.
// SAFETY: no other `main` is linked in, this one has C's signature, and it is called with C's arguments.
#[unsafe(export_name = "main")]
extern "C" fn entry(argc: c_int, argv: *const *const c_char) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    let argument = |index| {
        // SAFETY: C guarantees `argc` pointers to strings in `argv`, valid for the life of the process.
        let text = unsafe { CStr::from_ptr(*argv.add(index)) };
        OsStr::from_bytes(text.to_bytes()).to_owned()
    };
    let arguments: Vec<OsString> = (0..count).map(argument).collect();
    cgproc_command::main(&arguments).into()
}
