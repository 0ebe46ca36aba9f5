//! `/proc/sys/kernel/threads-max`

use super::text;
use crate::{asker::Asker, compose, doubt::Doubt, source::Scratch, text::Sink, view::pids};

#[inline(never)]
pub(super) fn threads_max(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    let limit = limit(asker).ok_or(Doubt::NoPidsLimit)?;
    text(out, |text, window| compose::threads_max(limit, &mut asker.kernels_own(false)?, text, window))
}

#[inline(never)]
fn limit(asker: &impl Asker) -> Option<u64> {
    let scratch: &mut Scratch = &mut [0; _];
    asker.with_places(|places| pids::limit(asker.files(), places, scratch))
}
