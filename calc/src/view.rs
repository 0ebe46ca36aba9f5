//! What we present: the container's figures, from the readings of a cgroup and facts about the machine.

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
