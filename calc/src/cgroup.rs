//! Where a process's cgroups are, and what their files say.

pub mod places;
