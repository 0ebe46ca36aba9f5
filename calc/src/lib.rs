//! The figures of a container, computed from bytes.
//!
//! Nothing here does I/O, allocates or panics. The caller lends [`source::Files`] to read small kernel files from, a
//! scratch buffer to read them into, and a [`text::Sink`] for the composed text. Data flows one way:
//!
//! `source` → `scan`, `lines`, `cpus`, `capacity` → `cgroup` (where the cgroups are and what their files say) →
//! `board` (what is published about them) → `view` (what we present) → `compose` (the text of one /proc file) →
//! `text`. `steps` go this way for each answered file, with what an `asker` lends; a refusal is a `doubt`.
//!
//! Apart from that, `settings` are what a user asks for, and `policy` is the file that holds them.
//!
//! `/proc/meminfo` in a container of 512 MiB, from files recorded in one:
//!
//! ```
//! use calc::{
//!     board::Above,
//!     cgroup::places::{Places, Whose},
//!     compose::{MemoryFigures, meminfo},
//!     host::Host,
//!     source::{Directory, Files, Source},
//!     text::{Sink, Text},
//! };
//! use std::{ffi::CStr, fs::File, io::{Read, Seek}};
//!
//! struct Open(File);
//!
//! impl Source for Open {
//!     fn read(&mut self, into: &mut [u8]) -> Option<usize> {
//!         self.0.read(into).ok()
//!     }
//!
//!     fn rewind(&mut self) {
//!         self.0.rewind().expect("a plain file");
//!     }
//! }
//!
//! struct Tree(&'static str);
//!
//! impl Files for Tree {
//!     type File = Open;
//!
//!     fn open(&self, path: &CStr) -> Option<Open> {
//!         File::open([self.0, path.to_str().ok()?].concat()).ok().map(Open)
//!     }
//!
//!     fn directory(&self, path: &CStr) -> Option<Directory> {
//!         (path == c"/sys/fs/cgroup").then_some(Directory { inode: 183, links: 2 })
//!     }
//!
//!     fn file_system(&self, _: &CStr) -> Option<u64> {
//!         None
//!     }
//! }
//!
//! struct Kept(Vec<u8>);
//!
//! impl Sink for Kept {
//!     fn write(&mut self, bytes: &[u8]) -> Option<()> {
//!         self.0.extend_from_slice(bytes);
//!         Some(())
//!     }
//! }
//!
//! fn composed() -> Option<()> {
//!     let tree = Tree(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/trees/v2-runc-namespace"));
//!     let machine = Host { memory_bytes: 2_050_504 << 10, swap_bytes: 0, swap_free_bytes: 0, since_boot_usec: 0 };
//!     let scratch = &mut [0; 512];
//!
//!     let places = Places::locate(&tree, Whose::Caller, scratch)?;
//!     let mut figures = MemoryFigures::default();
//!     figures.read(&tree, &places, &Above::NONE, &machine, scratch)?;
//!
//!     let mut kept = Kept(Vec::new());
//!     let mut text = Text::new(&mut kept);
//!     meminfo(&figures, &mut tree.open(c"/proc/meminfo")?, &mut text, scratch)?;
//!     text.finish()?;
//!     assert!(kept.0.starts_with(b"MemTotal:         524288 kB\n"));
//!     Some(())
//! }
//! # composed().expect("figures of every file");
//! ```
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
pub mod steps;
pub mod text;
pub mod view;
