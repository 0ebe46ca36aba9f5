//! `/proc/sys/kernel/threads-max`

use super::text;
use crate::kernel::{Kernel, Reading};
use crate::scope;
use calc::compose;
use calc::source::Scratch;
use calc::text::Sink;
use calc::view::pids;
use core::ffi::c_int;

#[inline(never)]
pub(super) fn limit(host: c_int, out: &mut impl Sink) -> Option<()> {
    let limit = limit_of_chain()?;
    text(out, |text, scratch| compose::threads_max(limit, &mut Reading::of(host, false), text, scratch))
}

#[inline(never)]
fn limit_of_chain() -> Option<u64> {
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_places(|places| pids::limit(&Kernel, places, scratch))
}
