//! One object, unchanged, wherever programs come from: C libraries with their own loaders, whole userlands, 32-bit
//! programs, sanitizers, and other libraries in LD_PRELOAD, before and behind it. Each test records what it saw for
//! docs/reach.md. Needs root.

mod bed;

#[path = "runtimes/allocators.rs"]
mod allocators;
#[path = "runtimes/cache.rs"]
mod cache;
#[path = "runtimes/classes.rs"]
mod classes;
#[path = "runtimes/harness.rs"]
mod harness;
#[path = "runtimes/late.rs"]
mod late;
#[path = "runtimes/libraries.rs"]
mod libraries;
#[path = "runtimes/neighbours.rs"]
mod neighbours;
#[path = "runtimes/probes.rs"]
mod probes;
#[path = "runtimes/sanitizers.rs"]
mod sanitizers;
#[path = "runtimes/userlands.rs"]
mod userlands;
