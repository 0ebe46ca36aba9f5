//! What a program in a container sees, as this side works it out, and where each figure comes from.

pub(crate) mod answers;
pub(crate) mod explain;
pub(crate) mod published;
mod recorder;
pub(crate) mod show;
pub(crate) mod view;
