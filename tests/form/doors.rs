//! All doors of the C libraries: every function that may give a path or a figure is hooked, or listed in
//! tests/form/doors.tsv with the reason why not. A library with a new one is caught here.

use crate::bed;
use object::{Object as _, ObjectSymbol as _, SymbolKind};
use std::{collections::BTreeSet, fs, path::PathBuf};

/// A name that contains one of these is checked.
const WATCHED: [&str; 33] = [
    "open",
    "stat",
    "access",
    "dir",
    "dent",
    "glob",
    "ftw",
    "fts",
    "wordexp",
    "realpath",
    "canonicalize",
    "readlink",
    "nproc",
    "_pages",
    "sysconf",
    "pathconf",
    "confstr",
    "affinity",
    "cpu",
    "sysinfo",
    "loadavg",
    "seek",
    "rewind",
    "setpos",
    "pread",
    "mmap",
    "statvfs",
    "auxval",
    "prctl",
    "syscall",
    "rusage",
    "times",
    "handle_at",
];

/// Where the set-up keeps libraries, each below its own root, and their names there.
const ROOTS: [&str; 7] =
    ["glibc-2.31", "glibc-2.41", "glibc-sid", "glibc-experimental", "musl-bullseye", "musl-trixie", "musl-sid"];
const PLACES: [&str; 7] = [
    "lib/x86_64-linux-gnu/libc.so.6",
    "lib/x86_64-linux-gnu/libpthread.so.0",
    "lib/x86_64-linux-gnu/librt.so.1",
    "lib/ld-musl-x86_64.so.1",
    "usr/lib/x86_64-linux-gnu/libc.so.6",
    "usr/lib/ld-musl-x86_64.so.1",
    "usr/lib/x86_64-linux-musl/libc.so",
];

fn libraries() -> Vec<PathBuf> {
    let own = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/ld-musl-x86_64.so.1"].map(PathBuf::from);
    let mut found = own.to_vec();
    for root in ROOTS.map(|root| bed::cache().join(root)) {
        let there: Vec<_> = PLACES.iter().map(|place| root.join(place)).filter(|path| path.is_file()).collect();
        assert!(!there.is_empty(), "no C library in {}: tests/bed/setup", root.display());
        found.extend(there);
    }
    found
}

/// The functions that a library exports.
fn functions(library: &PathBuf) -> BTreeSet<String> {
    let bytes = fs::read(library).unwrap_or_else(|e| panic!("{}: {e}", library.display()));
    let file = object::File::parse(&*bytes).expect("an ELF file");
    let is_function =
        |s: &object::Symbol| s.is_definition() && matches!(s.kind(), SymbolKind::Text | SymbolKind::Unknown);
    file.dynamic_symbols().filter(is_function).map(|s| s.name().expect("a name").to_owned()).collect()
}

/// A line of the table.
struct Line {
    names: Vec<String>,
    meaning: String,
}

fn table() -> Vec<Line> {
    let text = fs::read_to_string(bed::repository("tests/form/doors.tsv")).expect("the table");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let line = |line: &str| {
        let [names, meaning, reason] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}: three columns")
        };
        assert!(["no need", "private", "out of reach"].contains(&meaning) && !reason.is_empty(), "{line}");
        Line { names: names.split(' ').map(str::to_owned).collect(), meaning: meaning.to_owned() }
    };
    lines.map(line).collect()
}

/// Whether a pattern of the table covers this name. Fortified programs are compiled to some names that no header shows:
/// each of those must be listed by itself.
fn is_of(pattern: &str, name: &str) -> bool {
    let is_fortified = name.ends_with("_chk") || name.ends_with("_2");
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start) && !is_fortified)
}

#[test]
fn every_door_is_hooked_or_has_a_reason_why_not() {
    let hooked: BTreeSet<_> = super::form::list("shim/exports.txt");
    let table = table();
    let patterns: BTreeSet<&str> = table.iter().flat_map(|line| &line.names).map(String::as_str).collect();
    let (mut strange, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for library in libraries() {
        for name in functions(&library) {
            let is_watched = WATCHED.iter().any(|word| name.contains(word));
            let spared: Vec<_> = patterns.iter().filter(|pattern| is_of(pattern, &name)).collect();
            if is_watched && !hooked.contains(&name) && spared.is_empty() {
                strange.insert(format!("{name} of {}", library.display()));
            }
            seen.extend(spared.into_iter().copied());
        }
    }
    assert_eq!(strange, BTreeSet::new(), "neither hooked nor in the table");
    let stale: Vec<_> = patterns.difference(&seen).collect();
    assert_eq!(stale, [&""; 0], "in the table, and in no library");
    let both: Vec<_> = patterns.iter().filter(|name| hooked.contains(**name)).collect();
    assert_eq!(both, [&""; 0], "in the table, and hooked");
}

#[test]
fn what_is_out_of_reach_is_documented() {
    let text = fs::read_to_string(bed::repository("docs/hooks.md")).expect("docs/hooks.md");
    let (_, rest) = text.split_once("## Not hooked").expect("the section");
    for name in table().iter().filter(|line| line.meaning == "out of reach").flat_map(|line| &line.names) {
        assert!(rest.contains(&format!("`{name}`")), "{name}");
    }
}
