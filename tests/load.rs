//! Figures under load: whatever a container does, what its programs read adds up, never runs backwards, and shows the share of
//! its own capacity that it uses. And a file that a program keeps open is as fresh as the kernel's own.

mod bed;

#[path = "load/figures.rs"]
mod figures;
#[path = "load/fresh.rs"]
mod fresh;
#[path = "load/shares.rs"]
mod shares;

/// As long as nothing should ever take, in seconds.
const HANGS: u32 = 400;
