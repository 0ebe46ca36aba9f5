//! The `cgproc` command.
fn main() {}
