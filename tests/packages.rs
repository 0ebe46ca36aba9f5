//! What packaging/build makes, put to use: packages on machines that have none of it, with containers and programs that
//! run meanwhile. Needs root, and the roots that tests/bed/roots makes.

mod bed;
#[allow(dead_code, reason = "the ring of the object checks the rest")]
mod form;

#[path = "packages/another_directory.rs"]
mod another_directory;
#[path = "packages/archives.rs"]
mod archives;
#[path = "packages/contents.rs"]
mod contents;
#[path = "packages/engines.rs"]
mod engines;
#[path = "packages/harness.rs"]
mod harness;
#[path = "packages/host.rs"]
mod host;
#[path = "packages/loaders.rs"]
mod loaders;
#[path = "containers/harness.rs"]
#[allow(dead_code, reason = "the ring of containers uses the rest")]
mod private;
#[path = "containers/probe.rs"]
#[allow(dead_code, reason = "the ring of containers uses the rest")]
mod probe;
#[path = "packages/running.rs"]
mod running;
#[path = "packages/system.rs"]
mod system;
