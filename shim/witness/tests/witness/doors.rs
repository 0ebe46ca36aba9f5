//! Every function that the object hooks has a hook here, or a reason.

use crate::{
    Programs, both, built,
    listener::{faults, listen, text},
    source,
};
use object::{Object as _, ObjectSymbol as _};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};
use witness_event::Moment;

/// Hooks for functions that the object leaves alone.
const OURS_ALONE: [&str; 2] = ["get_nprocs_conf", "rewinddir"];

fn hooked() -> BTreeSet<String> {
    let library = fs::read(built("libcgproc_witness.so")).expect("the library");
    let library = object::File::parse(&*library).expect("an ELF file");
    library.dynamic_symbols().filter(|s| s.is_definition()).map(|s| s.name().expect("a name").to_owned()).collect()
}

fn lines(path: &str) -> Vec<String> {
    let text = fs::read_to_string(source(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn every_export_of_the_object_is_hooked_or_listed() {
    let listed: BTreeMap<String, String> = lines("unhooked.tsv")
        .iter()
        .map(|line| line.split_once('\t').unwrap_or_else(|| panic!("no tab: {line}")))
        .map(|(symbol, why)| (symbol.to_owned(), why.to_owned()))
        .collect();
    let listed: BTreeSet<String> = listed.into_keys().collect();
    let hooked = hooked();
    assert_eq!(hooked.intersection(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "hooked, and listed");
    let mut known: BTreeSet<String> = hooked.union(&listed).cloned().collect();
    for symbol in OURS_ALONE {
        assert!(known.remove(symbol), "{symbol} is not hooked");
    }
    assert_eq!(known, lines("../exports.txt").into_iter().collect());
}

/// The program calls every function by its name.
#[test]
fn every_hook_tells() {
    let (output, events) = listen(Programs::get().path("asks"), &["each"], &both());
    assert!(output.status.success(), "{}: {}", output.status, text(&output.stderr));
    assert_eq!(faults(&events), Vec::<String>::new());
    let told = |symbol: &str| {
        // A call by number has its name; prctl is hooked for sandboxes only.
        let symbol = if symbol == "syscall" { "syscall(sysinfo)" } else { symbol };
        events.iter().any(|event| event.moment == Moment::Leave && *event.function == *symbol.as_bytes())
    };
    let silent: Vec<String> = hooked().into_iter().filter(|symbol| symbol != "prctl" && !told(symbol)).collect();
    assert_eq!(silent, Vec::<String>::new());
    let program = Programs::get().path("asks");
    for event in &events {
        let Some(caller) = &event.caller else { continue };
        assert_eq!(text(&caller.object), program.display().to_string(), "{event:?}");
    }
}
