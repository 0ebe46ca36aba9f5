//! The text of each answered file.
//!
//! Every function takes the kernel's own text from `host` (unless it needs none), and returns `None` if in doubt.

mod block_stat;
mod blocks;
mod cpu_list;
mod cpu_subsets;
mod cpuinfo;
mod diskstats;
mod loadavg;
mod meminfo;
mod node_meminfo;
mod pressure;
mod schedstat;
mod stat;
mod swaps;
mod threads_max;
mod uptime;
mod vmstat;

pub use block_stat::block_stat;
pub use blocks::block_size;
pub use cpu_list::cpu_list;
pub use cpu_subsets::{cpu_list_within, cpu_map_within};
pub use cpuinfo::cpuinfo;
pub use diskstats::diskstats;
pub use loadavg::loadavg;
pub use meminfo::{Figures as MemoryFigures, Kept as KeptMemory, meminfo};
pub use node_meminfo::node_meminfo;
pub use pressure::pressure;
pub use schedstat::schedstat;
pub use stat::{Figures as StatFigures, stat, stat_of_kernel};
pub use swaps::swaps;
pub use threads_max::threads_max;
pub use uptime::uptime;
pub use vmstat::{Figures as VmstatFigures, vmstat};
