//! What the machine's containers use: what `cgproc top` and the metrics show.

pub(crate) mod sample;
