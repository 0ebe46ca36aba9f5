//! What is asked of this machine: its kernel, cgroups, processes, and other users' files.

pub(crate) mod auxv;
pub(crate) mod clocks;
pub(crate) mod descriptors;
pub(crate) mod elf;
pub(crate) mod foreign;
pub(crate) mod hierarchy;
pub(crate) mod kernel;
pub(crate) mod mounts;
pub(crate) mod named;
pub(crate) mod namespace;
pub(crate) mod notify;
pub(crate) mod object;
pub(crate) mod preload_file;
pub(crate) mod process;
pub(crate) mod replaced;
pub(crate) mod rights;
pub(crate) mod signals;
pub(crate) mod switch;
pub(crate) mod temporary;
pub(crate) mod trusted;
