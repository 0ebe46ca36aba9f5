//! One truth about CPUs: what runtimes count quota by quota, natively and with us, in booted kernels of 4 CPUs and both cgroup
//! versions. No program is given fewer CPUs than it would take by its own rule, none sees two numbers but where its own rule is
//! another than ours, and `cgproc explain` says so. docs/cpus.md is written here. Needs root.

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
