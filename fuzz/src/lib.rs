//! What a fuzzer feeds to the parsers and composers, and what must hold of every result, besides that nothing panics.
//!
//! A target is a function of any bytes. `tests/replay.rs` calls each with its corpus and with changes of that;
//! libFuzzer calls it from `fuzz_targets` (tests/README.md has the commands).
//!
//! calc's functions are called as everybody calls them. Modules that are private to the command or to the object are
//! compiled from their own files (`command`, `object`), so nothing is made public for the sake of this.

mod answers;
mod board;
mod command;
mod files;
mod home;
mod judge;
mod object;
mod paths;
mod policy;
mod program;
mod scans;
mod tree;

// The names that the command's and the object's own files know.
use command::{host, inject};
use object::{arch, link, options, scope, sys};

/// A target's name, which is also that of its corpus and its program, and the target.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 15] = [
    ("board", board::board),
    ("config", command::runtime::configuration),
    ("cpus", answers::cpus),
    ("datagrams", files::datagrams),
    ("lines", scans::lines),
    ("lists", scans::lists),
    ("memory", answers::memory),
    ("nri", command::nri::frames),
    ("numbers", scans::numbers),
    ("paths", paths::paths),
    ("policy", policy::policy),
    ("preloads", files::preloads),
    ("programs", files::programs),
    ("requests", command::metrics::requests),
    ("values", scans::values),
];

/// Feeds one input to the target of this name.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    target(bytes);
}
