//! `/proc/pressure/*`

use super::text;
use crate::{answer::Answer, asker::Asker, compose, doubt::Doubt, source::Scratch, text::Sink, view::pressure};

/// The text of the scope's own file, in place of the kernel's.
#[inline(never)]
pub(super) fn pressure(answer: Answer, asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    let mut own = opened(answer, asker).ok_or(Doubt::NoPressure)?;
    text(out, |text, window| compose::pressure(&mut own, text, window))
}

#[inline(never)]
fn opened<A: Asker>(answer: Answer, asker: &A) -> Option<A::Text> {
    let scratch: &mut Scratch = &mut [0; _];
    asker.with_places(|places| asker.open_scopes(pressure::path(answer, places, scratch)?))
}
