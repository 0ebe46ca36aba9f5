//! `cgproc install` into real roots: userlands of several releases, one with musl, one without a shell. Needs root, and
//! the roots that tests/bed/roots makes.

mod bed;

#[path = "install/bounds.rs"]
mod bounds;
#[path = "install/copy.rs"]
mod copy;
#[path = "install/exchanged.rs"]
mod exchanged;
#[path = "install/harness.rs"]
mod harness;
#[path = "install/interrupted.rs"]
mod interrupted;
#[path = "install/kept.rs"]
mod kept;
#[path = "install/libcs.rs"]
mod libcs;
#[path = "install/refusals.rs"]
mod refusals;
#[path = "install/roots.rs"]
mod roots;
#[path = "install/untrusted.rs"]
mod untrusted;
#[path = "install/upgrade.rs"]
mod upgrade;
