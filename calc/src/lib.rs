//! The figures of a container, computed from bytes.
//!
//! Nothing here does I/O, allocates or panics: the caller lends [`source::Files`] to read small kernel files from, a
//! scratch buffer to read them into, and a [`text::Sink`] to put the composed text in. Data flows one way:
//!
//! `source` → `scan`, `lines`, `cpus`, `capacity` → `cgroup` (where things are, what they say) → `board` (what is published
//! of them) → `view` (what we present) → `compose` (the text of one /proc file) → `text`.
//!
//! Beside that way, `settings` are what a user asks for, and `policy` is the file that says so.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        reason = "a panic here would kill a stranger's program; the shim's link fails on any panic path"
    )
)]

#[cfg(test)]
extern crate std;

pub mod answer;
pub mod answers;
pub mod asker;
pub mod board;
pub mod capacity;
pub mod cgroup;
pub mod compose;
pub mod cpus;
pub mod doubt;
#[cfg(test)]
mod fixture;
pub mod host;
pub mod lines;
pub mod load;
pub mod path;
pub mod policy;
pub mod scan;
pub mod settings;
pub mod source;
pub mod text;
pub mod view;
