//! How many CPUs runtimes take that go by a quota themselves: none is given fewer than it would take by its own rule. Needs root.

mod bed;

#[path = "cpus/go.rs"]
mod go;
#[path = "command/harness.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests of the command")]
mod harness;
#[path = "cpus/root.rs"]
mod root;
