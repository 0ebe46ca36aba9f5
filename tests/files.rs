//! The figures besides memory, CPUs, times and load: disks, paging, pressure, topology, the size of the
//! root; and all figures while limits change. Real tools in real containers. Needs root.

mod bed;

#[path = "files/changes.rs"]
mod changes;
#[path = "files/df.rs"]
mod df;
#[path = "files/disks.rs"]
mod disks;
#[path = "files/long_paths.rs"]
mod long_paths;
#[path = "files/masks.rs"]
mod masks;
#[path = "files/pressure.rs"]
mod pressure;
#[path = "files/text.rs"]
mod text;
#[path = "files/topology.rs"]
mod topology;

#[allow(dead_code, reason = "ring sampler uses the rest")]
#[path = "sampler/boards.rs"]
mod boards;
#[allow(dead_code, reason = "ring sampler uses the rest")]
#[path = "sampler/groups.rs"]
mod groups;
#[allow(dead_code, reason = "ring sampler uses the rest")]
#[path = "sampler/harness.rs"]
mod harness;
#[allow(dead_code, reason = "ring sampler uses the rest")]
#[path = "sampler/processes.rs"]
mod processes;
