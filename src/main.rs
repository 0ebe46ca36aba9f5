//! The `cgproc` command: runs programs under a container's view, and shows what they see.
#![cfg_attr(not(test), no_main)]

mod answers;
mod auxv;
mod cgroup;
mod child;
mod cli;
mod clocks;
mod cpus;
mod declared;
mod doctor;
mod elf;
mod explain;
mod failure;
mod foreign;
mod home;
mod install;
mod kernel;
mod limits;
mod meant;
mod namespace;
mod object;
mod output;
mod preload_file;
mod published;
mod recorder;
mod run;
mod sampler;
mod sampling;
mod settings;
mod show;
mod signals;
mod size;
mod supervise;
mod trusted;
mod view;

use std::{
    ffi::{CStr, OsStr, OsString, c_char, c_int},
    os::unix::ffi::OsStrExt,
};

/// Entered straight from the C library. The standard library's own start would have SIGPIPE ignored and closed standard
/// descriptors opened on /dev/null, and the program that `run` starts would inherit both.
// SAFETY: no other `main` is linked in, this one has C's signature, and it is called with C's arguments.
#[cfg_attr(not(test), unsafe(export_name = "main"))]
#[cfg_attr(test, expect(dead_code, reason = "the test harness has a main of its own"))]
extern "C" fn entry(argc: c_int, argv: *const *const c_char) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    let argument = |index| {
        // SAFETY: C promises `argc` pointers to strings in `argv`, valid while the process lives.
        let text = unsafe { CStr::from_ptr(*argv.add(index)) };
        OsStr::from_bytes(text.to_bytes()).to_owned()
    };
    let arguments: Vec<OsString> = (0..count).map(argument).collect();
    cli::main(&arguments).into()
}
