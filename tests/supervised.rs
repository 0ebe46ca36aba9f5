//! Programs that make their own system calls, static and Go ones, answered from outside: `cgproc run --static`.

mod bed;

#[path = "supervised/calls.rs"]
mod calls;
#[path = "supervised/fate.rs"]
mod fate;
#[path = "supervised/figures.rs"]
mod figures;
#[path = "supervised/guests.rs"]
mod guests;
#[path = "command/harness.rs"]
#[allow(dead_code, reason = "shared with the tests of the command")]
mod harness;
#[path = "supervised/hostile_programs.rs"]
mod hostile_programs;
#[path = "supervised/program.rs"]
mod program;
#[path = "supervised/sandboxes.rs"]
mod sandboxes;
