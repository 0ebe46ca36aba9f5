//! What befell other preloaded and injected libraries, done to the object: docs/museum.md lists these incidents, also
//! those that tests of other rings hold. Each program runs in a container, without the object and with it.

mod bed;
mod probes;

#[path = "museum/descriptors.rs"]
mod descriptors;
#[path = "museum/environs.rs"]
mod environs;
#[path = "museum/faults.rs"]
mod faults;
#[path = "museum/filters.rs"]
mod filters;
#[path = "museum/hashes.rs"]
mod hashes;
#[path = "museum/loaders.rs"]
mod loaders;
#[path = "museum/namespaces.rs"]
mod namespaces;
#[path = "museum/page.rs"]
mod page;

use probes::{Case, Result, SMALL, SMALL_PAGES, quoted};
use std::path::Path;

/// Runs shell commands in one container, each twice, with `$preload` empty and then the object: what each printed on
/// both streams, and its status.
fn without_and_with(commands: &[String]) -> Vec<[Result; 2]> {
    let object = bed::object().display().to_string();
    let case = |preload: &str, command: &String| Case {
        title: command.clone(),
        command: format!("preload={}; {command}", quoted(preload)),
    };
    let limit = format!("export PROBE_LIMIT_PAGES={SMALL_PAGES}");
    let mut cases = vec![Case { title: limit.clone(), command: limit }];
    for command in commands {
        cases.extend([case("", command), case(&object, command)]);
    }
    let mut results = probes::run(&SMALL, &cases).into_iter().skip(1);
    let pairs = std::iter::from_fn(|| Some([results.next()?, results.next()?]));
    pairs.collect()
}

/// A command that preloads `$preload`, if that is not empty, into a program.
fn preloaded(program: &Path, arguments: &str) -> String {
    format!("LD_PRELOAD=$preload {} {arguments}", quoted(&program.to_string_lossy()))
}

/// The machine's figures without the object, the container's with it, all else the same.
fn shows_the_container(what: &str, [without, with]: &[Result; 2]) {
    let expected = Result { text: without.text.replace("kernel", "container"), status: 0 };
    assert_eq!(without.status, 0, "{what}, without the object: {}", without.text);
    assert_ne!(without.text, expected.text, "{what} shows no figure: {}", without.text);
    assert_eq!(*with, expected, "{what}");
}

/// The same with the object as without.
fn is_left_alone(what: &str, [without, with]: &[Result; 2]) {
    assert!(!without.text.is_empty(), "{what} prints nothing");
    assert_eq!(with, without, "{what}");
}
