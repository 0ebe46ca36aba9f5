//! What a program in a container sees, calculated on this side, and where each figure comes from.

pub(crate) mod answers;
pub(crate) mod board_reader;
pub(crate) mod board_state;
pub(crate) mod explain;
mod recorder;
pub(crate) mod show;
pub(crate) mod view;
