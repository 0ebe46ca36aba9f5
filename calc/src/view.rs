//! What we present: readings of a cgroup and facts of the machine, turned into the container's figures.

pub mod cpu;
pub mod memory;
pub mod ratchet;
pub mod threads;
pub mod time;
