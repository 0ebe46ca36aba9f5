//! What `cgproc top` and the metrics show: figures of the cgroups, and who runs in them.

mod collector;
mod rates;
pub(crate) mod sample;

#[allow(unused_imports, reason = "top and the metrics are being built on it")]
pub(crate) use {
    collector::{Collector, Which},
    rates::{Rate, Rates},
};
