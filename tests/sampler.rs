//! What only a sampler can tell: the load of a container, its disk usage, and limits above what it sees. Sampler, real
//! containers and the object together, against the kernel. Needs root. Most tests wait for ticks of the kernel's
//! averages, so they run side by side, ideally all at once (`--test-threads=24`).

mod bed;

#[path = "sampler/a_whole_system.rs"]
mod a_whole_system;
#[path = "sampler/above.rs"]
mod above;
#[path = "sampler/ages.rs"]
mod ages;
#[path = "sampler/aside.rs"]
mod aside;
#[path = "sampler/births.rs"]
mod births;
#[path = "sampler/boards.rs"]
mod boards;
#[path = "sampler/disk.rs"]
mod disk;
#[path = "sampler/groups.rs"]
mod groups;
#[path = "sampler/harness.rs"]
mod harness;
#[path = "sampler/hostile.rs"]
mod hostile;
#[path = "sampler/hostile_cgroups.rs"]
mod hostile_cgroups;
#[path = "sampler/load.rs"]
mod load;
#[path = "sampler/owner.rs"]
mod owner;
#[path = "sampler/processes.rs"]
mod processes;
#[path = "sampler/run.rs"]
mod run;
#[path = "sampler/service.rs"]
mod service;
#[path = "sampler/share.rs"]
mod share;
#[path = "sampler/sidecar.rs"]
mod sidecar;
#[path = "sampler/storm.rs"]
mod storm;
#[path = "sampler/tasks.rs"]
mod tasks;
#[path = "sampler/tools.rs"]
mod tools;
#[path = "sampler/watch.rs"]
mod watch;
