//! The text of each answered file.
//!
//! Every function takes the kernel's own text from `host` (except where none is needed), and gives `None` on any doubt.

mod cpu_list;
mod cpuinfo;
mod loadavg;
mod meminfo;
mod stat;
mod swaps;
mod uptime;

pub use cpu_list::cpu_list;
pub use cpuinfo::cpuinfo;
pub use loadavg::loadavg;
pub use meminfo::{Figures as MemoryFigures, meminfo};
pub use stat::{stat, stat_of_kernel};
pub use swaps::swaps;
pub use uptime::uptime;
