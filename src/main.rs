//! The `cgproc` command: runs programs under a container's view, and shows what they see.
#![cfg_attr(not(test), no_main)]

mod cdi;
mod cli;
mod doctor;
mod failure;
mod host;
mod inject;
mod install;
mod meant;
mod metrics;
mod nri;
mod output;
mod run;
mod runtime;
mod sampler;
mod seconds;
mod see;
mod settings;
mod stats;
mod top;
mod trace;

use std::{
    ffi::{CStr, OsStr, OsString, c_char, c_int},
    os::unix::ffi::OsStrExt,
};

/// Called directly by the C library. The standard library's own start-up would ignore SIGPIPE and open closed standard
/// descriptors on /dev/null, and the program that `run` starts would inherit both.
// SAFETY: no other `main` is linked in, this one has C's signature, and it is called with C's arguments.
#[cfg_attr(not(test), unsafe(export_name = "main"))]
#[cfg_attr(test, expect(dead_code, reason = "the test harness has a main of its own"))]
extern "C" fn entry(argc: c_int, argv: *const *const c_char) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    let argument = |index| {
        // SAFETY: C guarantees `argc` pointers to strings in `argv`, valid for the life of the process.
        let text = unsafe { CStr::from_ptr(*argv.add(index)) };
        OsStr::from_bytes(text.to_bytes()).to_owned()
    };
    let arguments: Vec<OsString> = (0..count).map(argument).collect();
    let is_runtime = arguments.first().is_some_and(|program| runtime::is_meant(program));
    if is_runtime { runtime::main(&arguments) } else { cli::main(&arguments) }.into()
}
