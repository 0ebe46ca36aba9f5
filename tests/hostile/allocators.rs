//! Others between a program and its libc: allocators, directories and names, before and behind the object.

use crate::{
    bed::{self, Findings, OWN_ETC},
    probes::{self, Case, Form, Libc, SMALL, program, quoted},
};
use std::path::Path;

pub(crate) const ALLOCATORS: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
    "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4",
    "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2",
];

/// Functions whose results libc allocates and we thin out.
const LISTS: [&str; 2] = ["scandir", "glob"];

/// A title, and how to run a command with such preloads.
type Way<'a> = (String, &'a dyn Fn(&str) -> String);

/// Runs `answer` of each of `symbols` in `probe`, under the object alone and then in each of the `ways`: the results
/// must be alike.
fn all_alike(libc: Libc, probe: &str, symbols: &[&str], ways: &[Way]) {
    let (object, program) = (bed::object(), program(libc, probe));
    let mut cases = Vec::new();
    for symbol in symbols {
        cases.push(Case::new(Some(&object), &[], &program, &["answer", symbol]));
        let command = format!("{} answer {symbol}", quoted(&program.to_string_lossy()));
        cases.extend(ways.iter().map(|(title, way)| Case { title: title.clone(), command: way(&command) }));
    }
    let results = probes::run(&SMALL, &cases);
    let mut findings = Findings::default();
    for (symbol, results) in symbols.iter().zip(results.chunks(ways.len() + 1)) {
        assert_eq!(results[0].status, 0, "{symbol}: {}", results[0].text);
        assert!(!results[0].text.is_empty() && results[0].text != "absent", "{symbol}: {}", results[0].text);
        for ((title, _), seen) in ways.iter().zip(&results[1..]) {
            findings.check(*seen == results[0], || {
                format!("{libc:?}, {title}, {symbol}: {}, {}\n  for {}", seen.status, seen.text, results[0].text)
            });
        }
    }
    findings.conclude(probe);
}

fn in_order(preload: &str, command: &str) -> String {
    format!("LD_PRELOAD={} {command}", quoted(preload))
}

/// Our object from the loader's file, theirs from the environment: theirs comes first.
fn from_file(file: &str, preload: &str, command: &str) -> String {
    let script = format!("{OWN_ETC} && echo {} >/etc/ld.so.preload && {}", quoted(file), in_order(preload, command));
    format!("unshare -m bash -c {}", quoted(&script))
}

#[test]
fn memory_goes_back_to_who_gave_it() {
    let object = bed::object().display().to_string();
    for allocator in ALLOCATORS {
        assert!(Path::new(allocator).exists(), "{allocator}: tests/bed/setup packages");
        let ways: [Way; 3] = [
            (format!("{allocator} by the environment"), &|command| from_file(&object, allocator, command)),
            (format!("{allocator} first"), &|command| in_order(&format!("{allocator}:{object}"), command)),
            (format!("{allocator} second"), &|command| in_order(&format!("{object}:{allocator}"), command)),
        ];
        all_alike(Libc::Glibc, "directory", &LISTS, &ways);
    }
}

#[test]
fn a_program_with_an_allocator_of_its_own() {
    let object = bed::object();
    for libc in Libc::ALL {
        let own = program(libc, "own-malloc");
        let results = probes::run(&SMALL, &[Case::new(Some(&object), &[], &own, &[])]);
        assert_eq!(results[0].text, "scandir 1\nglob 1", "{libc:?}");
        assert_eq!(results[0].status, 0, "{libc:?}");
    }
}

#[test]
fn names_of_another_libc() {
    let object = bed::object();
    let neighbour = probes::build(Libc::Musl, "no-glibc", Form::Object);
    let [ours, theirs] = [&object, &neighbour].map(|path| path.display().to_string());
    let ways: [Way; 2] = [
        ("theirs second".into(), &|command| in_order(&format!("{ours}:{theirs}"), command)),
        ("theirs first".into(), &|command| in_order(&format!("{theirs}:{ours}"), command)),
    ];
    all_alike(Libc::Musl, "directory", &LISTS, &ways);
    // Data with a function's name is not called.
    for libc in Libc::ALL {
        let neighbour = probes::build(libc, "no-glibc", Form::Object);
        let order = format!("{}:{}", object.display(), neighbour.display());
        let cpus = program(libc, "cpus");
        let off = [("CGPROC", "off")];
        let arguments = ["answer", "get_phys_pages"];
        let results = probes::run(
            &SMALL,
            &[
                Case::new(Some(&object), &off, &cpus, &arguments),
                Case::new(Some(Path::new(&order)), &off, &cpus, &arguments),
            ],
        );
        assert_eq!(results[0].status, 0, "{libc:?}: {}", results[0].text);
        assert_eq!(results[1], results[0], "{libc:?}");
    }
}

#[test]
fn directories_of_another() {
    let object = bed::object().display().to_string();
    let neighbour = probes::build(Libc::Glibc, "own-dirent", Form::Object).display().to_string();
    let ways: [Way; 2] = [
        ("theirs first".into(), &|command| in_order(&format!("{neighbour}:{object}"), command)),
        ("theirs second".into(), &|command| in_order(&format!("{object}:{neighbour}"), command)),
    ];
    all_alike(Libc::Glibc, "directory", &["opendir", "readdir", "readdir64"], &ways);
}
