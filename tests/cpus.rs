//! One truth about CPUs: what runtimes count under each quota, natively and with us, in booted kernels of 4 CPUs and
//! both cgroup versions. No program gets fewer CPUs than by its own rule. None sees two numbers, unless its own rule
//! differs from ours, and then `cgproc explain` says so. Writes docs/cpus.md. Needs root.

mod bed;

#[path = "cpus/cells.rs"]
mod cells;
#[path = "cpus/go.rs"]
mod go;
#[path = "command/harness.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests of the command")]
mod harness;
#[path = "cpus/page.rs"]
mod page;
#[path = "cpus/programs.rs"]
mod programs;
#[path = "cpus/root.rs"]
mod root;
#[path = "cpus/table.rs"]
mod table;
