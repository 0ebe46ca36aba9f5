//! `/proc/loadavg`

use super::text;
use crate::kernel::{Kernel, Reading};
use crate::scope;
use calc::compose;
use calc::source::Scratch;
use calc::text::Sink;
use calc::view::pids;
use core::ffi::c_int;

#[inline(never)]
pub(super) fn loadavg(host: c_int, out: &mut impl Sink) -> Option<()> {
    let load = scope::load()?;
    let (threads, has_all) = threads()?;
    text(out, |text, scratch| compose::loadavg(&load, threads, has_all, &mut Reading::of(host, false), text, scratch))
}

/// The threads of the scope at this moment, 0 where that is not known, and whether those are all that can be seen.
#[inline(never)]
fn threads() -> Option<(u64, bool)> {
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_places(|places| Some((pids::threads(&Kernel, places, scratch).unwrap_or(0), places.began_ticks != 0)))
}
