//! Programs that were not loaded by exec alone, and libraries that are unloaded while we look.

use crate::{
    Shows,
    bed::{self, Findings},
    fare_with,
    probes::{self, Case, Form, Libc, SMALL},
};
use std::path::PathBuf;

/// Starts a program with this libc as a packer's stub does: the kernel only knows the stub, which is gone.
pub(crate) fn packed(libc: Libc) -> (PathBuf, PathBuf) {
    let loader = match libc {
        Libc::Glibc => "/lib64/ld-linux-x86-64.so.2",
        Libc::Musl => "/lib/ld-musl-x86_64.so.1",
    };
    (probes::build(Libc::Glibc, "packed", Form::Bare), PathBuf::from(loader))
}

fn text(path: &std::path::Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_loader_of_the_programs_own() {
    let object = bed::object();
    for libc in Libc::ALL {
        let (stub, loader) = packed(libc);
        let (seen, results) = probes::figures(&SMALL, libc, |_, figures| {
            let arguments = [text(&loader), text(figures)];
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            vec![
                Case::new(None, &[], &stub, &arguments),
                Case::new(Some(&object), &[], &stub, &arguments),
                Case::new(Some(&object), &[("CGPROC", "off")], &stub, &arguments),
            ]
        });
        assert_eq!(results[0].text, seen.kernels, "{libc:?}: without the object");
        assert_eq!(results[1].text, seen.containers, "{libc:?}");
        assert_eq!(results[2].text, seen.kernels, "{libc:?}: turned off");
    }
}

/// A library that another thread unloads is not touched: nothing loaded after the program's start is.
#[test]
fn a_library_that_goes_while_we_look() {
    for libc in Libc::ALL {
        let library = text(&probes::build(libc, "empty", Form::Object));
        fare_with(libc, &[("storm", &["gone", &library], Shows::Containers)]);
    }
}

/// Neither the object, nor libc on its behalf, makes an invalid read or free.
#[test]
fn nothing_that_valgrind_would_say() {
    let object = bed::object();
    let mut findings = Findings::default();
    let directory = text(&probes::program(Libc::Glibc, "directory"));
    let figures = text(&probes::program(Libc::Glibc, "figures"));
    let programs = [
        figures,
        "nproc".into(),
        "free".into(),
        format!("{directory} answer scandir"),
        format!("{directory} answer glob"),
    ];
    let cases: Vec<_> = programs
        .iter()
        .map(|program| Case {
            title: program.clone(),
            command: format!(
                "LD_PRELOAD={} valgrind --leak-check=no --error-exitcode=99 {program}",
                probes::quoted(&object.to_string_lossy())
            ),
        })
        .collect();
    for (program, result) in programs.iter().zip(probes::run(&SMALL, &cases)) {
        let is_clean = result.status == 0 && result.text.contains("ERROR SUMMARY: 0 errors from 0 contexts");
        findings.check(is_clean, || format!("{program}: {}\n{}", result.status, result.text));
    }
    findings.conclude("valgrind");
}
