//! The hooks, by the manual page of their functions.

mod directory;
mod figures;
mod files;
mod seek;
mod status;
mod system;
mod volumes;
