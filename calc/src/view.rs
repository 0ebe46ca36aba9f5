//! What we present: readings of a cgroup and facts of the machine, turned into the container's figures.

pub mod blocks;
pub mod cpu;
pub mod disk;
pub mod imposer;
pub mod io;
pub mod memory;
pub mod nodes;
pub mod pids;
pub mod pressure;
pub mod ratchet;
pub mod shares;
pub mod shown;
pub mod time;
pub mod topology;
