//! What a loader starts that is no usual program: programs that need no library, libraries, and itself.

use crate::{
    bed, is_left_alone, preloaded,
    probes::{self, Form, Libc, quoted},
    without_and_with,
};
use std::path::Path;

/// The network plugins of Kubernetes are such programs; the Go program is built as they are.
#[test]
fn a_program_that_needs_no_library() {
    let go = bed::programs().join("counts-go-pie");
    let of_c = Libc::ALL.map(|libc| probes::build(libc, "alone", Form::Alone));
    let programs = [&go, &of_c[0], &of_c[1]];
    for program in programs {
        let told = bed::sh(&format!("readelf -ldW {}", quoted(&program.to_string_lossy())));
        assert!(told.contains("INTERP") && !told.contains("(NEEDED)"), "{}: {told}", program.display());
    }
    let pairs = without_and_with(&programs.map(|program| preloaded(program, "")));
    for (program, pair) in programs.iter().zip(&pairs) {
        is_left_alone(&program.display().to_string(), pair);
    }
    assert_eq!([pairs[0][0].status, pairs[1][0].status, pairs[2][0].status], [0, 7, 7], "{pairs:?}");
}

/// Run as programs, both print what they are; asked for a program's libraries, loaders list them.
#[test]
fn a_c_library_or_a_loader_that_is_run() {
    let musl = Libc::Musl.library();
    let of_musl = probes::program(Libc::Musl, "figures");
    let glibc = Path::new("/lib64/ld-linux-x86-64.so.2");
    let cat = Path::new("/bin/cat");
    // The object itself is one of the libraries, and addresses differ.
    let listed = "| sed '/libcgproc/d; s/ (0x.*//'";
    let commands = [
        preloaded(&Libc::Glibc.library(), ""),
        preloaded(glibc, "--version"),
        preloaded(glibc, "--help"),
        preloaded(&musl, ""),
        format!("{} {listed}", preloaded(glibc, "--list /bin/cat")),
        format!("LD_TRACE_LOADED_OBJECTS=1 {} {listed}", preloaded(cat, "")),
        format!("{} {listed}", preloaded(&musl, &format!("--list {}", quoted(&of_musl.to_string_lossy())))),
        preloaded(Path::new("/sbin/ldconfig"), "-p"),
    ];
    for (command, pair) in commands.iter().zip(without_and_with(&commands)) {
        is_left_alone(command, &pair);
    }
}
