//! `cgproc trace`: what it says of a program is what strace(1) sees, and every way past the hooks is named.

mod bed;

#[path = "trace/acceptance.rs"]
mod acceptance;
#[path = "trace/doors.rs"]
mod doors;
#[path = "command/harness.rs"]
#[allow(dead_code, reason = "shared with the tests of the command")]
mod harness;
#[path = "trace/levels.rs"]
mod levels;
#[path = "supervised/program.rs"]
#[allow(dead_code, reason = "shared with the tests of supervision")]
mod program;
#[path = "trace/programs.rs"]
mod programs;
#[path = "trace/traced.rs"]
mod traced;
