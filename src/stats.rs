//! What `cgproc top` and the metrics show: figures of the cgroups, and who runs in them.

mod collector;
mod container;
mod figures;
mod files;
mod limits;
mod member;
mod names;
mod own;
mod own_sampler;
mod processes;
mod rates;
mod rows;
pub(crate) mod sample;
mod starts;

pub(crate) use collector::Collector;
pub(crate) use own_sampler::OwnSampler;
pub(crate) use rates::{Rate, Rates};
pub(crate) use rows::Which;
