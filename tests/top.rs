//! `cgproc top` in a real terminal, and its output for files and programs, over real cgroups. Needs root.

mod bed;

#[path = "top/batch.rs"]
mod batch;
#[path = "top/comings.rs"]
mod comings;
#[path = "command/harness.rs"]
#[allow(dead_code, unused_imports, reason = "shared with other rings")]
mod command;
#[path = "sampler/groups.rs"]
#[allow(dead_code, reason = "shared with other rings")]
mod groups;
#[path = "top/places.rs"]
mod places;
#[path = "sampler/processes.rs"]
#[allow(dead_code, reason = "shared with other rings")]
mod processes;
#[path = "top/screens.rs"]
mod screens;
#[path = "top/terminal.rs"]
mod terminal;
#[path = "top/tmux.rs"]
mod tmux;
#[path = "top/unread.rs"]
mod unread;
